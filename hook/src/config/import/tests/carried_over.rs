//! Sorry servers, slow start and checks mean here what they meant there; what cannot is told with
//! its line.

use super::*;
use crate::config::{Probe, SorryServer, VirtualService};
use crate::table::Forward;

#[track_caller]
fn one_service(file: &str) -> (Imported, Config) {
    let imported = imported(file);
    let config = config(&imported);
    assert_eq!(config.services.len(), 1, "{}", imported.toml);
    (imported, config)
}

fn sorry(service: &VirtualService) -> Option<(String, Forward)> {
    let SorryServer {
        destination,
        forward,
    } = service.sorry_server?;
    Some((destination.to_string(), forward))
}

#[track_caller]
fn assert_sorry(file: &str, line: usize, at: &str, forward: Forward) {
    let (imported, config) = one_service(file);
    let expected = Some((at.to_owned(), forward));
    assert_eq!(sorry(&config.services[0]), expected, "{}", imported.toml);
    let said = said_of(&imported, line);
    assert!(said.contains("refuses its connections"), "{said}");
}

fn keepalived(settings: &str) -> String {
    format!(
        "virtual_server 192.0.2.1 80 {{\nlvs_method DR\nprotocol TCP\n{settings}\n\
         real_server 10.0.0.1 80 {{\nTCP_CHECK {{\n}}\n}}\n}}\n"
    )
}

fn ldirectord(settings: &str) -> String {
    format!("virtual=192.0.2.1:80\n\treal=10.0.0.1:80 masq\n\tservice=http\n{settings}")
}

fn lvs_cf(weights: [u32; 2], settings: &str) -> String {
    let [first, second] = weights;
    format!(
        "virtual web {{\nactive = 1\naddress = 192.0.2.1 eth0:1\nport = 443\n{settings}\n\
         server a {{\naddress = 10.0.0.1\nactive = 1\nweight = {first}\n}}\n\
         server b {{\naddress = 10.0.0.2\nactive = 1\nweight = {second}\n}}\n}}\n"
    )
}

#[test]
fn a_sorry_server_of_each_program() {
    assert_sorry(
        &lvs_cf([1, 1], "sorry_server = 10.0.0.9"),
        5,
        "10.0.0.9:443",
        Forward::Nat,
    );
    assert_sorry(
        &keepalived("sorry_server 10.0.0.9 80"),
        4,
        "10.0.0.9:80",
        Forward::Direct,
    );
    assert_sorry(
        &keepalived("sorry_server_lvs_method NAT\nsorry_server 10.0.0.9 8080"),
        5,
        "10.0.0.9:8080",
        Forward::Nat,
    );
    assert_sorry(
        &ldirectord("\tfallback=10.0.0.9:8080 masq\n"),
        4,
        "10.0.0.9:8080",
        Forward::Nat,
    );
    assert_sorry(
        &format!("fallback=10.0.0.9:http ipip\n{}", ldirectord("")),
        1,
        "10.0.0.9:80",
        Forward::Tunnel,
    );
}

#[test]
fn the_usual_fallback_is_the_director_itself() {
    assert_sorry(
        &ldirectord("\tfallback=127.0.0.1:80 gate\n"),
        4,
        "127.0.0.1:80",
        Forward::Local,
    );
}

#[test]
fn a_fallback_of_its_own_stands_over_that_of_all_and_each_ip_version_has_its_own() {
    let file = "fallback=10.0.0.8\nfallback6=[2001:db8::8]\n\
                virtual=192.0.2.1:80\n\treal=10.0.0.1:80 gate\n\tfallback=10.0.0.9\n\
                virtual=192.0.2.2:80\n\treal=10.0.0.1:80 gate\n\
                virtual6=[2001:db8::1]:80\n\treal6=[2001:db8::2]:80 gate\n";
    let config = config(&imported(file));
    let all: Vec<String> = config
        .services
        .iter()
        .filter_map(|service| Some(sorry(service)?.0))
        .collect();
    assert_eq!(all, ["10.0.0.9:80", "10.0.0.8:80", "[2001:db8::8]:80"]);
}

#[test]
fn sorry_servers_that_never_worked_are_named() {
    let (imported, config) = one_service(&keepalived("sorry_server 10.0.0.9 81"));
    assert!(said_of(&imported, 4).contains("port 81 of the sorry server 10.0.0.9 never had"));
    assert_eq!(
        sorry(&config.services[0]),
        Some(("10.0.0.9:80".to_owned(), Forward::Direct))
    );
    let (imported, config) = one_service(&keepalived("sorry_server 10.0.0.1 80"));
    assert!(said_of(&imported, 4).contains("governess never empties a pool"));
    assert_eq!(sorry(&config.services[0]), None);
    let (imported, _) = one_service("fallback=127.0.0.1\nvirtual=5\n\treal=10.0.0.1 masq\n");
    assert!(said_of(&imported, 1).contains("ldirectord never reached it in service 5"));
}

#[test]
fn nannys_slow_start() {
    let (imported, config) = one_service(&lvs_cf([100, 8], "timeout = 6"));
    // From 3: 6, 12, 24, 48, 96, 100, each after three checks.
    let length = config.services[0].slow_start;
    assert_eq!(length, Some(std::time::Duration::from_secs(108)));
    assert!(said_of(&imported, 1).contains("from weight 3 to 100 in about 108 s"));

    let (imported, config) = one_service(&lvs_cf([100, 7], "timeout = 6"));
    assert_eq!(config.services[0].slow_start, None);
    assert!(said_of(&imported, 11).contains("slow start is NOT carried over: server 10.0.0.2"));
    assert!(!said_of(&imported, 1).contains("slow_start"));

    let (imported, config) = one_service(&lvs_cf([1, 1], ""));
    assert_eq!(config.services[0].slow_start, None);
    assert!(!imported.toml.contains("slow"), "{}", imported.toml);
}

/// The only check of a file, as it is written, with what is said of a line.
#[track_caller]
fn check(file: &str, line: usize) -> (String, String) {
    let (imported, config) = one_service(file);
    let section = imported.toml.split("\n[checks.").nth(1).unwrap_or("");
    let section = section.split("\n[").next().unwrap_or("");
    let probe = section.lines().nth(1).unwrap_or("").to_owned();
    let checks = config.services[0].checks.len();
    assert_eq!(checks, usize::from(!probe.is_empty()), "{}", imported.toml);
    (probe, said_of(&imported, line))
}

fn checked_by(checker: &str) -> String {
    format!(
        "virtual_server 192.0.2.1 25 {{\nprotocol TCP\nreal_server 10.0.0.1 25 {{\n{checker}\n}}\n}}\n"
    )
}

#[test]
fn pages_that_are_asked_for() {
    let (probe, said) = check(
        &checked_by(
            "HTTP_GET {\nconnect_port 8080\nvirtualhost www.example.test\nurl {\npath /ok\nstatus_code 200 301\n}\n}",
        ),
        7,
    );
    assert_eq!(
        probe,
        r#"tcp = { port = 8080, send = "GET /ok HTTP/1.0\r\nHost: www.example.test\r\nConnection: close\r\n\r\n", expect = "HTTP/" }"#
    );
    assert!(
        said.contains(
            r#"exec = ["/usr/lib/nagios/plugins/check_http", "-I", "{address}", "-p", "8080", "-u", "/ok", "-H", "www.example.test", "-e", "200,301"]"#
        ),
        "{said}"
    );
    let settings = "\tchecktype=negotiate\n\trequest=\"/ok\"\n\treceive=\"al+ good\"\n";
    let (probe, said) = check(&ldirectord(settings), 5);
    assert_eq!(
        probe,
        r#"tcp = { port = 80, send = "GET /ok HTTP/1.0\r\nConnection: close\r\n\r\n", expect = "HTTP/" }"#
    );
    assert!(said.contains(r#""-r", "al+ good"]"#), "{said}");
}

#[test]
fn a_health_page_of_exchange_is_the_check_owa() {
    let owa = r#"owa = { host = "mail.example.test", vdirs = ["owa"] }"#;
    let url = "SSL_GET {\nconnect_port 443\nenable_sni\nurl {\npath /owa/healthcheck.htm\nvirtualhost mail.example.test\n}\n}";
    let (probe, said) = check(&checked_by(url), 7);
    assert_eq!(probe, owa);
    assert!(said.contains("the check `owa` takes its place"), "{said}");
    let file = "virtual=192.0.2.1:443\n\treal=10.0.0.1:443 masq 1 \"/owa/HealthCheck.htm\", \"200 OK\"\n\
                \tvirtualhost=mail.example.test\n\thttpmethod=HEAD\n";
    let (probe, said) = check(file, 2);
    assert_eq!(probe, owa);
    assert!(said.contains("asked for with GET"), "{said}");
}

#[test]
fn mail() {
    let (probe, said) = check(
        &checked_by("SMTP_CHECK {\nhelo_name lb1.example.test\nhost {\nconnect_port 2525\n}\n}"),
        4,
    );
    assert_eq!(
        probe,
        r#"smtp = { ports = ["2525/plain"], ehlo = "lb1.example.test" }"#
    );
    assert!(said.contains("MAIL FROM"), "{said}");
    let (probe, _) = check("virtual=192.0.2.1:25\n\treal=10.0.0.1:25 masq\n", 1);
    assert_eq!(probe, r#"smtp = { ports = ["25/plain"] }"#);
}

#[test]
fn a_tarpit_of_five_seconds_is_no_failure_whatever_the_old_timeout_was() {
    let (_, config) = one_service(&checked_by(
        "SMTP_CHECK {\nconnect_timeout 3\ndelay_loop 20\n}",
    ));
    let check = &config.checks[0];
    assert!(matches!(check.probe, Probe::Smtp(_)));
    assert_eq!(
        (check.interval.as_secs(), check.timeout.as_secs()),
        (20, 12)
    );
}

#[test]
fn protocols_of_ldirectord() {
    for (service, settings, expected) in [
        ("imap", "", r#"tcp = { port = 80, expect = "* " }"#),
        ("pop", "", r#"tcp = { port = 80, expect = "+OK" }"#),
        ("ldap", "", "tcp = { port = 80 }"),
        (
            "simpletcp",
            "\trequest=\"PING\\n\"\n\treceive=\"^PONG\"\n",
            r#"tcp = { port = 80, send = "PING\n", expect = "PONG" }"#,
        ),
        ("simpletcp", "\treceive=\"PO.G\"\n", "tcp = { port = 80 }"),
        ("none", "", ""),
    ] {
        let file = format!(
            "virtual=192.0.2.1:80\n\treal=10.0.0.1:80 masq\n\tservice={service}\n{settings}"
        );
        assert_eq!(check(&file, 3).0, expected, "{service}");
    }
}

#[test]
fn a_check_without_a_counterpart_is_told_with_what_to_write_instead() {
    for (checker, instead) in [
        ("PING_CHECK {\n}", "write tcp = { port = … }"),
        ("DNS_CHECK {\ntype A\nname example.test\n}", "check_dig"),
        ("UDP_CHECK {\npayload 00\n}", "check_udp"),
        ("FILE_CHECK {\ntrack_file f\n}", "governess report"),
        ("SSL_GET {\n}", "never checked anything"),
    ] {
        let (probe, said) = check(&checked_by(checker), 4);
        assert_eq!(probe, "");
        assert!(said.contains(instead), "{said}");
    }
}

#[test]
fn servers_with_ports_of_their_own_share_a_page() {
    let real = |host: u8, port: u16| {
        format!("real_server 10.0.0.{host} {port} {{\nHTTP_GET {{\nurl {{\npath /\n}}\n}}\n}}\n")
    };
    let file = format!(
        "virtual_server 192.0.2.1 80 {{\nprotocol TCP\n{}{}}}\n",
        real(1, 8001),
        real(2, 8002)
    );
    let (probe, _) = check(&file, 1);
    assert_eq!(
        probe,
        r#"tcp = { send = "GET / HTTP/1.0\r\nConnection: close\r\n\r\n", expect = "HTTP/" }"#
    );
}
