//! Options that make no sense are refused in the names that they have here.

use crate::ask::{json, run};

#[test]
fn options_that_make_no_sense_are_refused_by_name() {
    for (words, why) in [
        ("", "--hostname"),
        ("-H h --rdp-port 0", "--rdp-port"),
        ("-H h --rdp-certificate 7,30", "--rdp-certificate"),
        ("-H h --rdp-expect-name EX1", "--rdp-nla"),
        ("-H h --rdp-skew-warning 5", "--rdp-nla"),
        ("-H h --smtp-port 25/ssl", "--smtp-port"),
        ("-H h --smtp-sni 10.0.1.1", "--smtp-sni"),
        (
            "-H h --smtp-port 25/tls --smtp-port 25/plain",
            "named twice",
        ),
        ("-H h --owa-vdir ../x", "--owa-vdir"),
        ("-H h --owa-logon-user u", "without a password"),
        (
            "-H h --dns-server h --dns-domain exch.test",
            "--dns-profile",
        ),
        ("-H h --dns-allow 10.0.0.0/8", "--dns-server"),
        ("-H h --only dns", "--dns-server"),
        ("-H 10.0.1.1 --dns-server 10.0.1.5", "--dns-hostname"),
        ("-H h --rdp-timeout 3", "--rdp-timeout"),
        ("-H h --only web", "--only"),
        ("-H h --only rdp --without owa", "--without"),
        ("-H h --without rdp,smtp,owa", "no part is left"),
        ("-H h --policy 0", "--policy"),
        ("-H h --policy 4", "more than all parts weigh together, 3"),
        ("-H h --part-weight rdp=0", "--part-weight"),
        ("-H h --without rdp --part-weight rdp=2", "not checked"),
        ("-H h --pool h", "a pool of one server"),
        ("-H h --vip v", "--pool"),
        (
            "--pool a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q",
            "more than 16 servers",
        ),
    ] {
        let verdict = json(words);
        assert_eq!(verdict["kind"], "usage", "{words}: {verdict}");
        assert_eq!(verdict["state"], 3, "{words}: {verdict}");
        let text = format!("{} {}", verdict["summary"], verdict["details"]);
        assert!(text.contains(why), "{words}: no '{why}' in {text}");
    }
}

#[test]
fn the_help_names_the_options_of_every_part_with_its_prefix() {
    let output = run("--help");
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    for option in [
        "--rdp-nla",
        "--rdp-skew-critical <RANGE>",
        "--smtp-port <PORT[/HOW]>",
        "--smtp-proxy-protocol <VERSION>",
        "--owa-vdir <NAME>",
        "--owa-logon-password-file <FILE>",
        "--dns-server <SERVER[:PORT]>",
        "--dns-max-ttl <SECONDS>",
    ] {
        assert!(help.contains(option), "no {option} in {help}");
    }
    for not_ours in ["--rdp-hostname", "--owa-timeout", "--dns-weight"] {
        assert!(!help.contains(not_ours), "{not_ours}");
    }
    let too_long = help.lines().find(|line| line.chars().count() > 80);
    let misc_path = |line: &str| line.trim_start().starts_with("misc_path");
    assert!(too_long.is_none_or(misc_path), "{too_long:?}");
}

#[test]
fn the_usage_fits_on_a_screen() {
    let output = run("-h");
    let lines = String::from_utf8(output.stdout).unwrap();
    assert!(lines.lines().count() <= 23, "{lines}");
    assert!(
        lines.lines().all(|line| line.chars().count() <= 80),
        "{lines}"
    );
}
