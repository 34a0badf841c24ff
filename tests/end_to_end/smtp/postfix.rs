//! A real Postfix, in states and faults that a configuration can give it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use tempfile::TempDir;

use crate::asking::{by_program, check_smtp};

const PATIENCE: Duration = Duration::from_secs(60);
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Where 465 speaks STARTTLS.
const OTHER_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// A service of master.cf: where it listens, and its options.
struct Service {
    listen: &'static str,
    options: &'static str,
}

const SERVICES: [Service; 12] = [
    Service {
        listen: "127.0.0.1:25",
        options: "",
    },
    Service {
        listen: "127.0.0.1:465",
        options: "-o smtpd_tls_wrappermode=yes",
    },
    Service {
        listen: "127.0.0.2:465",
        options: "",
    },
    Service {
        listen: "127.0.0.1:587",
        options: "-o smtpd_tls_security_level=encrypt",
    },
    Service {
        listen: "127.0.0.1:1001",
        options: "-o smtpd_tls_security_level=none",
    },
    // More free space than any disk has: the queue is full.
    Service {
        listen: "127.0.0.1:1002",
        options: "-o message_size_limit=0 -o queue_minfree=9000000000000000",
    },
    Service {
        listen: "127.0.0.1:1003",
        options: "-o smtpd_tls_cert_file=/nonexistent -o smtpd_tls_key_file=/nonexistent",
    },
    Service {
        listen: "127.0.0.1:1004",
        options: "-o smtpd_delay_reject=no -o smtpd_client_restrictions=reject",
    },
    Service {
        listen: "127.0.0.1:1005",
        options: "-o smtpd_upstream_proxy_protocol=haproxy -o smtpd_upstream_proxy_timeout=2s",
    },
    Service {
        listen: "127.0.0.1:1006",
        options: "-o smtpd_client_connection_count_limit=1",
    },
    Service {
        listen: "127.0.0.1:1008",
        options: "-o smtpd_sasl_auth_enable=yes",
    },
    Service {
        listen: "127.0.0.1:1007",
        options: "-o smtpd_sender_restrictions=reject -o smtpd_delay_reject=no",
    },
];

/// A running Postfix in a network of its own; it ends with this value.
struct Postfix {
    child: Child,
    directory: TempDir,
}

impl Postfix {
    fn start() -> Self {
        unshare(CloneFlags::CLONE_NEWNET).expect("a new network namespace, as root");
        succeeds(Command::new("ip").args(["link", "set", "lo", "up"]));
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        // Its processes give up their privileges and must still reach their files.
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
        for folder in ["etc", "etc/sasl", "queue", "data"] {
            std::fs::create_dir(path(folder)).unwrap();
        }
        succeeds(Command::new("chown").arg("postfix").arg(path("data")));
        certificate(directory.path());
        std::fs::write(path("etc/main.cf"), main_cf(directory.path())).unwrap();
        std::fs::write(path("etc/master.cf"), master_cf()).unwrap();
        std::fs::write(path("etc/sasl/smtpd.conf"), "mech_list: NTLM\n").unwrap();
        let child = Command::new("postfix")
            .arg("-c")
            .arg(path("etc"))
            .arg("start-fg")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("postfix is installed: tests/end_to_end/install-servers");
        let postfix = Self { child, directory };
        let begun = Instant::now();
        let first = SocketAddr::new(ADDRESS, 1007);
        while TcpStream::connect(first).is_err() {
            assert!(begun.elapsed() < PATIENCE, "postfix does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        postfix
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // Its master has a session of its own; only this reaches it and its children.
        let _ = Command::new("postfix")
            .arg("-c")
            .arg(self.directory.path().join("etc"))
            .arg("abort")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn succeeds(command: &mut Command) {
    let output = command.output();
    let output = output.expect("tests/end_to_end/install-servers installs it");
    assert!(output.status.success(), "{command:?}: {output:?}");
}

fn certificate(directory: &Path) {
    let subject = "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=mx.exch.test";
    succeeds(
        Command::new("openssl")
            .args(subject.split(' '))
            .arg("-keyout")
            .arg(directory.join("key.pem"))
            .arg("-out")
            .arg(directory.join("cert.pem")),
    );
}

fn main_cf(directory: &Path) -> String {
    let directory = directory.display();
    format!(
        "compatibility_level = 3.6\n\
         queue_directory = {directory}/queue\n\
         data_directory = {directory}/data\n\
         maillog_file = {directory}/log\n\
         maillog_file_prefixes = {directory}\n\
         inet_protocols = ipv4\n\
         inet_interfaces = all\n\
         myhostname = mx.exch.test\n\
         mydestination =\n\
         alias_maps =\n\
         mynetworks = 10.0.0.0/8\n\
         smtpd_client_event_limit_exceptions =\n\
         cyrus_sasl_config_path = {directory}/etc/sasl\n\
         smtpd_tls_security_level = may\n\
         smtpd_tls_cert_file = {directory}/cert.pem\n\
         smtpd_tls_key_file = {directory}/key.pem\n"
    )
}

fn master_cf() -> String {
    let mut text = String::new();
    for Service { listen, options } in SERVICES {
        let _ = writeln!(text, "{listen} inet n - n - - smtpd {options}");
    }
    for (name, rest) in [
        ("cleanup", "unix n - n - 0 cleanup"),
        ("rewrite", "unix - - n - - trivial-rewrite"),
        ("tlsmgr", "unix - - n 1000? 1 tlsmgr"),
        ("anvil", "unix - - n - 1 anvil"),
        ("proxymap", "unix - - n - - proxymap"),
        ("postlog", "unix-dgram n - n - 1 postlogd"),
    ] {
        let _ = writeln!(text, "{name} {rest}");
    }
    text
}

/// What must be said of a service.
struct Expected {
    what: &'static str,
    address: IpAddr,
    options: &'static [&'static str],
    verdict: &'static str,
    words: &'static str,
    /// check_smtp's options.
    theirs: &'static [&'static str],
}

const fn expect(
    what: &'static str,
    options: &'static [&'static str],
    verdict: &'static str,
    words: &'static str,
    theirs: &'static [&'static str],
) -> Expected {
    Expected {
        what,
        address: ADDRESS,
        options,
        verdict,
        words,
        theirs,
    }
}

const EXPECTED: [Expected; 21] = [
    expect(
        "25",
        &["-p", "25"],
        "healthy ok",
        "over TLS 1.3, takes MAIL FROM",
        &["-S"],
    ),
    expect(
        "25 in plaintext",
        &["-p", "25/plain"],
        "healthy ok",
        "without TLS",
        &[],
    ),
    expect(
        "465, implicit TLS",
        &["-p", "465/tls"],
        "healthy ok",
        "over TLS 1.3",
        &["-S"],
    ),
    expect(
        "465, implicit TLS, asked for STARTTLS",
        &["-p", "465"],
        "failed not_the_protocol",
        "-p 465/tls",
        &["-S"],
    ),
    Expected {
        address: OTHER_ADDRESS,
        ..expect(
            "465, STARTTLS",
            &["-p", "465"],
            "healthy ok",
            "over TLS 1.3",
            &["-S"],
        )
    },
    Expected {
        address: OTHER_ADDRESS,
        ..expect(
            "465, STARTTLS, asked for implicit TLS",
            &["-p", "465/tls"],
            "failed tls_failed",
            "-p 465/starttls",
            &["-S"],
        )
    },
    expect("587", &["-p", "587"], "healthy ok", "over TLS 1.3", &["-S"]),
    expect(
        "587 in plaintext, which it refuses (530)",
        &["-p", "587/plain"],
        "healthy ok",
        "refuses strangers",
        &["-f", "a@exch.test"],
    ),
    expect(
        "no TLS, any",
        &["-p", "1001"],
        "healthy ok",
        "without TLS",
        &[],
    ),
    expect(
        "no TLS, STARTTLS demanded",
        &["-p", "1001/starttls"],
        "failed capability_missing",
        "does not offer STARTTLS",
        &["-S"],
    ),
    expect(
        "full queue (452)",
        &["-p", "1002"],
        "degraded back_pressure",
        "452 4.3.1",
        &["-f", "a@exch.test"],
    ),
    expect(
        "no certificate",
        &["-p", "1003/starttls"],
        "failed",
        "STARTTLS",
        &["-S"],
    ),
    expect(
        "client refused (554)",
        &["-p", "1004"],
        "failed refused_by_server",
        "554 5.7.1",
        &[],
    ),
    expect(
        "behind a proxy, none",
        &["-p", "1005", "-t", "15"],
        "failed",
        "",
        &["-t", "4"],
    ),
    expect(
        "behind a proxy, v1",
        &["-p", "1005", "--proxy-protocol", "v1"],
        "healthy ok",
        "takes MAIL FROM",
        &["-t", "4"],
    ),
    expect(
        "behind a proxy, v2",
        &["-p", "1005", "--proxy-protocol", "v2"],
        "healthy ok",
        "takes MAIL FROM",
        &["-t", "4"],
    ),
    expect(
        "too many connections (421)",
        &["-p", "1006"],
        "degraded limit",
        "too many connections",
        &[],
    ),
    expect(
        "sender refused",
        &["-p", "1007"],
        "failed refused_by_server",
        "null sender",
        &["-f", "a@exch.test"],
    ),
    expect(
        "NTLM challenge of Cyrus SASL, which names nobody",
        &["-p", "1008", "--ntlm"],
        "healthy ok",
        "takes MAIL FROM",
        &[],
    ),
    expect(
        "the same, another server expected",
        &["-p", "1008", "--ntlm", "--expect-name", "ex1"],
        "degraded wrong_server",
        "its NTLM challenge names no server, expected ex1",
        &[],
    ),
    expect(
        "nothing listens",
        &["-p", "1099"],
        "failed tcp_refused",
        "refused",
        &[],
    ),
];

#[test]
fn postfix_in_each_tls_mode_and_with_real_faults_gets_its_verdicts() {
    let _postfix = Postfix::start();
    // One connection of ours is all that this service allows.
    let held = TcpStream::connect(SocketAddr::new(ADDRESS, 1006)).unwrap();
    await_greeting(&held);
    let mut text = String::from(
        "\n| Postfix | check_exchange_smtp | check_smtp | with |\n|---|---|---|---|\n",
    );
    let mut wrong = Vec::new();
    for expected in &EXPECTED {
        let options = [expected.options, &["-t", "60"]].concat();
        let options = match expected.options.contains(&"-t") {
            true => expected.options,
            false => &options,
        };
        let verdict = by_program(expected.address, options);
        let word = |key: &str| verdict[key].as_str().unwrap_or("?");
        let said = format!("{} {}", word("condition"), word("kind"));
        if !said.starts_with(expected.verdict) || !word("summary").contains(expected.words) {
            wrong.push(format!("{}: {verdict}", expected.what));
        }
        let port = expected.options[1].split('/').next().unwrap();
        let port = port.parse().unwrap();
        let theirs = check_smtp(
            expected.address,
            port,
            &[&["-t", "4"], expected.theirs].concat(),
        );
        let with = expected.theirs.join(" ");
        let _ = writeln!(text, "| {} | {said} | {theirs} | {with} |", expected.what);
    }
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    drop(held);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn await_greeting(mut stream: &TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut byte = [0];
    std::io::Read::read_exact(&mut stream, &mut byte).unwrap();
}
