use std::path::Path;

use super::*;

const ORIGINAL: &str = include_str!("../../../packaging/examples/original.toml");
const X224: &str = include_str!("../../../packaging/examples/x224.toml");

fn setup(text: &str) -> Setup {
    Setup::of(&Config::parse(Path::new("g.toml"), text).expect("a good file"))
}

#[test]
fn the_original_set_up_holds_the_gateway_the_vip_and_both_management_vips() {
    let held: Vec<String> = setup(ORIGINAL)
        .addresses
        .iter()
        .map(|wanted| format!("{} {}", wanted.interface, wanted.address))
        .collect();
    assert_eq!(
        held,
        [
            "eth1 10.0.1.254/24",
            "eth0 192.168.1.35/24",
            "eth0 192.168.1.36/24",
            "eth0 192.168.1.37/24"
        ]
    );
}

#[test]
fn the_seven_ports_are_marked_and_every_packet_to_the_management_vips() {
    let marks = setup(ORIGINAL).firewall.marks;
    let ports = vec![25, 80, 443, 465, 587, 717, 2525];
    assert_eq!(
        marks[0].traffic,
        Traffic::Ports {
            protocol: Protocol::Tcp,
            ports
        }
    );
    assert_eq!((marks[0].mark, marks[1].mark, marks[2].mark), (80, 1, 2));
    assert_eq!(marks[1].traffic, Traffic::Everything);
}

#[test]
fn only_the_inside_network_is_masqueraded() {
    let masquerade = setup(ORIGINAL).firewall.masquerade;
    assert_eq!(masquerade.len(), 1);
    assert_eq!(masquerade[0].source.to_string(), "10.0.1.0/24");
    assert_eq!(masquerade[0].outside, "eth0");
    assert_eq!(masquerade[0].bears, None);
}

#[test]
fn what_the_servers_open_themselves_takes_the_vip_if_that_is_asked_for() {
    let asked = ORIGINAL.replace(
        "masquerade = true",
        "masquerade = true\nsource = \"192.168.1.35\"",
    );
    let masquerade = setup(&asked).firewall.masquerade;
    assert_eq!(masquerade[0].bears, Some([192, 168, 1, 35].into()));
}

#[test]
fn a_service_whose_addresses_and_marks_are_somebody_elses_asks_for_sysctls_alone() {
    let setup = setup(X224);
    assert_eq!(
        (setup.addresses, setup.firewall),
        (vec![], Firewall::default())
    );
    assert!(setup.sysctls.contains(&EXPIRE_QUIESCENT_TEMPLATE));
}

#[test]
fn the_table_in_memory_asks_nothing_of_the_host() {
    assert_eq!(
        setup(&ORIGINAL.replace("\"ipvs\"", "\"memory\"")),
        Setup::default()
    );
}

#[test]
fn a_pair_holds_no_address_and_its_score_depends_on_links_servers_and_the_other_director() {
    let pair = "\n[pair]\npartner = [\"10.0.1.33\", \"10.0.1.34\"]\n";
    let setup = setup(&(ORIGINAL.to_owned() + pair));
    assert!(setup.addresses.is_empty());
    assert_eq!(
        setup.score_file.as_deref(),
        Some(Path::new("/var/lib/governess/score"))
    );
    assert_eq!(setup.watched.links, ["eth0", "eth1"]);
    assert_eq!(setup.watched.directors.len(), 2);
    assert_eq!(setup.watched.servers.len(), 2);
    assert_eq!(self::setup(ORIGINAL).score_file, None);
}
