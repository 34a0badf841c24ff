//! What never worked in the old set-ups is named, and taken as it was meant.

use super::*;

fn lvs_cf(settings: &str) -> String {
    format!(
        "virtual web {{\nactive = 1\naddress = 192.0.2.1 eth0:1\nport = 443\n{settings}\n\
         server a {{\naddress = 10.0.0.1\nactive = 1\n}}\n}}\n"
    )
}

#[track_caller]
fn assert_said(settings: &str, words: &str, toml: &str) {
    let imported = imported(&lvs_cf(settings));
    config(&imported);
    let said: Vec<String> = imported.remarks.iter().map(ToString::to_string).collect();
    assert!(
        said.iter().any(|remark| remark.contains(words)),
        "{words}:\n{said:#?}"
    );
    assert!(imported.toml.contains(toml), "{toml}:\n{}", imported.toml);
}

#[test]
fn a_send_program_without_quotes() {
    assert_said(
        "send_program = /usr/bin/check %h %p\nexpect = OK",
        "line 5: send_program without quotes is an error of Piranha",
        r#"exec = ["/bin/sh", "-c", "test \"$(\"$@\")\" = \"$0\" || exit 2", "OK", "/usr/bin/check", "{address}", "443"]"#,
    );
}

#[test]
fn a_send_program_in_single_quotes() {
    assert_said(
        "send_program = '/usr/bin/check %h'\nexpect = \"OK\"",
        "line 5: the single quotes belong to the value for Piranha",
        r#""/usr/bin/check", "{address}"]"#,
    );
}

#[test]
fn a_placeholder_inside_a_word() {
    assert_said(
        "send_program = \"/usr/bin/check --host=%h\"\nexpect = \"OK\"",
        "\"--host=%h\" reached the program as it stands",
        r#""--host={address}"]"#,
    );
}

#[test]
fn a_send_program_without_an_expectation_or_with_a_wildcard() {
    assert_said(
        "send_program = \"/usr/bin/check %h\"",
        "without expect: nanny took every answer for a failure",
        "\"OK\"",
    );
    assert_said(
        "send_program = \"/usr/bin/check %h\"\nexpect = \"*\"",
        "line 6: nanny compares a program's output with expect letter by letter",
        "exec",
    );
}

#[test]
fn a_send_program_that_is_too_long() {
    let long = format!(
        "send_program = \"/usr/bin/check %h {}\"\nexpect = \"OK\"",
        "x".repeat(250)
    );
    assert_said(&long, "nanny crashed on it", "exec");
}

#[test]
fn aliases_of_interfaces() {
    assert_said(
        "",
        "line 3: eth0:1 is a label of ifconfig on eth0",
        "interface = \"eth0\"",
    );
    let rules = "-A INPUT -i eth1:1 -j ACCEPT\n";
    let imported = import(lvs_cf("").as_bytes(), None, Some(rules.as_bytes())).unwrap();
    let said = said_of(&imported, 0);
    assert!(said.contains("line 1 names the interface eth1:1"), "{said}");
}

#[test]
fn a_mark_that_is_given_too_late() {
    let rules = "-A POSTROUTING -d 192.0.2.1 -p tcp --dport 80 -j MARK --set-mark 5\n";
    let file = "virtual_server fwmark 5 {\nreal_server 10.0.0.1 {\n}\n}\n";
    let imported = import(file.as_bytes(), None, Some(rules.as_bytes())).unwrap();
    config(&imported);
    let said = said_of(&imported, 0);
    assert!(
        said.contains("line 1 gives a mark in POSTROUTING, behind the place where IPVS"),
        "{said}"
    );
}

#[test]
fn a_service_of_keepalived_without_a_protocol_is_one_of_udp() {
    let file = "virtual_server 192.0.2.1 80 {\nreal_server 10.0.0.1 80 {\nTCP_CHECK {\n}\n}\n}\n";
    let said = said_of(&imported(file), 1);
    assert!(said.contains("defaulting to UDP"), "{said}");
}

#[test]
fn a_checkcommand_of_ldirectord_with_arguments() {
    let file = "virtual=192.0.2.1:443\n\treal=10.0.0.1:443 masq\n\tchecktype=external\n\
                \tcheckcommand=\"/usr/bin/check -v\"\n";
    let imported = imported(file);
    config(&imported);
    assert!(said_of(&imported, 4).contains("takes checkcommand as one path"));
    let words = r#""/usr/bin/check", "-v", "192.0.2.1", "443", "{address}", "443"]"#;
    assert!(imported.toml.contains(words), "{}", imported.toml);
}

#[test]
fn our_own_plugin_becomes_a_check_of_ours_in_every_host() {
    let piranha =
        lvs_cf("send_program = \"/opt/check_x224.nanny -H %h --nla -t 5\"\nexpect = \"OK\"");
    let ldirectord = "virtual=192.0.2.1:443\n\treal=10.0.0.1:443 masq\n\tchecktype=external\n\
                      \tcheckcommand=/opt/check_x224.ldirectord\n";
    let keepalived = "virtual_server 192.0.2.1 443 {\nreal_server 10.0.0.1 443 {\nMISC_CHECK {\n\
                      misc_path \"/opt/check_x224 -H 10.0.0.1 -m keepalived --tls\"\n}\n}\n}\n";
    for (file, x224) in [
        (piranha.as_str(), "x224 = { port = 443, nla = true }"),
        (ldirectord, "x224 = { port = 3389 }"),
        (keepalived, "x224 = { port = 3389, tls = true }"),
    ] {
        let imported = imported(file);
        config(&imported);
        assert!(imported.toml.contains(x224), "{}", imported.toml);
    }
}
