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
        &["ex1 (127.81.1.1)", "down"],
    );
}

#[test]
fn r3_rdp_accepts_and_is_silent() {
    let world = World::healthy(2);
    world.switch("rdp", "hangs");
    world.until_found("rdp", "silent", "down");
    assert_reads("R3: RDP accepts and is silent", &world, &["down"]);
}

#[test]
fn r5_ssh_listens_where_rdp_should() {
    let world = World::healthy(3);
    world.switch("rdp", "other_protocol");
    world.until_found("rdp", "not_the_protocol", "down");
    assert_reads("R5: another protocol on RDP's port", &world, &["down"]);
}

#[test]
fn r9_rdp_has_no_certificate() {
    let world = World::healthy(4);
    world.switch("rdp", "refuses_no_certificate");
    world.until_found("rdp", "refused_by_server", "down");
    assert_reads("R9: RDP refuses, it has no certificate", &world, &["down"]);
}

#[test]
fn r14_the_certificate_of_rdp_has_expired() {
    let world = World::healthy(5);
    world.switch("rdp", "certificate_expired");
    world.until_found("rdp", "certificate", "up");
    assert_reads("R14: RDP's certificate has expired", &world, &["up"]);
}

#[test]
fn s8_the_front_end_is_in_maintenance() {
    let world = World::healthy(6);
    world.switch("smtp/25", "inactive");
    world.until_found("mail", "maintenance", "maintenance");
    assert_reads("S8: port 25 says \"not active\"", &world, &["maintenance"]);
}

#[test]
fn s9_back_pressure() {
    let world = World::healthy(7);
    world.switch("smtp/25", "back_pressure");
    world.until_found("mail", "back_pressure", "up");
    assert_reads("S9: port 25 is under back pressure", &world, &["up"]);
}

#[test]
fn s6_something_is_slipped_into_starttls() {
    let world = World::healthy(8);
    world.switch("smtp/587", "starttls_injection");
    world.until_found("mail", "starttls_injection", "down");
    assert_reads(
        "S6: plain text slipped in behind STARTTLS on 587",
        &world,
        &["down"],
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
        &["maintenance"],
    );
}

#[test]
fn h2_the_application_pool_is_down() {
    let world = World::healthy(10);
    world.switch("ews", "pool_down");
    world.until_found("owa", "http_status", "down");
    assert_reads("H2: the application pool of EWS is down", &world, &["down"]);
}

#[test]
fn h7_another_server_answers() {
    let world = World::healthy(11);
    world.switch("owa", "wrong_server");
    world.until_found("owa", "wrong_server", "down");
    assert_reads("H7: another server answers", &world, &["down"]);
}
