//! BIND: truncation, zones that do not load, delegations, refusals, and servers found by the zone.

use std::process::Command;

use crate::asking::ask;
use crate::place::Place;

const ZONE: &str = "$TTL 1200
@ SOA dc1 hostmaster 7 3600 600 86400 600
@ NS dc1
@ NS dc2
dc1 A 10.91.0.21
dc2 A 10.91.0.22
ex1 A 192.0.2.11
one CNAME two
two CNAME one
nowhere CNAME absent
sub NS elsewhere.example.test.
";

/// Starts BIND at an address with a zone.
fn named(place: &mut Place, name: &str, address: &str, zone: &str) {
    let folder = place.path(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("zone"), zone).unwrap();
    let folder_text = folder.display();
    let text = format!(
        "options {{ directory \"{folder_text}\"; pid-file \"{folder_text}/pid\"; \
         session-keyfile \"{folder_text}/session\"; listen-on {{ {address}; }}; \
         listen-on-v6 {{ none; }}; recursion no; dnssec-validation no; }};\n\
         controls {{ }};\n\
         zone \"exch.test\" {{ type primary; file \"zone\"; }};\n\
         zone \"broken.test\" {{ type primary; file \"absent\"; }};\n"
    );
    let file = folder.join("named.conf");
    std::fs::write(&file, text).unwrap();
    place.start(name, Command::new("named").arg("-g").arg("-c").arg(&file));
    let alive = format!("-H dc1.exch.test -s {address} -t 2");
    place.until("BIND answering", || {
        ask(&alive).fact("dc1.exch.test") == "10.91.0.21"
    });
}

fn place() -> Place {
    let hosts = "10.91.0.21 dc1.exch.test dc1\n10.91.0.22 dc2.exch.test dc2\n";
    Place::with(
        &["10.91.0.21", "10.91.0.22"],
        hosts,
        "nameserver 10.91.0.21\n",
    )
}

#[test]
fn bind_is_judged_by_what_it_answers() {
    let mut place = place();
    let many: Vec<String> = (1..=100)
        .map(|last| format!("many A 192.0.2.{last}\n"))
        .collect();
    named(
        &mut place,
        "one",
        "10.91.0.21",
        &(ZONE.to_owned() + &many.concat()),
    );
    let ask = |options: &str| ask(&format!("-s dc1 -t 60 {options}"));

    let said = ask("-H many.exch.test");
    said.expect_healthy();
    assert!(
        said.fact("many.exch.test")
            .contains("192.0.2.99 and 192.0.2.100"),
        "{said:?}"
    );
    ask("-H a.broken.test").expect("failed", "dns_servfail", &["SERVFAIL", "dc1 (10.91.0.21)"]);
    ask("-H a.other.test").expect("failed", "dns_refused", &["REFUSED", "dc1 (10.91.0.21)"]);
    ask("-H a.sub.exch.test").expect("failed", "dns_lame", &["not authoritative", "dc1"]);
    ask("-H ex9.exch.test").expect("failed", "dns_nxdomain", &["ex9.exch.test"]);
    ask("-H exch.test").expect("failed", "dns_nodata", &["exch.test"]);
    ask("-H one.exch.test").expect("failed", "dns_unexpected", &["loop"]);
    ask("-H nowhere.exch.test").expect("failed", "dns_nxdomain", &["absent.exch.test"]);
    ask("-H EX1.Exch.Test. -a 192.0.2.11 --wildcard").expect_healthy();
}

#[test]
fn without_a_server_each_name_server_of_the_zone_is_asked() {
    let mut place = place();
    named(&mut place, "one", "10.91.0.21", ZONE);
    named(
        &mut place,
        "other",
        "10.91.0.22",
        &ZONE.replace("192.0.2.11", "192.0.2.12"),
    );
    let said = ask("-H dc1.exch.test -t 60");
    said.expect(
        "healthy",
        "ok",
        &["dc1.exch.test (10.91.0.21)", "dc2.exch.test (10.91.0.22)"],
    );
    let said = ask("-H ex1.exch.test -t 60");
    said.expect(
        "failed",
        "dns_disagree",
        &["dc1.exch.test (10.91.0.21): 192.0.2.11"],
    );
    said.says(&["dc2.exch.test (10.91.0.22): 192.0.2.12"]);
    ask("-H ex1.other.test -t 60").expect("unknown", "resolve", &["10.91.0.21", "--server"]);
}
