//! Against the kernel, each test in a network namespace of its own.

use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use ipnet::IpNet;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::{in_namespace, nft, original, tcp, tool};
use crate::kernel::firewall::{Firewalls, Nft, Standing};
use crate::setup::{Firewall, MarkRule, Masquerade, Traffic};
use crate::table::Protocol;

/// How a new process, which remembers nothing, finds the table.
fn found_anew(wanted: &Firewall) -> Standing {
    Nft::new().standing(wanted).unwrap()
}

fn listing() -> String {
    tool("nft", &["list", "table", "inet", "governess"], "")
}

#[test]
fn what_was_written_is_recognised_by_this_process_and_by_the_next() {
    in_namespace(|| {
        let mut firewall = Nft::new();
        assert_eq!(firewall.standing(&original()).unwrap(), Standing::Absent);
        firewall.replace(&original()).unwrap();
        assert!(firewall.is_current(&original()).unwrap());
        assert_eq!(found_anew(&original()), Standing::Current);
        firewall.replace(&original()).unwrap();
        assert_eq!(found_anew(&original()), Standing::Current);
    });
}

#[test]
fn every_alteration_by_somebody_is_found_and_repaired() {
    let alterations = [
        "flush chain inet governess governess_marks",
        "delete table inet governess",
        "add rule inet governess governess_marks ip daddr 192.168.1.35 meta mark set 9",
        "insert rule inet governess governess_masquerade accept",
        "add chain inet governess another",
        "add set inet governess another { type ipv4_addr; }",
        "add table inet governess { flags dormant; }",
        "add chain inet governess governess_marks { policy drop; }",
        "flush chain inet governess governess_masquerade
         add rule inet governess governess_masquerade oifname eth0 masquerade",
        "flush ruleset",
    ];
    for alteration in alterations {
        in_namespace(|| {
            let mut firewall = Nft::new();
            firewall.replace(&original()).unwrap();
            assert!(firewall.is_current(&original()).unwrap());
            nft(alteration);
            let standing = firewall.standing(&original()).unwrap();
            assert_ne!(standing, Standing::Current, "after {alteration}");
            assert_eq!(found_anew(&original()), standing, "after {alteration}");
            firewall.replace(&original()).unwrap();
            assert_eq!(
                found_anew(&original()),
                Standing::Current,
                "after {alteration} and its repair"
            );
        });
    }
}

#[test]
fn one_changed_mark_or_port_or_a_rule_that_is_gone_is_found() {
    in_namespace(|| {
        let mut firewall = Nft::new();
        firewall.replace(&original()).unwrap();
        for different in [
            Firewall {
                marks: vec![tcp("192.168.1.35", &[25], 80)],
                ..original()
            },
            Firewall {
                marks: original().marks[1..].to_vec(),
                ..original()
            },
            Firewall {
                masquerade: Vec::new(),
                ..original()
            },
            Firewall::default(),
        ] {
            assert_eq!(firewall.standing(&different).unwrap(), Standing::Other);
        }
    });
}

#[test]
fn foreign_tables_are_not_touched() {
    in_namespace(|| {
        nft(
            "table inet filter { chain input { type filter hook input priority 0; policy drop;
             tcp dport 22 counter accept
             }
             }
             table ip governess { chain mine { }
             }",
        );
        let foreign = || {
            ["inet filter", "ip governess"].map(|table| {
                let (family, name) = table.split_once(' ').unwrap();
                tool("nft", &["-a", "list", "table", family, name], "")
            })
        };
        let before = foreign();
        let mut firewall = Nft::new();
        firewall.replace(&original()).unwrap();
        firewall.replace(&Firewall::default()).unwrap();
        assert_eq!(foreign(), before);
        assert_eq!(found_anew(&Firewall::default()), Standing::Current);
        assert_eq!(found_anew(&original()), Standing::Absent);
    });
}

#[test]
fn a_replacement_is_one_transaction() {
    in_namespace(|| {
        let mut firewall = Nft::new();
        firewall.replace(&original()).unwrap();
        let monitor = Monitor::start();
        firewall.replace(&Firewall::default()).unwrap();
        let seen = monitor.until("table ip after", "add table ip after");
        let generations = seen
            .iter()
            .filter(|line| line.starts_with("# new generation"));
        // Ours and that of the marker.
        assert_eq!(generations.count(), 2, "{seen:#?}");
        let ours = |line: &String| line == "delete table inet governess";
        assert!(seen.iter().any(ours), "{seen:#?}");
    });
}

/// What `nft monitor` shows from the start on: changes, and a line at the end of a transaction.
struct Monitor {
    process: Child,
    lines: Receiver<String>,
}

impl Monitor {
    fn start() -> Self {
        let mut process = Command::new("nft")
            .arg("monitor")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        // It listens once it shows something.
        let something = || nft("add table ip something\ndelete table ip something");
        something();
        while lines.recv_timeout(Duration::from_millis(50)).is_err() {
            something();
        }
        let monitor = Self { process, lines };
        monitor.until("table ip before", "add table ip before");
        monitor
    }

    /// Makes a change, and gives all that was shown up to the end of its transaction.
    fn until(&self, sign: &str, change: &str) -> Vec<String> {
        nft(change);
        let mut seen = Vec::new();
        let mut signed = false;
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(60)).unwrap();
            signed = signed || line.contains(sign);
            let ended = line.starts_with("# new generation");
            seen.push(line);
            if signed && ended {
                return seen;
            }
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_dry_run_changes_nothing_and_says_what_the_kernel_would_refuse() {
    in_namespace(|| {
        let mut firewall = Nft::new();
        firewall.check(&original()).unwrap();
        assert_eq!(found_anew(&original()), Standing::Absent);
    });
}

#[test]
fn a_listing_in_unknown_words_is_remembered_and_not_rewritten_for_ever() {
    in_namespace(|| {
        // Ports are shown in order and each once, whatever was written.
        let odd = Firewall {
            marks: vec![tcp("192.0.2.1", &[443, 25, 25], 80)],
            masquerade: Vec::new(),
        };
        let mut firewall = Nft::new();
        firewall.replace(&odd).unwrap();
        assert_eq!(found_anew(&odd), Standing::Other);
        assert!(firewall.is_current(&odd).unwrap(), "{}", listing());
        assert!(!firewall.is_current(&original()).unwrap());
        nft("flush chain inet governess governess_marks");
        assert!(!firewall.is_current(&odd).unwrap());
    });
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u16; 8]>().prop_map(IpAddr::from),
        // Runs of zeros are where notations differ.
        vec(prop_oneof![Just(0), any::<u16>()], 8)
            .prop_map(|groups| IpAddr::from(<[u16; 8]>::try_from(groups).unwrap())),
    ]
}

fn traffic() -> impl Strategy<Value = Traffic> {
    let protocol = prop_oneof![
        Just(Protocol::Tcp),
        Just(Protocol::Udp),
        Just(Protocol::Sctp)
    ];
    prop_oneof![
        Just(Traffic::Everything),
        (protocol, btree_set(any::<u16>(), 1..40)).prop_map(|(protocol, ports)| Traffic::Ports {
            protocol,
            ports: ports.into_iter().collect(),
        }),
    ]
}

fn any_firewall() -> impl Strategy<Value = Firewall> {
    let mark = (address(), traffic(), any::<u32>()).prop_map(|(vip, traffic, mark)| MarkRule {
        vip,
        traffic,
        mark,
    });
    let network = (address(), any::<u8>()).prop_map(|(address, length)| {
        let longest = IpNet::from(address).max_prefix_len();
        IpNet::new(address, length % (longest + 1)).unwrap()
    });
    let masquerade =
        (network, "[!-~&&[^\"*/:\\\\]]{1,15}", any::<bool>()).prop_map(|(source, outside, own)| {
            Masquerade {
                source,
                outside,
                bears: own.then(|| source.addr()),
            }
        });
    (vec(mark, 0..8), vec(masquerade, 0..8))
        .prop_map(|(marks, masquerade)| Firewall { marks, masquerade })
}

#[test]
fn any_rules_are_taken_by_the_kernel_and_recognised_afterwards() {
    in_namespace(|| {
        let config = ProptestConfig {
            cases: 64,
            failure_persistence: None,
            ..ProptestConfig::default()
        };
        TestRunner::new(config)
            .run(&any_firewall(), |wanted| {
                let mut firewall = Nft::new();
                firewall.check(&wanted).unwrap();
                firewall.replace(&wanted).unwrap();
                prop_assert_eq!(found_anew(&wanted), Standing::Current);
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn hundreds_of_rules_go_through_at_once() {
    in_namespace(|| {
        let marks = (0..500_u32).map(|number| {
            let [_, _, high, low] = number.to_be_bytes();
            tcp(&format!("10.9.{high}.{low}"), &[25, 443], number + 1)
        });
        let many = Firewall {
            marks: marks.collect(),
            masquerade: Vec::new(),
        };
        Nft::new().replace(&many).unwrap();
        assert_eq!(found_anew(&many), Standing::Current);
    });
}
