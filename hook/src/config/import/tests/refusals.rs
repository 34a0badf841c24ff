//! A word that the other program would not know is refused with its line, and so is what is no
//! text.

use super::*;

#[track_caller]
fn refused(file: impl AsRef<[u8]>, line: usize, words: &str) {
    let refusals = import(file.as_ref(), None, None).expect_err("refused");
    let told = refusals
        .iter()
        .any(|remark| remark.line == line && remark.words.contains(words));
    assert!(told, "line {line}: {words}\n{refusals:#?}");
}

#[test]
fn unknown_keywords() {
    refused(
        "serial_no = 1\nprimray = 1.2.3.4\n",
        2,
        "unknown keyword \"primray\"",
    );
    refused(
        "virtual a {\nactive = 1\nshceduler = rr\n}\n",
        3,
        "\"shceduler\"",
    );
    refused(
        "virtual a {\nserver b {\nweigth = 1\n}\n}\n",
        3,
        "\"weigth\"",
    );
    refused("checkinterval=1\nfoo=bar\n", 2, "unknown keyword \"foo\"");
    refused(
        "virtual=1\n    reel=10.0.0.1 masq\n",
        2,
        "unknown keyword \"reel\"",
    );
    refused(
        "-A -f 1 -s wlc\n-a -f 1 -r 10.0.0.1:0 -m -w 1 -z 2\n",
        2,
        "-z",
    );
    refused(
        "virtual_server fwmark 1 {\ndelay_lop 5\n}\n",
        2,
        "\"delay_lop\"",
    );
    refused(
        "global_defs {\n}\nvrrp_instanc a {\n}\n",
        3,
        "\"vrrp_instanc\"",
    );
    refused(
        "virtual_server fwmark 1 {\nreal_server 10.0.0.1 80 {\nTCP_CHECK {\nx 1\n}\n}\n}\n",
        4,
        "\"x\"",
    );
}

#[test]
fn words_of_another_checker_and_words_inside_of_inner_blocks() {
    let checker = |words: &str| {
        format!("virtual_server fwmark 1 {{\nreal_server 10.0.0.1 80 {{\n{words}\n}}\n}}\n")
    };
    for (words, line, word) in [
        (
            "TCP_CHECK {\nhelo_name x\n}",
            4,
            "\"helo_name\" in TCP_CHECK",
        ),
        ("HTTP_GET {\nurl {\npaht /\n}\n}", 5, "\"paht\" in url"),
        (
            "SMTP_CHECK {\nhost {\nconect_port 1\n}\n}",
            5,
            "\"conect_port\" in host",
        ),
        (
            "BFD_CHECK {\nconnect_port 1\n}",
            4,
            "\"connect_port\" in BFD_CHECK",
        ),
    ] {
        refused(checker(words), line, word);
    }
    refused(
        "virtual_server fwmark 1 {\nsorry_server www\n}\n",
        2,
        "ADDRESS [PORT]",
    );
    refused(
        "virtual=1\n\tfallback=www gate\n",
        2,
        "names are not resolved",
    );
    refused(
        "virtual=1\n\tfallback=127.0.0.1 nat\n",
        2,
        "gate, masq or ipip",
    );
    refused("virtual=1\n\tfallback6=[::1]\n", 2, "use fallback");
    refused(
        "virtual=192.0.2.1:80\n\treal=10.0.0.1 masq\n\tservice=htp\n",
        3,
        "service = htp is unknown",
    );
    refused(
        "virtual a {\nactive = 1\nsorry_server = www\n}\n",
        3,
        "not an IPv4 address",
    );
}

#[test]
fn every_fault_is_told_in_one_run() {
    let refusals = import(b"service = lvs\na = 1\nb = 2\n", None, None).expect_err("refused");
    assert_eq!(
        refusals
            .iter()
            .map(|remark| remark.line)
            .collect::<Vec<_>>(),
        [2, 3]
    );
}

#[test]
fn broken_values() {
    refused(
        "service = lvs\nnat_router = 10.0.0.1\n",
        2,
        "a value is missing",
    );
    refused("service = lvs\nprimary=1.2.3.4\n", 2, "unknown keyword");
    refused(
        "service = lvs\ndebug_level = \"NONE\n",
        2,
        "the quote \" is not closed",
    );
    refused("virtual a {\nactive = yes\n}\n", 2, "neither 0 nor 1");
    refused("virtual a {\nactive = 1\n", 1, "is not closed");
    refused(
        "virtual=www.example.test:80\n    real=10.0.0.1:80 masq\n",
        1,
        "names are not resolved",
    );
    refused(
        "virtual=192.0.2.1:80\n    real=10.0.0.1:80 nat\n",
        2,
        "gate, masq or ipip",
    );
    refused("-A -t www:80 -s wlc\n", 1, "save with -n");
    refused("-A -f 1 -s wcl\n", 1, "no scheduler");
    refused(
        "virtual_server fwmark 1 {\nlvs_method DSR\n}\n",
        2,
        "NAT, DR or TUN",
    );
    refused(
        "include /etc/keepalived/conf.d/*.conf\nvirtual_server fwmark 1 {\n}\n",
        1,
        "not read",
    );
    refused("virtual_server fwmark 1 {\n", 1, "not closed");
}

#[test]
fn what_is_no_text() {
    refused(b"-A -f 1 -s wlc\n\xff\xfe\n", 2, "UTF-8");
    refused(b"-A -f 1 -s wlc\n-a\0\n", 2, "NUL");
    refused("", 0, "--from");
    refused("-A -f 1 -s wlc\n", 0, "no virtual service is left");
}

#[test]
fn line_ends_of_windows_tabs_and_a_byte_order_mark_are_no_obstacle() {
    let file = include_str!("../../../../../packaging/examples/original.lvs.cf");
    let windows = format!(
        "\u{feff}{}",
        file.replace('\n', "\r\n").replace("     ", "\t")
    );
    assert_eq!(imported(&windows).toml, imported(file).toml);
}

#[test]
fn values_that_need_quotes_are_written_as_toml_wants_them() {
    let file = "virtual a\"b\\c {\nactive = 1\naddress = 192.0.2.1 eth0\nport = 81\n\
                send = \"say \\\\ \\n 'x'\"\nexpect = '\u{e9}\u{7}\"'\n\
                server d.e {\naddress = 10.0.0.1\nactive = 1\n}\n}\n";
    let imported = imported(file);
    let config = config(&imported);
    assert_eq!(config.services[0].name, "a\"b\\c");
    assert_eq!(config.servers[0].name, "d.e");
    let crate::config::Probe::Tcp(tcp) = &config.checks[0].probe else {
        panic!("a tcp check");
    };
    assert_eq!(
        (tcp.send.as_str(), tcp.expect.as_str()),
        ("say \\ \n 'x'", "\u{e9}\u{7}\"")
    );
}
