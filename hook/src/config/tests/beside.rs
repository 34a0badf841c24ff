//! Tables of other programs, and results of theirs.

use super::*;

#[test]
fn every_backend_is_known_by_its_name() {
    for (name, backend) in [
        ("ipvs", Backend::Ipvs),
        ("weights", Backend::Weights),
        ("keepalived-files", Backend::KeepalivedFiles),
        ("memory", Backend::Memory),
    ] {
        let text = GOOD.replacen("\"ipvs\"", &format!("\"{name}\""), 1);
        let config = Config::parse(Path::new("g.toml"), &text).expect(name);
        assert_eq!(config.director.backend, backend);
        assert_eq!(config.director.backend.name(), name);
    }
}

#[test]
fn the_packaged_file_for_keepalived_is_accepted_and_has_the_documented_folder() {
    let text = include_str!("../../../../packaging/keepalived/governess.toml");
    let config = Config::parse(Path::new("g.toml"), text).expect("the packaged file");
    let without = text.replace("[keepalived]\n", "").replace("files =", "# ");
    let without = without.replace("fifo =", "# ");
    let without = Config::parse(Path::new("g.toml"), &without).expect("without the section");
    assert_eq!(config.keepalived.files, without.keepalived.files);
    assert_eq!(without.keepalived.fifo, None);
}

#[test]
fn paths_of_other_programs_must_be_absolute() {
    for (section, key) in [
        ("keepalived", "files"),
        ("keepalived", "fifo"),
        ("nagios", "command_file"),
    ] {
        let said = refusal(&format!("{GOOD}\n[{section}]\n{key} = \"here\"\n"));
        assert_says(&said, &[key, "\"here\"", "absolute"]);
    }
}

#[test]
fn a_name_that_cannot_be_part_of_a_files_name_is_refused_where_files_bear_it() {
    let good = GOOD.replace("exchange]", "\"ex/change\"]");
    Config::parse(Path::new("g.toml"), &good).expect("no files");
    let said = refusal(&good.replace("\"ipvs\"", "\"keepalived-files\""));
    assert_says(&said, &["ex/change", "file's name"]);
}

#[test]
fn one_report_decides_unless_the_file_says_otherwise() {
    let text = format!(
        "{GOOD}\n[checks.store]\nreported = {{}}\n[checks.mail]\nreported = {{}}\nfall = 2\n"
    );
    let config = Config::parse(Path::new("g.toml"), &text).expect("reported checks");
    let check = |name: &str| {
        config
            .checks
            .iter()
            .find(|check| check.name == name)
            .unwrap()
    };
    assert!(check("store").is_reported() && !check("rdp").is_reported());
    assert_eq!(check("store").rules, Rules { fall: 1, rise: 1 });
    assert_eq!(check("mail").rules, Rules { fall: 2, rise: 1 });
    assert_eq!(check("store").stale_after, Duration::from_secs(900));
    let said = refusal(&text.replace("reported = {}\nfall", "reported = { x = 1 }\nfall"));
    assert_says(&said, &["unknown key `x`"]);
}

const PAIR: &str = "[pair]\npartner = [\"10.0.1.33\", \"10.0.1.34\"]\ninterface = \"eth0\"\n";

#[test]
fn a_pair_needs_its_directors_and_has_defaults_for_the_rest() {
    let of = |text: &str| {
        let config = Config::parse(Path::new("g.toml"), &format!("{GOOD}\n{text}"));
        config.expect(text).pair.expect("a pair")
    };
    let pair = of(PAIR);
    assert_eq!((pair.directors.len(), pair.router_id), (2, 51));
    assert_eq!(
        (pair.sync, pair.fifo, pair.partner_status),
        (false, None, None)
    );
    assert!(pair.score_file.ends_with("score"));
    let asked = of(&format!("{PAIR}partner_status = 3636\nsync = true\n"));
    assert_eq!((asked.partner_status, asked.sync), (Some(3636), true));
}

#[test]
fn a_pair_that_cannot_be_is_refused_with_the_key() {
    for (from, to, words) in [
        ("[\"10.0.1.33\", \"10.0.1.34\"]", "[]", "0 addresses"),
        ("\"10.0.1.34\"", "\"10.0.1.33\"", "listed twice"),
        ("\"10.0.1.34\"", "\"lb2\"", "lb2 is not the IP address"),
        ("\"eth0\"\n", "\"eth0\"\nrouter_id = 0\n", "router_id = 0"),
        ("\"eth0\"\n", "\"eth0\"\nfifo = \"here\"\n", "absolute path"),
        (
            "\"eth0\"\n",
            "\"eth0\"\npartner_status = 65536\n",
            "partner_status = 65536",
        ),
    ] {
        let said = refusal(&format!("{GOOD}\n{}", PAIR.replace(from, to)));
        assert_says(&said, &[words]);
    }
}
