//! The fault catalogue for DNS, row by row, against look-alike servers.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use lookalike::dns::{Behaviour, Dns};
use lookalike::switch::Switchable;

use crate::asking::{Said, ask};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// What the servers of these tests hold.
const ZONES: [&str; 2] = ["exch.test", "2.0.192.in-addr.arpa"];

const GOOD: &str = "
    exch.test 3600 NS dc1.exch.test
    dc1.exch.test 3600 A 192.0.2.5
    ex1.exch.test 1200 A 192.0.2.11
    mail.exch.test 3600 A 192.0.2.10
    11.2.0.192.in-addr.arpa 1200 PTR ex1.exch.test";

fn serving(records: &str) -> Dns {
    Dns::listen(ANY, &ZONES, records).unwrap()
}

fn behaving(behaviour: &str) -> Dns {
    let server = serving(GOOD);
    server.switch(behaviour).unwrap();
    server
}

/// Asks these servers; patience is for a machine under load.
fn check(servers: &[&Dns], options: &str) -> Said {
    let servers: Vec<String> = servers
        .iter()
        .map(|server| format!("-s {}", server.address()))
        .collect();
    let time = if options.contains("-t ") { "" } else { "-t 60" };
    ask(&format!("{} {time} {options}", servers.join(" ")))
}

fn check_ex1(server: &Dns, options: &str) -> Said {
    check(&[server], &format!("-H ex1.exch.test {options}"))
}

fn and(more: &str) -> String {
    format!("{GOOD}\n{more}")
}

fn without(word: &str) -> String {
    let kept: Vec<&str> = GOOD.lines().filter(|line| !line.contains(word)).collect();
    kept.join("\n")
}

#[test]
fn a_healthy_server_is_healthy_and_says_what_it_has() {
    let said = check_ex1(
        &serving(GOOD),
        "-a 192.0.2.11 --allow 192.0.2.0/24 --reverse --wildcard",
    );
    said.expect("healthy", "ok", &["ex1.exch.test is 192.0.2.11"]);
    assert_eq!(said.fact("ex1.exch.test"), "192.0.2.11");
}

#[test]
fn d1_an_error_of_the_server_fails_by_its_name_and_the_servers() {
    for (behaviour, kind, code) in [
        ("servfail", "dns_servfail", "SERVFAIL"),
        ("refused", "dns_refused", "REFUSED"),
        ("notimp", "refused_by_server", "NOTIMP"),
        ("formerr", "refused_by_server", "FORMERR"),
    ] {
        let server = behaving(behaviour);
        let address = server.address().to_string();
        check_ex1(&server, "").expect("failed", kind, &[code, &address, "ex1.exch.test"]);
    }
}

#[test]
fn d1_a_server_of_old_that_finds_edns_malformed_is_asked_without_it() {
    check_ex1(&behaving("old_fashioned"), "").expect_healthy();
}

#[test]
fn d2_a_name_that_does_not_exist_is_told_from_one_without_an_address() {
    let server = serving(&and("text.exch.test 3600 TXT nothing"));
    check(&[&server], "-H ex9.exch.test").expect("failed", "dns_nxdomain", &["NXDOMAIN"]);
    check(&[&server], "-H text.exch.test").expect("failed", "dns_nodata", &["NODATA"]);
}

#[test]
fn d3_one_server_of_two_that_does_not_answer_fails_or_warns_as_min_servers_says() {
    let (good, silent) = (serving(GOOD), behaving("silent"));
    let address = silent.address().to_string();
    let both = [&good, &silent];
    let strict = check(&both, "-H ex1.exch.test -t 2");
    strict.expect("failed", "timeout", &[&address, "timeout", "ex1.exch.test"]);
    let lenient = check(&both, "-H ex1.exch.test -t 2 --min-servers 1");
    lenient.expect("degraded", "timeout", &[&address]);
    check(&both, "-H ex1.exch.test -t 2 --min-servers 2").expect("failed", "timeout", &[&address]);
}

#[test]
fn d3_a_dead_server_holds_up_no_question_to_another() {
    let (good, silent) = (serving(GOOD), behaving("silent"));
    let said = check(
        &[&silent, &good],
        "-H ex1.exch.test --reverse -t 2 --min-servers 1",
    );
    assert_eq!(said.fact("ex1.exch.test"), "192.0.2.11");
    assert!(
        !said.all().contains("PTR"),
        "the good one was asked to the end: {}",
        said.all()
    );
}

#[test]
fn d3_a_closed_port_is_known_at_once() {
    let free = UdpSocket::bind(ANY).unwrap().local_addr().unwrap();
    let said = ask(&format!("-H ex1.exch.test -s {free} -t 60"));
    said.expect("failed", "tcp_refused", &[&free.to_string()]);
    assert!(
        said.seconds() < 20.0,
        "not after the whole time: {}",
        said.seconds()
    );
}

#[test]
fn d4_a_server_that_is_no_authority_is_told_so() {
    for behaviour in ["hearsay", "refers"] {
        let server = behaving(behaviour);
        let address = server.address().to_string();
        let words = ["not authoritative", "ex1.exch.test", &address];
        check_ex1(&server, "").expect("failed", "dns_lame", &words);
    }
}

#[test]
fn d5_a_truncated_answer_is_completed_by_tcp_and_fails_without() {
    check_ex1(&behaving("truncates"), "-a 192.0.2.11").expect_healthy();
    let closed = Dns::without_tcp(ANY, &ZONES, GOOD).unwrap();
    closed.behave(Behaviour::Truncates);
    check_ex1(&closed, "").expect(
        "failed",
        "dns_truncated",
        &["truncates", "TCP port is closed"],
    );
}

#[test]
fn d6_what_does_not_answer_the_question_is_waited_past_and_counted() {
    let said = check_ex1(&behaving("strays_first"), "-a 192.0.2.11");
    said.expect_healthy();
    said.says(&["6 bogus replies"]);
    let said = check_ex1(&behaving("strays_only"), "-t 2");
    said.expect("failed", "timeout", &["timeout", "bogus replies"]);
}

#[test]
fn d7_a_private_address_fails_alone_and_beside_the_right_one() {
    let mixed = serving(&and("ex1.exch.test 1200 A 10.0.1.1"));
    let address = mixed.address().to_string();
    let words = [
        "ex1.exch.test",
        "10.0.1.1",
        "10.0.1.0/24",
        "192.0.2.11",
        "Register this",
        &address,
    ];
    check_ex1(&mixed, "--forbid 10.0.1.0/24").expect("failed", "dns_forbidden", &words);
    check_ex1(&mixed, "--allow 192.0.2.0/24").expect("failed", "dns_forbidden", &["10.0.1.1"]);
    let only = serving("ex1.exch.test 1200 A 10.0.1.1");
    check_ex1(&only, "--forbid 10.0.1.0/24").expect("failed", "dns_forbidden", &["10.0.1.1"]);
    check_ex1(&mixed, "-a 192.0.2.11").expect("failed", "dns_unexpected", &["10.0.1.1"]);
    check_ex1(&mixed, "-a 192.0.2.11 -a 10.0.1.1").expect_healthy();
}

#[test]
fn d8_link_local_and_unique_local_addresses_fail_unless_allowed() {
    for address in ["fe80::1", "fd00::1"] {
        let server = serving(&and(&format!("ex1.exch.test 1200 AAAA {address}")));
        check_ex1(&server, "").expect("failed", "dns_forbidden", &[address]);
    }
    let unique = serving(&and("ex1.exch.test 1200 AAAA fd00::1"));
    check_ex1(&unique, "--allow fd00::/8 --allow 192.0.2.0/24").expect_healthy();
}

#[test]
fn d9_servers_that_disagree_fail_with_who_has_what_whatever_the_serial_says() {
    let (one, other) = (
        serving(GOOD),
        serving(&and("ex1.exch.test 1200 A 192.0.2.77")),
    );
    let (here, there) = (one.address().to_string(), other.address().to_string());
    let words = ["disagree", "192.0.2.77", &here, &there, "SOA serial 1"];
    check(&[&one, &other], "-H ex1.exch.test").expect("failed", "dns_disagree", &words);
    let third = serving(GOOD);
    let said = check(&[&other, &one, &third], "-H ex1.exch.test");
    said.expect(
        "failed",
        "dns_disagree",
        &[&format!("{there} disagrees with {here}")],
    );
}

#[test]
fn d9_a_name_that_only_one_server_knows_is_a_disagreement() {
    let (one, other) = (serving(GOOD), serving(&without("mail")));
    let words = ["192.0.2.10", "NXDOMAIN"];
    check(&[&one, &other], "-H mail.exch.test").expect("failed", "dns_disagree", &words);
}

#[test]
fn d10_another_serial_with_the_same_content_is_a_fact_and_no_fault() {
    let (one, other) = (serving(GOOD), serving(GOOD));
    other.load(8, GOOD);
    let said = check(&[&one, &other], "-H ex1.exch.test");
    said.expect_healthy();
    assert_eq!(said.fact(&format!("serial at {}", other.address())), "8");
    assert_eq!(said.fact(&format!("serial at {}", one.address())), "1");
}

#[test]
fn d11_an_address_that_does_not_lead_back_to_its_name_alone_warns() {
    let reverse = "-H ex1.exch.test --reverse";
    check(&[&serving(&without("PTR"))], reverse).expect("degraded", "dns_nodata", &["192.0.2.11"]);
    let elsewhere = without("PTR") + "\n11.2.0.192.in-addr.arpa 1200 PTR old.exch.test";
    let words = ["old.exch.test", "192.0.2.11"];
    check(&[&serving(&elsewhere)], reverse).expect("degraded", "dns_unexpected", &words);
    let two = serving(&and("11.2.0.192.in-addr.arpa 1200 PTR old.exch.test"));
    check(&[&two], reverse).expect("degraded", "dns_unexpected", &["old.exch.test"]);
    check(&[&serving(GOOD)], reverse).expect_healthy();
}

#[test]
fn d12_an_alias_that_loops_or_leads_nowhere_fails() {
    let server = serving(&and("
        one.exch.test 60 CNAME two.exch.test
        two.exch.test 60 CNAME one.exch.test
        nowhere.exch.test 60 CNAME absent.exch.test
        good.exch.test 60 CNAME mail.exch.test"));
    let ask = |name: &str| check(&[&server], &format!("-H {name}.exch.test"));
    ask("one").expect("failed", "dns_unexpected", &["loop", "CNAME"]);
    ask("nowhere").expect("failed", "dns_nxdomain", &["absent.exch.test"]);
    ask("good").expect("healthy", "ok", &["192.0.2.10"]);
}

/// Exchange's records, whole.
const EXCHANGE: &str = "
    autodiscover.exch.test 3600 CNAME mail.exch.test
    exch.test 3600 MX 10 mail.exch.test
    exch.test 3600 TXT v=spf1 mx -all";

fn exchange(change: impl Fn(String) -> String) -> Said {
    let server = serving(&change(and(EXCHANGE)));
    check(&[&server], "--profile exchange --domain exch.test")
}

#[test]
fn d12_mail_that_is_led_to_an_alias_an_address_or_nowhere_fails() {
    exchange(|records| records).expect_healthy();
    let to = |target: &'static str| {
        exchange(move |records| records.replace("MX 10 mail.exch.test", &format!("MX 10 {target}")))
    };
    to("autodiscover.exch.test").expect("failed", "dns_unexpected", &["alias", "MX"]);
    to("192.0.2.10").expect("failed", "dns_unexpected", &["the address 192.0.2.10"]);
    to("absent.exch.test").expect("failed", "dns_nxdomain", &["absent.exch.test"]);
    to(".").expect("failed", "dns_unexpected", &["nowhere"]);
}

#[test]
fn what_exchange_needs_fails_or_warns_when_it_is_missing() {
    let drop = |word: &'static str| {
        exchange(move |records| {
            let kept: Vec<&str> = records
                .lines()
                .filter(|line| !line.contains(word))
                .collect();
            kept.join("\n")
        })
    };
    drop("MX").expect("failed", "dns_nodata", &["MX"]);
    drop("autodiscover").expect("failed", "dns_nxdomain", &["autodiscover.exch.test"]);
    drop("spf1").expect("degraded", "dns_nodata", &["SPF"]);
    drop("mail.exch.test 3600 A").expect("failed", "dns_nxdomain", &["mail.exch.test"]);
    let service = "_autodiscover._tcp.exch.test 3600 SRV 0 0 443 mail.exch.test";
    exchange(|records| {
        records.replace("autodiscover.exch.test 3600 CNAME mail.exch.test", service)
    })
    .expect_healthy();
    exchange(|records| records + "\nexch.test 3600 TXT v=spf1 -all").expect(
        "degraded",
        "dns_unexpected",
        &["2 sender policies"],
    );
}

/// What a domain controller registers, in a domain with the site Berlin.
fn domain() -> String {
    let mut records = and("
        exch.test 600 A 192.0.2.5
        gc._msdcs.exch.test 600 A 192.0.2.5
        4f3a._msdcs.exch.test 600 CNAME dc1.exch.test");
    for (name, port) in [
        ("_ldap._tcp", 389),
        ("_ldap._tcp.dc._msdcs", 389),
        ("_ldap._tcp.pdc._msdcs", 389),
        ("_ldap._tcp.gc._msdcs", 3268),
        ("_gc._tcp", 3268),
        ("_kerberos._tcp", 88),
        ("_kerberos._udp", 88),
        ("_kerberos._tcp.dc._msdcs", 88),
        ("_kpasswd._tcp", 464),
        ("_kpasswd._udp", 464),
        ("_ldap._tcp.Berlin._sites", 389),
        ("_kerberos._tcp.Berlin._sites", 88),
        ("_ldap._tcp.Berlin._sites.dc._msdcs", 389),
        ("_kerberos._tcp.Berlin._sites.dc._msdcs", 88),
        ("_ldap._tcp.Berlin._sites.gc._msdcs", 3268),
        ("_gc._tcp.Berlin._sites", 3268),
    ] {
        records += &format!("\n{name}.exch.test 600 SRV 0 100 {port} dc1.exch.test");
    }
    records
}

fn dc(records: &str) -> Said {
    let server = serving(records);
    check(
        &[&server],
        "--profile dc --domain exch.test --site Berlin --guid 4f3a",
    )
}

#[test]
fn d13_a_locator_record_with_a_wrong_port_or_without_a_host_fails() {
    dc(&domain()).expect_healthy();
    let wrong = domain().replace(
        "_kpasswd._tcp.exch.test 600 SRV 0 100 464",
        "_kpasswd._tcp.exch.test 600 SRV 0 100 4640",
    );
    dc(&wrong).expect(
        "failed",
        "dns_unexpected",
        &["port 4640", "464", "_kpasswd._tcp.exch.test"],
    );
    let gone = domain().replace(
        "_gc._tcp.exch.test 600 SRV 0 100 3268 dc1",
        "_gc._tcp.exch.test 600 SRV 0 100 3268 dc7",
    );
    dc(&gone).expect(
        "failed",
        "dns_nxdomain",
        &["dc7.exch.test", "_gc._tcp.exch.test"],
    );
    let homeless = domain()
        + "\ntext.exch.test 60 TXT x\n_gc._tcp.exch.test 600 SRV 0 100 3268 text.exch.test";
    dc(&homeless).expect("failed", "dns_nodata", &["text.exch.test"]);
}

#[test]
fn what_domain_controllers_register_fails_when_it_is_missing_and_there_is_one_pdc() {
    let records = domain();
    for line in records
        .lines()
        .filter(|line| line.contains(" SRV ") || line.contains("CNAME"))
    {
        let name = line.split_whitespace().next().unwrap();
        let said = dc(&records.replace(line, ""));
        said.expect("failed", "dns_nxdomain", &[&name.to_lowercase()]);
    }
    let two = "\ndc2.exch.test 60 A 192.0.2.6\n_ldap._tcp.pdc._msdcs.exch.test 600 SRV 0 100 389 dc2.exch.test";
    dc(&(domain() + two)).expect(
        "failed",
        "dns_unexpected",
        &["2 servers", "must be one", "pdc"],
    );
    let other = "\ndc2.exch.test 60 A 192.0.2.6\nexch.test 60 NS dc2.exch.test";
    dc(&(domain() + other)).expect(
        "degraded",
        "dns_unexpected",
        &["name servers", "dc2.exch.test"],
    );
}

#[test]
fn records_of_the_list_of_truth_fail_when_they_are_missing_or_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("netlogon.dns");
    let list = "exch.test. 600 IN A 192.0.2.5\r\n\
                _ldap._tcp.exch.test. 600 IN SRV 0 100 389 DC1.exch.test.\r\n\
                4f3a._msdcs.exch.test. 600 IN CNAME dc1.exch.test.\r\n";
    std::fs::write(&path, list).unwrap();
    let truth = |records: &str| {
        check(
            &[&serving(records)],
            &format!("--expect-file {}", path.display()),
        )
    };
    truth(&domain()).expect_healthy();
    let gone = domain().replace("4f3a._msdcs", "5f3a._msdcs");
    truth(&gone).expect(
        "failed",
        "dns_nxdomain",
        &["4f3a._msdcs.exch.test", "CNAME dc1.exch.test"],
    );
    let other = domain().replace(
        "_ldap._tcp.exch.test 600 SRV 0 100 389",
        "_ldap._tcp.exch.test 600 SRV 0 50 389",
    );
    truth(&other).expect("failed", "dns_unexpected", &["SRV 0 100 389 dc1.exch.test"]);
    std::fs::write(&path, "exch.test. 600 IN A 192.0.2.5\nnonsense\n").unwrap();
    truth(&domain()).expect("unknown", "usage", &["line 2"]);
}

#[test]
fn d14_a_time_to_live_of_nothing_or_of_a_week_warns() {
    let living =
        |ttl: &str| serving(&GOOD.replace("ex1.exch.test 1200", &format!("ex1.exch.test {ttl}")));
    check_ex1(&living("0"), "").expect("degraded", "dns_unexpected", &["TTL of 0 s"]);
    check_ex1(&living("604800"), "").expect("degraded", "dns_unexpected", &["604800 s"]);
    check_ex1(&living("604800"), "--max-ttl 604800").expect_healthy();
    check_ex1(&living("1200"), "--max-ttl 600").expect("degraded", "dns_unexpected", &["1200 s"]);
}

#[test]
fn d15_a_zone_that_answers_for_every_name_warns() {
    let server = serving(&and("*.exch.test 60 A 192.0.2.99"));
    let said = check_ex1(&server, "--wildcard");
    said.expect(
        "degraded",
        "dns_unexpected",
        &["wildcard", "192.0.2.99", "*.exch.test"],
    );
}

#[test]
fn d16_a_reply_that_cannot_be_read_fails_and_breaks_nothing() {
    for behaviour in ["pointer_loop", "cut_short", "overrun", "empty"] {
        let said = check_ex1(&behaving(behaviour), "-t 2");
        said.expect("failed", "malformed", &["malformed", "ex1.exch.test"]);
    }
}

#[test]
fn d17_a_long_answer_by_udp_without_a_word_about_it_is_read_whole() {
    let many: Vec<String> = (1..=60)
        .map(|last| format!("many.exch.test 60 A 192.0.2.{last}"))
        .collect();
    let said = check(&[&serving(&and(&many.join("\n")))], "-H many.exch.test");
    said.expect_healthy();
    assert!(
        said.fact("many.exch.test")
            .ends_with("192.0.2.59 and 192.0.2.60"),
        "{said:?}"
    );
}

#[test]
fn d18_the_private_address_that_comes_back_is_found_by_the_next_run() {
    let server = serving(GOOD);
    let check = || check_ex1(&server, "--forbid 10.0.1.0/24");
    check().expect_healthy();
    server.load(1, &and("ex1.exch.test 1200 A 10.0.1.1"));
    check().expect("failed", "dns_forbidden", &["10.0.1.1"]);
    server.load(1, GOOD);
    check().expect_healthy();
}

#[test]
fn several_findings_are_all_told_the_worst_first() {
    let server = serving(&and("ex1.exch.test 0 A 10.0.1.1"));
    let said = check(
        &[&server],
        "-H ex1.exch.test -H ex9.exch.test --forbid 10.0.0.0/8",
    );
    said.expect("failed", "dns_forbidden", &["10.0.1.1"]);
    said.says(&["ex9.exch.test does not exist", "TTL of 0 s"]);
}

#[test]
fn a_server_by_name_is_told_by_name_and_address() {
    let server = serving(&and("ex1.exch.test 60 A 10.0.1.1"));
    let port = server.address().port();
    let said = ask(&format!(
        "-4 -s localhost:{port} -H ex1.exch.test --forbid 10.0.1.0/24"
    ));
    let words = format!("localhost (127.0.0.1:{port}) answers ex1.exch.test with 10.0.1.1");
    said.expect("failed", "dns_forbidden", &[&words]);
}

#[test]
fn what_makes_no_sense_is_unknown_and_says_why() {
    for (options, word) in [
        ("-s 127.0.0.1", "--hostname"),
        ("-H a..b", "not a domain name"),
        ("-H ex1.exch.test -s 127.0.0.1:x", "SERVER[:PORT]"),
        (
            "-H ex1.exch.test --forbid 10.0.0.0/33",
            "expected a network",
        ),
        ("--profile dc", "--domain"),
        (
            "--profile dc --domain exch.test --mail-host m.test -s 127.0.0.1",
            "--mail-host",
        ),
        (
            "-H ex1.exch.test -s 127.0.0.1 --min-servers 2",
            "--min-servers 2",
        ),
        ("--expect-file /no/such/file -s 127.0.0.1", "/no/such/file"),
    ] {
        let said = ask(options);
        said.expect("unknown", "usage", &[]);
        said.says(&[word]);
    }
    ask("-H ex1.exch.test -6 -s 127.0.0.1").expect("unknown", "resolve", &["127.0.0.1"]);
}
