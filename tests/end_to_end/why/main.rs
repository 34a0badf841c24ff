//! `governess why`, for ten faults of the catalogue that a running director met. With `--nocapture`
//! each text is printed as its reader gets it.
#![allow(clippy::unwrap_used, reason = "a test program")]

mod world;

use world::World;

/// What the text must say, in this order.
#[track_caller]
fn assert_reads(fault: &str, world: &World, words: &[&str]) {
    /// As long as a terminal shows at once, with some room for a whole conversation.
    const LINES: usize = 70;
    let text = world.why();
    println!("\n===== {fault}\n{text}");
    let mut rest = text.as_str();
    for word in words {
        let Some(at) = rest.find(word) else {
            panic!("{fault}: missing, or not in this place: {word:?} in\n{text}");
        };
        rest = &rest[at..];
    }
    assert!(text.lines().count() <= LINES, "{fault}: too long\n{text}");
    let raw = |line: &&str| line.contains("\\x") || line.contains("\\u{");
    assert_eq!(text.lines().find(raw), None, "{fault}: raw bytes");
}

#[test]
fn r1_the_server_is_switched_off() {
    let mut world = World::healthy(1);
    world.switch_off();
    world.until_found("rdp", "tcp_refused", "down");
    assert_reads(
        "R1: nothing listens any more",
        &world,
        &[
            "ex1 (127.81.1.1), as the running director knows it at 20",
            "In service exchange: down, weight wanted 0",
            "rdp] start the service on the server, if it is on: nothing listens",
            "connection refused by 127.81.1.1:3389: nothing listens on that port",
            "What happened",
            "exchange: up, by check ",
        ],
    );
}

#[test]
fn r3_rdp_accepts_and_is_silent() {
    let world = World::healthy(2);
    world.switch("rdp", "hangs");
    world.until_found("rdp", "silent", "down");
    assert_reads(
        "R3: RDP accepts and is silent",
        &world,
        &[
            "Decided by: down: check rdp failed 3 times in a row (fall = 3)",
            "To change it: check rdp must succeed 2 times in a row (rise = 2)",
            "What to do: [rdp] the service hangs although its port accepts: restart it",
            "| sent 03 00 00 13",
            "(X.224 Connection Request, offers TLS, NLA and extended NLA)",
            "| received nothing",
            "check rdp: failed (silent)",
        ],
    );
}

#[test]
fn r5_mail_listens_where_rdp_should() {
    let world = World::healthy(3);
    world.switch("rdp", "other_protocol");
    world.until_found("rdp", "not_the_protocol", "down");
    assert_reads(
        "R5: another protocol on RDP's port",
        &world,
        &[
            "not RDP: got '220 ",
            r"| received '220 mail.exch.test ESMTP\r\n'",
        ],
    );
}

#[test]
fn r9_rdp_has_no_certificate() {
    let world = World::healthy(4);
    world.switch("rdp", "refuses_no_certificate");
    world.until_found("rdp", "refused_by_server", "down");
    assert_reads(
        "R9: RDP refuses, it has no certificate",
        &world,
        &[
            "renew or rebind the RDP certificate",
            "(X.224 Connection Confirm, negotiation failure 3: SSL_CERT_NOT_ON_SERVER)",
        ],
    );
}

#[test]
fn r14_the_certificate_of_rdp_has_expired() {
    let world = World::healthy(5);
    world.switch("rdp", "certificate_expired");
    world.until_advised("rdp", "certificate");
    assert_reads(
        "R14: RDP's certificate has expired",
        &world,
        &[
            "In service exchange: up, weight wanted 1",
            "What to do: [rdp] renew or correct the certificate",
            "but the certificate of EX1.exch.test expired on ",
        ],
    );
}

#[test]
fn s8_the_front_end_is_in_maintenance() {
    let world = World::healthy(6);
    world.switch("smtp/25", "inactive");
    world.until_found("mail", "maintenance", "maintenance");
    assert_reads(
        "S8: port 25 says \"not active\"",
        &world,
        &[
            "In service exchange: maintenance, weight wanted 0",
            "Decided by: maintenance: the server says",
            "What to do: [mail] nothing, if somebody works on it",
            "port 25: 127.81.6.1:25 is in maintenance",
            "| port 25: sent MAIL FROM:<>",
            "| port 25: received 421 4.3.2 Service not active",
        ],
    );
}

#[test]
fn s9_back_pressure() {
    let world = World::healthy(7);
    world.switch("smtp/25", "back_pressure");
    world.until_found("mail", "back_pressure", "up");
    assert_reads(
        "S9: port 25 is under back pressure",
        &world,
        &[
            "Decided by: the configured weight 1: no check that counts speaks against it",
            "What to do: [mail] free disk or memory on the server",
            "| port 25: received 452 4.3.1 Insufficient system resources",
        ],
    );
}

#[test]
fn s6_something_is_slipped_into_starttls() {
    let world = World::healthy(8);
    world.switch("smtp/587", "starttls_injection");
    world.until_found("mail", "starttls_injection", "down");
    assert_reads(
        "S6: plain text slipped in behind STARTTLS on 587",
        &world,
        &[
            "What to do: [mail] find out who writes into its connections",
            "port 587: plaintext came from 127.81.8.1:587 where TLS was to begin",
            "| port 587: sent STARTTLS",
        ],
    );
}

#[test]
fn h1_owa_is_offline() {
    let world = World::healthy(9);
    world.switch("owa", "offline");
    world.until_found("owa", "offline", "maintenance");
    assert_reads(
        "H1: OWA's health page closes without an answer",
        &world,
        &[
            "What to do: [owa] nothing, if somebody works on it",
            "| sent GET /owa/healthcheck.htm HTTP/1.1, Host: mail.exch.test",
            "| received nothing",
        ],
    );
}

#[test]
fn h2_the_application_pool_is_down() {
    let world = World::healthy(10);
    world.switch("ews", "pool_down");
    world.until_found("owa", "http_status", "down");
    assert_reads(
        "H2: the application pool of EWS is down",
        &world,
        &[
            "start MSExchangeServicesAppPool",
            "| received HTTP/1.1 503, Server: Microsoft-HTTPAPI/2.0",
        ],
    );
}

#[test]
fn h7_another_server_answers() {
    let world = World::healthy(11);
    world.switch("owa", "wrong_server");
    world.until_found("owa", "wrong_server", "down");
    assert_reads(
        "H7: another server answers",
        &world,
        &[
            "[owa] another server answers at this address: correct address or name",
            "is of ex9.exch.test, expected ex1",
            "X-FEServer: EX9",
        ],
    );
}
