//! The `[icinga]` section, with files that are what they should be, and that are not.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::config::{Login, Object};

/// An authority's certificate in PEM; nothing is verified by it here.
const CA: &str = include_str!("ca.pem");

const CHECKS: &str = "\n[checks.store]\nreported = {}\n";

const SECTION: &str = "[icinga]\nurl = \"https://icinga.example.test\"\nuser = \"governess\"\n\
                       password_file = \"FOLDER/password\"\nca = \"FOLDER/ca.pem\"\n\
                       take = [\"store\"]\ngive = true\ndirector = \"lb1!governess\"\n\
                       hosts = { ex2 = \"ex2.exch.test\" }\n";

/// A folder with the files that the section names.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content, mode) in [
        ("password", "open sesame\n", 0o600),
        ("everybodys", "open sesame\n", 0o644),
        ("ca.pem", CA, 0o644),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    }
    folder
}

fn text(section: &str, folder: &tempfile::TempDir) -> String {
    let section = section.replace("FOLDER", &folder.path().to_string_lossy());
    format!("{GOOD}{CHECKS}{section}")
}

#[test]
fn an_icinga_is_met_at_its_own_port_by_names_that_it_knows() {
    let folder = folder();
    let config = Config::parse(Path::new("g.toml"), &text(SECTION, &folder)).expect("good");
    let icinga = config.icinga.expect("the section");
    assert_eq!(
        (icinga.host.as_str(), icinga.port),
        ("icinga.example.test", 5665)
    );
    assert_eq!(icinga.name, "icinga.example.test");
    assert_eq!(icinga.interval, Duration::from_secs(60));
    assert_eq!(icinga.object("ex1", "rdp").to_string(), "ex1!rdp");
    assert_eq!(icinga.object("ex2", "rdp").to_string(), "ex2.exch.test!rdp");
    let director = Object {
        host: "lb1".to_owned(),
        service: "governess".to_owned(),
    };
    assert_eq!(icinga.director, Some(director));
    assert!(matches!(icinga.login, Login::Password { .. }));

    let other = SECTION
        .replace("icinga.example.test", "[2001:db8::5]:5666")
        .replace(
            "user = \"governess\"\npassword_file",
            "name = \"master1\"\ntoken_file",
        );
    let config = Config::parse(Path::new("g.toml"), &text(&other, &folder)).expect("good");
    let icinga = config.icinga.expect("the section");
    assert_eq!((icinga.host.as_str(), icinga.port), ("2001:db8::5", 5666));
    assert_eq!(icinga.name, "master1");
    assert!(matches!(icinga.login, Login::Token { .. }));
}

#[test]
fn an_icinga_that_cannot_be_met_is_refused_with_the_key() {
    let folder = folder();
    for (from, to, words) in [
        ("https:", "http:", "url is not https://HOST[:PORT]"),
        (
            "//icinga",
            "//me:secret@icinga",
            "must not hold a user or a password",
        ),
        (
            ".test\"\nuser",
            ".test/v1\"\nuser",
            "must end after the port",
        ),
        ("url = \"https://icinga.example.test\"\n", "", "has no url"),
        ("user = \"governess\"\n", "", "needs user and password_file"),
        (
            "take",
            "token_file = \"/t\"\ntake",
            "needs user and password_file",
        ),
        ("\"governess\"", "\"a:b\"", "has a colon"),
        ("FOLDER/password", "password", "not an absolute path"),
        ("FOLDER/password", "FOLDER/everybodys", "mode 0644"),
        ("FOLDER/password", "FOLDER/nothing", "cannot be read"),
        ("FOLDER/ca.pem", "FOLDER/nothing", "ca: "),
        ("FOLDER/ca.pem", "FOLDER/password", "no certificate in PEM"),
        ("[\"store\"]", "[\"stroe\"]", "did you mean \"store\"?"),
        (
            "[\"store\"]",
            "[\"rdp\"]",
            "is carried out by governess itself",
        ),
        ("lb1!governess", "lb1", "is not HOST!SERVICE"),
        ("{ ex2", "{ ex22", "did you mean \"ex2\"?"),
        ("{ ex2", "{ ex1 = \"ex2.exch.test\", ex2", "is named twice"),
        ("give", "interval = \"0s\"\ngive", "interval is zero"),
        ("give", "gives", "unknown key `gives`"),
    ] {
        assert!(SECTION.contains(from), "{from}");
        let said = refusal(&text(&SECTION.replacen(from, to, 1), &folder));
        assert_says(&said, &[words]);
        assert!(!said.contains("sesame"), "{said}");
    }
    let nothing = SECTION.split("take").next().unwrap();
    let said = refusal(&text(nothing, &folder));
    assert_says(&said, &["takes nothing and gives nothing"]);
}
