//! Every command that the README shows, run as it stands there.
//!
//! Servers and files that the commands name are put in place of the README's: 10.0.1.1 is a
//! look-alike on loopback. What only the kernel lab can run (`plan`, `run`, `status`, `sessions`
//! of a real director) is told apart by name, so that no new command slips through.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lookalike::certificate::Wish;
use lookalike::dns::Dns;
use lookalike::iis::Iis;
use lookalike::rdp::Rdp;
use lookalike::smtp::{Connector, Smtp};

/// Run by the kernel lab, or by the tests themselves.
const ELSEWHERE: [&str; 10] = [
    "packaging/quickstart",
    "packaging/install",
    "tests/run",
    "governess plan",
    "governess run",
    "governess status",
    "governess sessions",
    "governess drain",
    "governess enable",
    "governess replay",
];

/// What each command of the README must end with.
const ENDS_WITH_0: [&str; 5] = [
    "governess verify",
    "governess export",
    "governess import",
    "governess events",
    "governess why",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The programs of the same build as this test.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this test has a path");
    let folder = test.ancestors().nth(2).expect("target/PROFILE/deps/test");
    let path = folder.join(name);
    assert!(
        path.exists(),
        "{} is missing; build the workspace first",
        path.display()
    );
    path
}

/// What stands between ``` and ```, of that language.
fn blocks(language: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let blocks = text.split("```").skip(1).step_by(2);
    blocks
        .filter_map(|block| block.strip_prefix(&format!("{language}\n")))
        .map(str::to_owned)
        .collect()
}

fn commands() -> Vec<String> {
    blocks("sh")
        .iter()
        .flat_map(|block| block.lines())
        .map(|line| line.split(" #").next().unwrap_or("").trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

fn run(line: &str) -> Output {
    let mut words = line.split(' ').filter(|word| !word.is_empty());
    let name = words.next().expect("a program");
    Command::new(program(name))
        .args(words)
        .current_dir(root())
        .output()
        .expect("it starts")
}

#[test]
fn every_command_of_the_readme_does_what_it_says() {
    let server = Rdp::listen(([127, 0, 0, 1], 0).into()).expect("a look-alike");
    let port = server.address().port();
    let servers = two_servers();
    let commands = commands();
    assert!(
        commands.len() > 10,
        "the README's commands were not found: {commands:?}"
    );
    for line in commands {
        if ELSEWHERE.iter().any(|known| line.starts_with(known)) {
            continue;
        }
        if line.starts_with("check_x224 ") {
            checks(&line, port);
        } else if line.starts_with("check_exchange_smtp ") {
            mail(&line);
        } else if line.starts_with("check_owa ") {
            web(&line);
        } else if line.starts_with("check_exchange ") {
            whole(&line, &servers);
        } else if line.starts_with("check_ad_dns ") {
            checks_dns(&line);
        } else {
            assert!(
                ENDS_WITH_0.iter().any(|known| line.starts_with(known)),
                "unknown: {line}"
            );
            let output = run(&line);
            assert!(output.status.success(), "{line}: {output:?}");
        }
    }
}

/// Two whole servers on the ports of real ones, as root, with one certificate.
fn two_servers() -> [Ipv4Addr; 2] {
    let certificate = Wish::of("mail.example.test")
        .issue()
        .expect("a certificate");
    [("EX1", 2), ("EX2", 3)].map(|(name, own)| {
        let address = Ipv4Addr::new(127, 91, 0, own);
        Rdp::listen_as((address, 3389).into(), name).expect("a look-alike");
        let dns_name = format!("{name}.example.test");
        Smtp::listen((address, 25).into(), &dns_name, Connector::DefaultFrontend)
            .expect("a look-alike");
        Iis::listen((address, 443).into(), &dns_name, certificate.clone()).expect("a look-alike");
        address
    })
}

fn whole(line: &str, servers: &[Ipv4Addr; 2]) {
    let [one, other] = servers.map(|address| address.to_string());
    let output = run(&line.replace("10.0.1.1", &one).replace("10.0.1.2", &other));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("EXCHANGE OK: "), "{line}: {said}");
    assert_eq!(output.status.code(), Some(0), "{line}: {said}");
}

/// The mail check against a look-alike that listens, as root, on the ports of mail.
fn mail(line: &str) {
    let address = std::net::Ipv4Addr::new(127, 91, 0, 1);
    for connector in Connector::ALL {
        let address = (address, connector.port()).into();
        Smtp::listen(address, "ex1.example.test", connector).expect("a look-alike");
    }
    let output = run(&line.replace("10.0.1.1", &address.to_string()));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("EXCHANGE_SMTP OK: "), "{line}: {said}");
    assert_eq!(output.status.code(), Some(0), "{line}: {said}");
}

/// The web check against a look-alike that listens, as root, on the port of HTTPS.
fn web(line: &str) {
    let address = std::net::Ipv4Addr::new(127, 91, 0, 1);
    let certificate = Wish::of("mail.example.test")
        .issue()
        .expect("a certificate");
    Iis::listen((address, 443).into(), "ex1.example.test", certificate).expect("a look-alike");
    let output = run(&line.replace("10.0.1.1", &address.to_string()));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("OWA OK: /owa, /ews "), "{line}: {said}");
    assert_eq!(output.status.code(), Some(0), "{line}: {said}");
}

#[test]
fn every_section_of_the_readme_can_be_added_to_a_file_that_works() {
    let example = root().join("packaging/examples/x224.toml");
    let example = std::fs::read_to_string(example).expect("the example");
    let sections = blocks("toml");
    assert!(!sections.is_empty(), "the README's sections were not found");
    let files = files_of_icinga();
    let folder = files.path().display();
    for section in sections {
        let section = section.replace("/etc/governess/icinga", &format!("{folder}/icinga"));
        let text = format!("{example}\n{section}");
        let judged = hook::config::Config::parse(Path::new("governess.toml"), &text);
        assert!(
            judged.is_ok(),
            "{section}: {:?}",
            judged.err().map(|why| why.to_string())
        );
    }
}

/// A folder with the files that the README's section on Icinga names.
fn files_of_icinga() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Wish::of("Icinga CA").issue().expect("a certificate");
    let authority = authority.certificate.to_pem().expect("PEM");
    std::fs::write(folder.path().join("icinga-ca.crt"), authority).expect("a file");
    let password = folder.path().join("icinga.password");
    std::fs::write(&password, "open sesame\n").expect("a file");
    std::fs::set_permissions(password, PermissionsExt::from_mode(0o600)).expect("a mode");
    folder
}

/// A check against a look-alike with all that a domain needs.
fn checks_dns(line: &str) {
    let records = "ex1.exch.test 1200 A 192.0.2.11\nmail.exch.test 1200 A 192.0.2.10\n\
                   autodiscover.exch.test 1200 CNAME mail.exch.test\n\
                   exch.test 1200 MX 10 mail.exch.test\nexch.test 1200 TXT v=spf1 mx -all";
    let server = Dns::listen(([127, 0, 0, 1], 0).into(), &["exch.test"], records);
    let port = server.expect("a look-alike").address().port();
    let at_hand = line
        .replace("10.0.1.5", "127.0.0.1")
        .replace("10.0.1.6", "127.0.0.1");
    let output = run(&format!("{at_hand} -p {port}"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("AD_DNS OK: "), "{line}: {output:?}");
}

/// A check against the look-alike, which is in health.
fn checks(line: &str, port: u16) {
    let output = run(&format!(
        "{} -p {port}",
        line.replace("10.0.1.1", "127.0.0.1")
    ));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.stderr.is_empty(), "{line}: {output:?}");
    match line {
        _ if line.contains("nanny") => assert_eq!(said, "OK\n"),
        _ => assert_eq!(output.status.code(), Some(0), "{line}: {said}"),
    }
}
