//! The original set-up: `lvs.cf` and packet filter rules as the article had them.

use super::*;
use crate::director::plan_for_healthy;
use crate::director::wishes::Wishes;
use crate::operate::export;
use crate::operate::plan;
use crate::setup::{Setup, Traffic};
use crate::table::Table;

const LVS_CF: &str = include_str!("../../../../../packaging/examples/original.lvs.cf");
const RULES: &str = include_str!("../../../../../packaging/examples/original.iptables");
const EXAMPLE: &str = include_str!("../../../../../packaging/examples/original.toml");

fn steps(config: &Config) -> Vec<String> {
    let steps = plan_for_healthy(config, &Wishes::none(), &Table::new());
    steps.iter().map(plan::words).collect()
}

#[test]
fn with_the_packet_filter_rules_the_plan_is_that_of_the_original_set_up() {
    let imported = import(LVS_CF.as_bytes(), None, Some(RULES.as_bytes())).expect("imported");
    let original = Config::parse(Path::new("original.toml"), EXAMPLE).expect("the example");
    let config = config(&imported);
    assert_eq!(steps(&config), steps(&original));
    assert_eq!(
        Setup::of(&config),
        Setup::of(&original),
        "addresses, marks, masquerade, sysctls"
    );
}

#[test]
fn the_table_is_the_one_of_the_article() {
    let table = export::table(&config(&imported(LVS_CF)));
    assert_eq!(
        export::ipvsadm::text(&table),
        "-A -f 1 -s wlc\n-a -f 1 -r 10.0.1.1:0 -m -w 1\n\
         -A -f 2 -s wlc\n-a -f 2 -r 10.0.1.2:0 -m -w 1\n\
         -A -f 80 -s wlc -p 600\n-a -f 80 -r 10.0.1.1:0 -m -w 1\n-a -f 80 -r 10.0.1.2:0 -m -w 1\n"
    );
}

#[test]
fn without_the_rules_the_vip_of_the_mark_is_said_to_be_missing() {
    let imported = imported(LVS_CF);
    assert!(said_of(&imported, 18).contains("192.168.1.35 is NOT carried over"));
    assert!(!imported.toml.contains("\nvip = "));
}

/// What the article describes: one service of mark 80 with persistence of 600 s for seven ports of
/// one VIP, two VIPs that lead to one server each, the inside gateway, and the servers' way out.
#[test]
fn the_plan_is_what_the_article_describes() {
    let imported = import(LVS_CF.as_bytes(), None, Some(RULES.as_bytes())).expect("imported");
    let config = config(&imported);
    assert_eq!(
        steps(&config),
        [
            "add service fwm:80 (wlc, persistent 600)",
            "add destination fwm:80/10.0.1.1 (nat, weight 1)",
            "add destination fwm:80/10.0.1.2 (nat, weight 1)",
            "add service fwm:1 (wlc)",
            "add destination fwm:1/10.0.1.1 (nat, weight 1)",
            "add service fwm:2 (wlc)",
            "add destination fwm:2/10.0.1.2 (nat, weight 1)",
        ]
    );
    let setup = Setup::of(&config);
    let addresses = setup.addresses.iter();
    let addresses = addresses.map(|held| format!("{} {}", held.interface, held.address));
    assert_eq!(
        addresses.collect::<Vec<_>>(),
        [
            "eth1 10.0.1.254/24",
            "eth0 192.168.1.35/24",
            "eth0 192.168.1.36/24",
            "eth0 192.168.1.37/24",
        ]
    );
    let marks = setup.firewall.marks.iter();
    let traffic = |traffic: &Traffic| match traffic {
        Traffic::Everything => "everything".to_owned(),
        Traffic::Ports { protocol, ports } => format!("{protocol} {ports:?}"),
    };
    let marks = marks.map(|rule| format!("{} {} {}", rule.vip, traffic(&rule.traffic), rule.mark));
    assert_eq!(
        marks.collect::<Vec<_>>(),
        [
            "192.168.1.35 tcp [25, 80, 443, 465, 587, 717, 2525] 80",
            "192.168.1.36 everything 1",
            "192.168.1.37 everything 2",
        ]
    );
    let [way_out] = &setup.firewall.masquerade[..] else {
        panic!("one way out: {:?}", setup.firewall.masquerade);
    };
    assert_eq!(
        (way_out.source.to_string(), way_out.outside.as_str()),
        ("10.0.1.0/24".to_owned(), "eth0")
    );
}

#[test]
fn the_set_up_that_is_packaged_for_piranha_is_the_same_service() {
    let packaged = imported(include_str!("../../../../../packaging/piranha/lvs.cf"));
    let rules = |step: &String| step.contains("fwm:80");
    let of = |config: &Config| -> Vec<String> { steps(config).into_iter().filter(rules).collect() };
    let original = Config::parse(Path::new("original.toml"), EXAMPLE).expect("the example");
    assert_eq!(of(&config(&packaged)), of(&original));
}
