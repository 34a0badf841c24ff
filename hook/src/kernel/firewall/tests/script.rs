use super::{everything, masquerade, original, tcp};
use crate::kernel::firewall::script::{normalised, replacement, table};
use crate::setup::{Firewall, Masquerade};

#[test]
fn the_original_set_up_is_one_transaction_of_readable_rules() {
    assert_eq!(
        replacement(&original()).unwrap(),
        "add table inet governess
delete table inet governess
table inet governess {
\tchain governess_marks {
\t\ttype filter hook prerouting priority mangle; policy accept;
\t\tip daddr 192.168.1.36 meta mark set 1
\t\tip daddr 192.168.1.37 meta mark set 2
\t\tip daddr 192.168.1.35 tcp dport { 25, 80, 443, 465, 587, 717, 2525 } meta mark set 80
\t}

\tchain governess_masquerade {
\t\ttype nat hook postrouting priority srcnat; policy accept;
\t\toifname \"eth0\" ip saddr 10.0.1.0/24 masquerade
\t}
}
"
    );
}

#[test]
fn ipv6_has_its_own_words_and_host_bits_of_a_network_are_left_out() {
    let firewall = Firewall {
        marks: vec![tcp("fd00::35", &[53], 7)],
        masquerade: vec![
            masquerade("fd00:1::9/64", "wan.100"),
            masquerade("10.0.1.7/32", "wan.100"),
        ],
    };
    let table = table(&firewall).unwrap();
    assert!(
        table.contains("ip6 daddr fd00::35 tcp dport 53 meta mark set 7\n"),
        "{table}"
    );
    assert!(
        table.contains("oifname \"wan.100\" ip6 saddr fd00:1::/64 masquerade\n"),
        "{table}"
    );
    assert!(table.contains("ip saddr 10.0.1.7 masquerade\n"), "{table}");
}

#[test]
fn servers_take_the_address_that_is_named_for_them() {
    let of = |source: &str, bears: &str| Masquerade {
        bears: Some(bears.parse().unwrap()),
        ..masquerade(source, "eth0")
    };
    let firewall = Firewall {
        marks: Vec::new(),
        masquerade: vec![
            of("10.0.1.0/24", "192.168.1.35"),
            of("fd00:1::/64", "fd00::35"),
        ],
    };
    let table = table(&firewall).unwrap();
    for line in [
        "oifname \"eth0\" ip saddr 10.0.1.0/24 snat ip to 192.168.1.35\n",
        "oifname \"eth0\" ip6 saddr fd00:1::/64 snat ip6 to fd00::35\n",
    ] {
        assert!(table.contains(line), "{table}");
    }
}

#[test]
fn a_port_of_an_address_outranks_the_whole_address_in_whatever_order_they_are_given() {
    let rules = [tcp("192.0.2.1", &[25], 80), everything("192.0.2.1", 1)];
    let firewall = |marks: &[_]| Firewall {
        marks: marks.to_vec(),
        masquerade: Vec::new(),
    };
    let one = table(&firewall(&rules)).unwrap();
    let other = table(&firewall(&[rules[1].clone(), rules[0].clone()])).unwrap();
    assert_eq!(one, other);
    // The last mark that is set counts.
    assert!(one.find("mark set 80").unwrap() > one.find("mark set 1\n").unwrap());
}

#[test]
fn nothing_wanted_leaves_no_table_behind() {
    let script = replacement(&Firewall::default()).unwrap();
    assert_eq!(
        script,
        "add table inet governess\ndelete table inet governess\n"
    );
}

#[test]
fn an_interface_name_that_would_break_out_of_its_quotation_marks_is_refused() {
    for name in [
        "",
        "eth*",
        "a\"; drop",
        "back\\slash",
        "with blank",
        "eth0:1",
        "sixteen-letters!",
        "ünicode",
        "new\nline",
    ] {
        let firewall = Firewall {
            marks: Vec::new(),
            masquerade: vec![masquerade("10.0.1.0/24", name)],
        };
        let error = replacement(&firewall).unwrap_err();
        assert_eq!(error.name, name);
        assert!(error.to_string().contains("interface name"), "{error}");
    }
}

#[test]
fn layout_number_base_and_forms_of_an_address_make_no_difference() {
    assert_eq!(
        normalised("ip6 daddr  ::1.2.3.4\n\tmeta mark set 0x00000050"),
        normalised("ip6 daddr ::102:304 meta mark set 80")
    );
    assert_ne!(normalised("mark set 80"), normalised("mark set 81"));
}
