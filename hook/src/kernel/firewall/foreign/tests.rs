use super::*;
use crate::kernel::firewall::Nft;
use crate::kernel::firewall::tests::{in_namespace, nft, original, tool};
use crate::table::Protocol;

fn paths() -> Paths {
    Paths {
        services: services(&original(), []),
        servers: vec!["10.0.1.1".parse().unwrap()],
        inside: Some("eth1".to_owned()),
        outside: Some("eth0".to_owned()),
        tracking: Tracking::Untracked,
    }
}

/// What is said about a host with these rules, each finding by its first words.
fn drops_of(ruleset: &str) -> Vec<String> {
    let host = in_namespace(|| {
        nft(ruleset);
        Nft::new().host_rules().unwrap()
    });
    said(&host, &paths())
}

fn said(host: &HostRules, paths: &Paths) -> Vec<String> {
    let findings = foreign_drops(host, paths);
    let head = |finding: &String| finding.split(';').next().unwrap().to_owned();
    findings.iter().map(head).collect()
}

fn input(rules: &str) -> String {
    format!(
        "table inet filter {{
        set friends {{ type ipv4_addr; flags interval; elements = {{ 192.0.2.0/24 }} }}
        chain services {{
            tcp dport {{ 25, 80, 443, 465, 587, 717, 2525 }} accept
        }}
        chain input {{
            type filter hook input priority filter; policy drop;
            ip daddr {{ 192.168.1.36, 192.168.1.37 }} accept
            {rules}
        }}
        }}"
    )
}

const ALL_PORTS: &str = "nftables table inet filter, chain input, drops packets of clients to the \
                         VIP 192.168.1.35, tcp 25, 80, 443, 465, 587, 717, 2525";

#[test]
fn a_host_without_rules_drops_nothing_and_our_own_table_is_not_foreign() {
    assert_eq!(drops_of(""), [""; 0]);
    let ours = crate::kernel::firewall::script::replacement(&original()).unwrap();
    assert_eq!(drops_of(&ours), [""; 0]);
}

#[test]
fn an_input_policy_of_drop_without_a_fitting_accept_is_named_with_chain_vip_and_ports() {
    assert_eq!(drops_of(&input("tcp dport 22 accept")), [ALL_PORTS]);
    assert_eq!(
        drops_of(&input("tcp dport { 25, 443-500 } accept")),
        [
            "nftables table inet filter, chain input, drops packets of clients to the VIP \
          192.168.1.35, tcp 80, 587, 717, 2525"
        ]
    );
}

#[test]
fn accepting_established_connections_only_accepts_no_client() {
    let rules = "ct state established,related accept";
    assert_eq!(drops_of(&input(rules)), [ALL_PORTS]);
}

#[test]
fn an_accept_that_fits_is_seen_directly_in_a_set_by_interface_and_through_a_jump() {
    for rules in [
        "tcp dport { 25, 80, 443, 465, 587, 717, 2525 } counter accept",
        "ip daddr 192.168.1.0/24 tcp dport 1-65535 accept",
        "ip daddr 192.168.1.30-192.168.1.40 accept",
        "iifname \"eth0\" accept",
        "iifname \"eth*\" accept",
        "iifname != \"lo\" accept",
        "meta l4proto tcp accept",
        "ip protocol tcp log prefix \"in \" accept",
        "ct state new accept",
        "jump services",
        "goto services",
        "ct state invalid drop; meta nfproto ipv4 accept",
        "ct state vmap { established : accept, new : accept, invalid : drop }",
        "ip daddr 192.168.1.35 tcp dport vmap { 1-1023 : jump services, 2525 : accept }",
    ] {
        assert_eq!(drops_of(&input(rules)), [""; 0], "with {rules}");
    }
}

#[test]
fn an_accept_that_does_not_fit_does_not_hide_the_drop() {
    for rules in [
        "ip daddr != 192.168.1.35 accept",
        "iifname \"eth1\" accept",
        "udp dport { 25, 80, 443, 465, 587, 717, 2525 } accept",
        "ip6 daddr ::/0 accept",
        "iifname \"eth1\" jump services",
        "drop; accept",
        "reject",
        "return; accept",
        "ct state vmap { established : accept, related : accept, invalid : drop }",
        "iifname vmap { \"lo\" : accept, \"eth1\" : goto services }",
        "ct status dnat accept",
        "limit rate 5/minute log prefix \"x\"",
    ] {
        assert_eq!(drops_of(&input(rules)), [ALL_PORTS], "with {rules}");
    }
}

#[test]
fn nothing_is_said_where_the_outcome_is_open() {
    for rules in [
        "ip saddr 192.0.2.0/24 accept",
        "ip saddr @friends accept",
        "ip daddr @friends accept",
        "tcp flags syn accept",
        "limit rate 10/second accept",
        "ip saddr vmap { 192.0.2.1 : accept }",
        "mark vmap { 1 : accept }",
        "ct status confirmed accept",
        "meta mark 80 accept",
        "ip saddr 192.0.2.1 goto services",
    ] {
        assert_eq!(drops_of(&input(rules)), [""; 0], "with {rules}");
    }
}

#[test]
fn a_drop_in_front_of_a_general_accept_is_found_though_the_policy_accepts() {
    let ruleset = "table ip filter { chain INPUT { type filter hook input priority 0
        tcp dport 25 drop
        }
        }";
    assert_eq!(
        drops_of(ruleset),
        [
            "nftables table ip filter, chain INPUT, drops packets of clients to the VIP \
          192.168.1.35, tcp 25"
        ]
    );
}

#[test]
fn a_chain_behind_ipvs_is_not_blamed() {
    let behind = input("").replace("priority filter", "priority 200");
    assert_eq!(drops_of(&behind), [""; 0]);
}

fn forward(rules: &str) -> String {
    format!(
        "table inet filter {{ chain forward {{
            type filter hook forward priority filter; policy drop;
            {rules}
        }}
        }}"
    )
}

const ANSWERS: &str = "nftables table inet filter, chain forward, drops what the real server \
                       10.0.1.1 answers to clients";

#[test]
fn answers_of_real_servers_are_not_established_to_conntrack() {
    assert_eq!(drops_of(&forward("")), [ANSWERS]);
    let usual = "ct state established,related accept";
    assert_eq!(drops_of(&forward(usual)), [ANSWERS]);
    let invalid_first = "ct state invalid drop; ip saddr 10.0.1.0/24 accept";
    assert_eq!(drops_of(&forward(invalid_first)), [ANSWERS]);
    let by_address = "ip saddr 10.0.1.0/24 accept; ct state invalid drop";
    assert_eq!(drops_of(&forward(by_address)), [""; 0]);
    let by_interface = "iifname eth1 oifname eth0 accept";
    assert_eq!(drops_of(&forward(by_interface)), [""; 0]);
}

#[test]
fn with_conntrack_switched_on_in_ipvs_the_usual_rule_is_enough() {
    let host = in_namespace(|| {
        nft(&forward("ct state established,related accept"));
        Nft::new().host_rules().unwrap()
    });
    let tracked = Paths {
        tracking: Tracking::Tracked,
        ..paths()
    };
    assert_eq!(said(&host, &tracked), [""; 0]);
}

#[test]
fn an_output_chain_that_keeps_ipvs_from_the_real_servers_is_named() {
    let ruleset = "table inet filter { chain output {
            type filter hook output priority filter; policy drop;
            ct state new,established accept
        }
        }";
    assert_eq!(
        drops_of(ruleset),
        [
            "nftables table inet filter, chain output, drops what IPVS and the checks send to the \
          real server 10.0.1.1"
        ]
    );
}

/// What `ufw` and its like write, and what its packets meet.
const UFW: &str = "*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:before - [0:0]
:user - [0:0]
:not-local - [0:0]
-A INPUT -j before
-A INPUT -j user
-A INPUT -m limit --limit 3/min -j LOG --log-prefix \"[BLOCK] \"
-A before -i lo -j ACCEPT
-A before -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A before -m conntrack --ctstate INVALID -j DROP
-A before -m conntrack --ctstate DNAT -j ACCEPT
-A before -j not-local
-A before -d 192.168.1.36 -j ACCEPT
-A before -d 192.168.1.37 -j ACCEPT
-A not-local -m addrtype --dst-type LOCAL -j RETURN
-A not-local -m limit --limit 3/min -j LOG
-A not-local -j DROP
-A user -p tcp -m multiport --dports 25,80,443 -j ACCEPT
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
COMMIT
";

#[test]
fn rules_of_iptables_on_nf_tables_are_read_with_their_extensions() {
    let host = in_namespace(|| {
        tool("iptables-nft-restore", &[], UFW);
        Nft::new().host_rules().unwrap()
    });
    assert_eq!(
        said(&host, &paths()),
        [
            "iptables table filter, chain INPUT, drops packets of clients to the VIP \
             192.168.1.35, tcp 465, 587, 717, 2525",
            "iptables table filter, chain FORWARD, drops what the real server 10.0.1.1 answers to \
             clients",
        ]
    );
}

#[test]
fn extensions_that_nobody_explains_are_not_guessed() {
    let listing = in_namespace(|| {
        tool("iptables-nft-restore", &[], UFW);
        tool("nft", &["-j", "list", "ruleset"], "")
    });
    let mut host = HostRules::default();
    host.add_nftables(&listing).unwrap();
    assert!(host.needs_iptables(Family::V4));
    assert_eq!(said(&host, &paths()), [""; 0]);
}

const SAVED: &str = r#"# Generated by iptables-save v1.8.9 on Thu Nov 26 03:00:00 2026
*nat
:PREROUTING ACCEPT [0:0]
COMMIT
*filter
:INPUT DROP [10:600]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [5:300]
:mail - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -d 192.168.1.36/32 -j ACCEPT
-A INPUT ! -i eth1 -d 192.168.1.37 -m comment --comment "the \"other\" one -j DROP" -j ACCEPT
-A INPUT -p tcp -m tcp --dport 443 -j LOG --log-prefix "in "
-A INPUT -p tcp -m tcp --dport 443 -j ACCEPT
-A INPUT -p tcp -m multiport --dports 80,465:587 -j ACCEPT
-A INPUT -d 192.168.1.0/24 -j mail
-A FORWARD -i eth+ -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A FORWARD -s 10.0.2.0/24 -j ACCEPT
-A mail ! -p tcp -j RETURN
-A mail -p tcp -m tcp --dport 25 -j ACCEPT
-A mail -p tcp -m tcp --dport 717 -m limit --limit 5/sec -j ACCEPT
COMMIT
"#;

#[test]
fn saved_rules_of_the_older_iptables_are_judged_alike() {
    let mut host = HostRules::default();
    host.add_iptables(Family::V4, SAVED);
    assert_eq!(
        said(&host, &paths()),
        [
            "iptables table filter, chain INPUT, drops packets of clients to the VIP \
             192.168.1.35, tcp 2525",
            "iptables table filter, chain FORWARD, drops what the real server 10.0.1.1 answers to \
             clients",
        ]
    );
}

#[test]
fn saved_rules_of_one_family_say_nothing_about_the_other() {
    let mut host = HostRules::default();
    host.add_iptables(Family::V6, SAVED);
    assert_eq!(said(&host, &paths()), [""; 0]);
}

#[test]
fn chains_that_call_each_other_in_a_circle_end_in_an_open_outcome() {
    let mut host = HostRules::default();
    let circle = "*filter\n:INPUT DROP [0:0]\n:a - [0:0]\n:b - [0:0]\n-A INPUT -j a\n-A a -j b\n\
                  -A b -j a\nCOMMIT\n";
    host.add_iptables(Family::V4, circle);
    assert_eq!(said(&host, &paths()), [""; 0]);
}

#[test]
fn a_listing_that_is_none_is_an_error_and_not_a_host_without_rules() {
    for nonsense in ["", "{}", "[]", "{\"nftables\": 1}", "table ip filter {"] {
        let outcome = HostRules::default().add_nftables(nonsense);
        assert!(outcome.is_err(), "{nonsense:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reading_of_saved_rules_panic(text in "(\\*filter\n)?(:[A-Z]{1,5} (DROP|-)\n|-A [A-Z]{1,5}( !| -[a-z]| --[a-z]{1,6}| [\"a-z0-9:/.,]{1,8}){0,6}\n){0,8}") {
        let mut host = HostRules::default();
        host.add_iptables(Family::V4, &text);
        foreign_drops(&host, &paths());
    }
}

#[test]
fn services_without_a_mark_are_judged_by_their_own_protocol() {
    let host = in_namespace(|| {
        nft(&input("udp dport 53 accept"));
        Nft::new().host_rules().unwrap()
    });
    let udp = |port: u16| {
        let key = ServiceKey::Address {
            protocol: Protocol::Udp,
            socket: format!("192.168.1.35:{port}").parse().unwrap(),
        };
        let paths = Paths {
            services: services(&Firewall::default(), [key]),
            ..Paths::default()
        };
        said(&host, &paths)
    };
    assert_eq!(udp(53), [""; 0]);
    assert_eq!(udp(54).len(), 1);
}
