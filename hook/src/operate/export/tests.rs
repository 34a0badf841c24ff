use std::net::{IpAddr, SocketAddr};

use super::nft::{Filter, Inside, Partner};
use super::{hosts, iptables, ipvsadm, nft, sysctl};
use crate::kernel::firewall::foreign::{self, HostRules, Paths, Tracking};
use crate::kernel::firewall::tests::{in_namespace, masquerade, original, tcp, tool};
use crate::setup::{Firewall, WantedSysctl};
use crate::table::{
    Connections, Destination, DestinationSettings, Encapsulation, Family, Forward, Protocol,
    Service, ServiceKey, ServiceSettings, Table,
};

fn original_filter() -> Filter {
    let services = original().marks.into_iter();
    Filter {
        services: services.map(|rule| (rule.vip, rule.traffic)).collect(),
        outside: Some("eth0".to_owned()),
        inside: Some(Inside {
            interface: "eth1".to_owned(),
            network: "10.0.1.0/24".parse().unwrap(),
        }),
        partner: Partner::default(),
    }
}

/// What is accepted of the partner, each in a line.
fn accepted_of(partner: Partner) -> Vec<String> {
    let filter = Filter {
        partner,
        ..original_filter()
    };
    let script = nft::filter(&filter).unwrap();
    in_namespace(|| tool("nft", &["-c", "-f", "-"], &script));
    let without = nft::filter(&original_filter()).unwrap();
    let new = |line: &&str| !without.contains(line) && !line.contains('#');
    let lines = script.lines().filter(new);
    lines.map(|line| line.trim().to_owned()).collect()
}

#[test]
fn the_proposed_filter_lets_the_partner_tell_and_ask_what_the_pair_says() {
    assert_eq!(accepted_of(Partner::default()), [""; 0]);
    let directors: [IpAddr; 2] = ["10.0.1.33", "10.0.1.34"].map(|it| it.parse().unwrap());
    let told = accepted_of(Partner {
        sync: Some("eth1".to_owned()),
        status: Some((directors.to_vec(), 3636)),
    });
    assert_eq!(
        told,
        [
            "iifname \"eth1\" ip daddr 224.0.0.81 udp dport 8848 accept",
            "ip saddr 10.0.1.33 tcp dport 3636 accept",
            "ip saddr 10.0.1.34 tcp dport 3636 accept",
        ]
    );
}

fn both_families() -> Firewall {
    let mut firewall = original();
    let many: Vec<u16> = (1..=31).collect();
    firewall.marks.push(tcp("fd00::35", &many, 80));
    firewall.masquerade.push(masquerade("fd00:1::/64", "eth0"));
    firewall
}

#[test]
fn nft_takes_our_own_script() {
    let script = nft::text(&both_families()).unwrap();
    assert!(script.starts_with("# Marks on packets to VIPs"));
    in_namespace(|| tool("nft", &["-c", "-f", "-"], &script));
}

#[test]
fn the_proposed_filter_lets_all_of_the_set_up_through_and_drops_the_rest() {
    let script = nft::filter(&original_filter()).unwrap();
    let listing = in_namespace(|| {
        tool("nft", &["-f", "-"], &script);
        tool("nft", &["-f", "-"], &script);
        tool("nft", &["-j", "list", "ruleset"], "")
    });
    let mut host = HostRules::default();
    host.add_nftables(&listing).unwrap();
    let paths = Paths {
        services: original_filter().services,
        servers: vec!["10.0.1.1".parse().unwrap()],
        inside: Some("eth1".to_owned()),
        outside: Some("eth0".to_owned()),
        tracking: Tracking::Untracked,
    };
    assert_eq!(foreign::foreign_drops(&host, &paths), [""; 0]);
    let another = Paths {
        services: vec![(
            "192.168.1.35".parse().unwrap(),
            tcp("::", &[3389], 1).traffic,
        )],
        servers: vec!["10.0.2.1".parse().unwrap()],
        ..paths
    };
    assert_eq!(foreign::foreign_drops(&host, &another).len(), 2);
}

#[test]
fn the_proposed_filter_is_readable() {
    let script = nft::filter(&original_filter()).unwrap();
    let (_, table) = script
        .split_once("table inet governess_filter {\n")
        .unwrap();
    assert_eq!(
        table,
        "\tchain governess_input {
\t\ttype filter hook input priority filter; policy drop;
\t\tiifname \"lo\" accept
\t\tct state established,related accept
\t\tmeta l4proto { icmp, ipv6-icmp } accept
\t\t# VRRP, if this director has a partner
\t\tmeta l4proto 112 accept
\t\t# administrators; better from their own addresses only
\t\ttcp dport 22 accept
\t\t# clients
\t\tip daddr 192.168.1.35 tcp dport { 25, 80, 443, 465, 587, 717, 2525 } accept
\t\t# one real server: RDP and NRPE; better for administrators only
\t\tip daddr 192.168.1.36 tcp dport { 3389, 5666 } accept
\t\t# one real server: RDP and NRPE; better for administrators only
\t\tip daddr 192.168.1.37 tcp dport { 3389, 5666 } accept
\t\t# answers to what this director itself asks of a VIP that it holds
\t\tiifname \"eth1\" ip saddr 10.0.1.0/24 ip daddr 192.168.1.35 tcp sport { 25, 80, 443, 465, 587, 717, 2525 } accept
\t\tiifname \"eth1\" ip saddr 10.0.1.0/24 ip daddr 192.168.1.36 tcp sport { 3389, 5666 } accept
\t\tiifname \"eth1\" ip saddr 10.0.1.0/24 ip daddr 192.168.1.37 tcp sport { 3389, 5666 } accept
\t}

\tchain governess_forward {
\t\ttype filter hook forward priority filter; policy drop;
\t\t# answers to clients, and what real servers ask of the outside
\t\tiifname \"eth1\" oifname \"eth0\" ip saddr 10.0.1.0/24 accept
\t\t# answers to what real servers asked
\t\tiifname \"eth0\" oifname \"eth1\" ct state established,related accept
\t}
}
"
    );
}

#[test]
fn a_filter_for_other_set_ups_is_taken_too() {
    let without_inside = Filter {
        inside: None,
        ..original_filter()
    };
    let mut mixed = original_filter();
    mixed.outside = None;
    let services = both_families().marks.into_iter();
    mixed.services = services.map(|rule| (rule.vip, rule.traffic)).collect();
    for filter in [without_inside, mixed, Filter::default()] {
        let script = nft::filter(&filter).unwrap();
        in_namespace(|| tool("nft", &["-c", "-f", "-"], &script));
    }
}

#[test]
fn iptables_has_the_original_rules_in_the_original_words() {
    assert_eq!(
        iptables::text(&original(), Family::V4).unwrap(),
        "# For iptables-restore --noflush: without that option all other rules of the tables \
mangle and nat are lost.
*mangle
:PREROUTING ACCEPT [0:0]
-A PREROUTING -d 192.168.1.36/32 -j MARK --set-mark 1
-A PREROUTING -d 192.168.1.37/32 -j MARK --set-mark 2
-A PREROUTING -d 192.168.1.35/32 -p tcp -m multiport --dports 25,80,443,465,587,717,2525 -j MARK --set-mark 80
COMMIT
*nat
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -s 10.0.1.0/24 -o eth0 -j MASQUERADE
COMMIT
"
    );
}

#[test]
fn iptables_names_the_address_that_servers_take() {
    let mut firewall = original();
    firewall.masquerade[0].bears = Some([192, 168, 1, 35].into());
    let text = iptables::text(&firewall, Family::V4).unwrap();
    let rule = "-A POSTROUTING -s 10.0.1.0/24 -o eth0 -j SNAT --to-source 192.168.1.35\n";
    assert!(text.contains(rule), "{text}");
}

#[test]
fn iptables_restore_takes_either_family_and_more_ports_than_one_rule_holds() {
    for (program, family) in [
        ("iptables-nft-restore", Family::V4),
        ("ip6tables-nft-restore", Family::V6),
    ] {
        let text = iptables::text(&both_families(), family).unwrap();
        in_namespace(|| tool(program, &["--noflush", "--test"], &text));
    }
    let text = iptables::text(&both_families(), Family::V6).unwrap();
    assert_eq!(text.matches("--dports").count(), 3, "{text}");
    assert!(!text.contains("192.168"), "{text}");
}

#[test]
fn sysctl_takes_the_file_and_the_kernel_the_values() {
    let wanted = [
        WantedSysctl {
            name: "net.ipv4.ip_forward",
            value: "1",
            why: "packets to real servers\nare forwarded",
        },
        WantedSysctl {
            name: "net.ipv4.conf.all.rp_filter",
            value: "2",
            why: "replies may come from another interface",
        },
    ];
    let text = sysctl::text(&wanted);
    assert!(
        text.ends_with(
            "\n# packets to real servers are forwarded\nnet.ipv4.ip_forward = 1\n\n# replies may \
             come from another interface\nnet.ipv4.conf.all.rp_filter = 2\n"
        ),
        "{text}"
    );
    let values = in_namespace(|| {
        tool("sysctl", &["-p", "-"], &text);
        tool(
            "sysctl",
            &["-n", "net.ipv4.ip_forward", "net.ipv4.conf.all.rp_filter"],
            "",
        )
    });
    assert_eq!(values, "1\n2\n");
}

#[test]
fn hosts_lines_carry_address_name_and_purpose() {
    let entry = |address: &str, name: &str, purpose: &str| hosts::Entry {
        address: address.parse().unwrap(),
        name: name.to_owned(),
        purpose: purpose.to_owned(),
    };
    let text = hosts::text(&[
        entry("192.168.1.35", "exchange", "VIP of exchange"),
        entry("10.0.1.1", "ex 1/a", "real server\nex 1"),
    ]);
    assert_eq!(
        text,
        "192.168.1.35 exchange # VIP of exchange\n10.0.1.1     ex-1-a # real server ex 1\n"
    );
}

fn service(settings: ServiceSettings, destinations: &[(&str, DestinationSettings)]) -> Service {
    let destination = |(address, settings): &(&str, DestinationSettings)| {
        let destination = Destination {
            settings: *settings,
            connections: Connections::default(),
        };
        (address.parse::<SocketAddr>().unwrap(), destination)
    };
    Service {
        settings,
        destinations: destinations.iter().map(destination).collect(),
    }
}

fn scheduled(scheduler: &str, family: Family) -> ServiceSettings {
    ServiceSettings {
        scheduler: scheduler.to_owned(),
        persistence: None,
        netmask: ServiceSettings::host_netmask(family),
        flags: 0,
        persistence_engine: None,
    }
}

fn weighing(weight: u32, forward: Forward) -> DestinationSettings {
    DestinationSettings {
        forward,
        weight,
        upper_threshold: 0,
        lower_threshold: 0,
        encapsulation: Encapsulation::default(),
    }
}

fn address(protocol: Protocol, socket: &str) -> ServiceKey {
    ServiceKey::Address {
        protocol,
        socket: socket.parse().unwrap(),
    }
}

fn marked(family: Family, mark: u32) -> ServiceKey {
    ServiceKey::Fwmark { family, mark }
}

/// One of everything that the program can say.
fn rich_table() -> Table {
    let through = |kind, port, flags| DestinationSettings {
        encapsulation: Encapsulation { kind, port, flags },
        ..weighing(1, Forward::Tunnel)
    };
    let hashed = |scheduler: &str, family, netmask| ServiceSettings {
        persistence: Some(600),
        netmask,
        flags: 0x10,
        ..scheduled(scheduler, family)
    };
    let (v4, v6) = (Family::V4, Family::V6);
    Table::from([
        (
            marked(v4, 80),
            service(
                ServiceSettings {
                    persistence: Some(600),
                    ..scheduled("wlc", v4)
                },
                &[
                    ("10.0.1.1:0", weighing(1, Forward::Nat)),
                    ("10.0.1.2:0", weighing(0, Forward::Nat)),
                    ("10.0.1.10:0", weighing(3, Forward::Direct)),
                ],
            ),
        ),
        (
            marked(v6, 80),
            service(
                hashed("mh", v6, 64),
                &[("[fd00::1]:0", weighing(1, Forward::Nat))],
            ),
        ),
        (marked(v4, 7), service(hashed("sh", v4, 0xffff_ff00), &[])),
        (
            address(Protocol::Udp, "192.168.1.35:53"),
            service(
                ServiceSettings {
                    flags: 0x4,
                    ..scheduled("rr", v4)
                },
                &[("10.0.1.5:53", weighing(1, Forward::Nat))],
            ),
        ),
        (
            address(Protocol::Tcp, "192.168.1.35:80"),
            service(
                scheduled("wlc", v4),
                &[
                    ("10.0.1.1:80", through(0, 0, 0)),
                    ("10.0.1.2:80", through(1, 6080, 0)),
                    ("10.0.1.3:80", through(1, 6081, 2)),
                    ("10.0.1.4:80", through(2, 0, 1)),
                    ("10.0.1.5:80", through(2, 0, 0)),
                ],
            ),
        ),
        (
            address(Protocol::Sctp, "192.168.1.35:88"),
            service(scheduled("wlc", v4), &[]),
        ),
        (
            address(Protocol::Tcp, "[fd00::5]:443"),
            service(
                scheduled("wlc", v6),
                &[("[fd00::1]:443", weighing(1, Forward::Nat))],
            ),
        ),
    ])
}

#[test]
fn ipvsadm_has_its_own_format_and_order() {
    assert_eq!(
        ipvsadm::text(&rich_table()),
        "-A -t 192.168.1.35:80 -s wlc
-a -t 192.168.1.35:80 -r 10.0.1.1:80 -i -w 1 --tun-type ipip
-a -t 192.168.1.35:80 -r 10.0.1.2:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum
-a -t 192.168.1.35:80 -r 10.0.1.3:80 -i -w 1 --tun-type gue --tun-port 6081 --tun-remcsum
-a -t 192.168.1.35:80 -r 10.0.1.4:80 -i -w 1 --tun-type gre --tun-csum
-a -t 192.168.1.35:80 -r 10.0.1.5:80 -i -w 1 --tun-type gre --tun-nocsum
-A -u 192.168.1.35:53 -s rr -o
-a -u 192.168.1.35:53 -r 10.0.1.5:53 -m -w 1
-A --sctp-service 192.168.1.35:88 -s wlc
-A -t [fd00::5]:443 -s wlc
-a -t [fd00::5]:443 -r [fd00::1]:443 -m -w 1
-A -f 7 -s sh -p 600 -M 255.255.255.0 -b sh-port
-A -f 80 -s wlc -p 600
-a -f 80 -r 10.0.1.1:0 -m -w 1
-a -f 80 -r 10.0.1.2:0 -m -w 0
-a -f 80 -r 10.0.1.10:0 -g -w 3
-A -f 80 -6 -s mh -p 600 -M 64 -b mh-port
-a -f 80 -6 -r [fd00::1]:0 -m -w 1
"
    );
}

#[test]
fn connection_thresholds_are_written_though_the_program_itself_forgets_them() {
    let limited = DestinationSettings {
        upper_threshold: 100,
        lower_threshold: 50,
        ..weighing(1, Forward::Nat)
    };
    let table = Table::from([(
        marked(Family::V4, 80),
        service(scheduled("wlc", Family::V4), &[("10.0.1.1:0", limited)]),
    )]);
    assert_eq!(
        ipvsadm::text(&table),
        "-A -f 80 -s wlc\n-a -f 80 -r 10.0.1.1:0 -m -w 1 -x 100 -y 50\n"
    );
}

#[test]
#[ignore = "needs a kernel with IPVS and the program ipvsadm"]
fn the_real_ipvsadm_takes_the_text_and_prints_the_same() {
    use crate::kernel::VirtualServers;
    use crate::kernel::ipvs::Ipvs;

    let text = ipvsadm::text(&rich_table());
    in_namespace(|| {
        tool("ip", &["link", "set", "lo", "up"], "");
        tool("ipvsadm", &["-R"], &text);
        assert_eq!(tool("ipvsadm", &["-Sn"], ""), text);
        let kernel = Ipvs::new().dump().unwrap();
        assert_eq!(ipvsadm::text(&kernel), text);
    });
}
