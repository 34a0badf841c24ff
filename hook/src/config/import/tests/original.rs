//! The original set-up: `lvs.cf` and packet filter rules as the article had them.

use super::*;
use crate::director::plan_for_healthy;
use crate::director::wishes::Wishes;
use crate::operate::export;
use crate::operate::plan;
use crate::setup::Setup;
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
