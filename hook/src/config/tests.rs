use std::path::Path;

use super::*;

mod beside;
mod icinga;

const GOOD: &str = include_str!("../../../packaging/examples/x224.toml");

fn refusal(text: &str) -> String {
    match Config::parse(Path::new("g.toml"), text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(faults) => faults.to_string(),
    }
}

/// The good file with one place changed, and what is said of it.
fn refusal_with(replace: &str, by: &str) -> String {
    assert!(GOOD.contains(replace), "{replace}");
    refusal(&GOOD.replacen(replace, by, 1))
}

#[track_caller]
fn assert_says(refusal: &str, words: &[&str]) {
    for word in words {
        assert!(refusal.contains(word), "missing {word:?} in:\n{refusal}");
    }
}

#[test]
fn the_example_is_accepted_and_means_what_it_says() {
    let config = Config::parse(Path::new("g.toml"), GOOD).expect("the example");
    let service = &config.services[0];
    assert_eq!(service.key.to_string(), "fwm:80");
    assert_eq!(service.settings.persistence, Some(600));
    assert_eq!(
        config.destination(service, service.servers[1]).to_string(),
        "10.0.1.2:0"
    );
    assert_eq!(config.checks[0].rules, Rules { fall: 3, rise: 2 });
}

#[test]
fn what_is_left_out_has_the_documented_default() {
    let text = "[checks.rdp]\nx224 = {}\n[servers.a]\naddress = \"10.0.1.1\"\n\
                [services.s]\nfwmark = 80\nservers = [\"a\"]\nchecks = [\"rdp\"]\n";
    let config = Config::parse(Path::new("g.toml"), text).expect("defaults");
    let check = &config.checks[0];
    assert_eq!(check.interval, Duration::from_secs(5));
    assert_eq!(check.timeout, Duration::from_secs(3));
    assert_eq!(check.retry_interval, Duration::from_secs(1));
    assert_eq!(check.stale_after, Duration::from_secs(15));
    assert_eq!(check.rules, Rules { fall: 3, rise: 2 });
    assert!(matches!(check.probe, Probe::X224 { port: 3389, .. }));
    assert_eq!(config.director.backend, Backend::Ipvs);
    assert_eq!(
        config.director.control,
        Path::new("/run/governess/control.sock")
    );
    assert_eq!(config.services[0].settings.scheduler, "wlc");
    assert_eq!(config.services[0].settings.persistence, None);
    assert_eq!(config.services[0].min_up, 1);
}

#[test]
fn a_service_by_address_and_port_is_accepted() {
    let text = GOOD.replace("fwmark = 80", "vip = \"192.168.1.35/24\"\nport = 443");
    let config = Config::parse(Path::new("g.toml"), &text).expect("by address");
    let service = &config.services[0];
    assert_eq!(service.key.to_string(), "tcp:192.168.1.35:443");
    assert_eq!(
        config.destination(service, service.servers[0]).to_string(),
        "10.0.1.1:443"
    );
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() {
    let said = refusal_with("interval = \"5s\"", "intervall = \"5s\"");
    assert_says(
        &said,
        &["g.toml:15:1:", "`intervall`", "did you mean `interval`?"],
    );
}

#[test]
fn a_wrong_type_is_named_with_its_line() {
    assert_says(
        &refusal_with("fall = 3", "fall = \"three\""),
        &["g.toml:18:8:", "integer"],
    );
}

#[test]
fn a_file_that_is_not_toml_is_named_with_its_line() {
    assert_says(&refusal_with("fall = 3", "fall = = 3"), &["g.toml:18:"]);
}

#[test]
fn an_undefined_server_is_named_with_the_nearest_defined_one() {
    let said = refusal_with("[\"ex1\", \"ex2\"]", "[\"ex1\", \"exx2\"]");
    assert_says(
        &said,
        &[
            "g.toml:32:",
            "\"exx2\" is not defined",
            "did you mean \"ex2\"?",
        ],
    );
}

#[test]
fn an_undefined_check_is_named() {
    let said = refusal_with("checks = [\"rdp\"]", "checks = [\"owa\"]");
    assert_says(&said, &["\"owa\" is not defined", "[checks.owa]"]);
}

#[test]
fn zero_where_at_least_one_is_needed_is_refused() {
    assert_says(
        &refusal_with("rise = 2", "rise = 0"),
        &["g.toml:19:8:", "rise = 0"],
    );
    assert_says(&refusal_with("fall = 3", "fall = 0"), &["fall = 0"]);
    assert_says(&refusal_with("fwmark = 80", "fwmark = 0"), &["fwmark = 0"]);
    assert_says(
        &refusal_with("timeout = \"3s\"", "timeout = \"0s\""),
        &["timeout is zero"],
    );
    assert_says(&refusal_with("port = 3389", "port = 0"), &["port = 0"]);
    assert_says(
        &refusal_with("port = 3389", "port = 65536"),
        &["port = 65536"],
    );
}

#[test]
fn one_fwmark_for_two_services_is_refused() {
    let second = "[services.second]\nfwmark = 80\nservers = [\"ex1\"]\nchecks = [\"rdp\"]\n";
    assert_says(
        &refusal(&format!("{GOOD}{second}")),
        &["second", "exchange", "fwm:80"],
    );
}

#[test]
fn one_address_and_port_for_two_services_is_refused() {
    let service = |name| {
        format!(
            "[services.{name}]\nvip = \"192.0.2.1\"\nport = 443\n\
             servers = [\"ex1\"]\nchecks = [\"rdp\"]\n"
        )
    };
    let said = refusal(&format!("{GOOD}{}{}", service("one"), service("two")));
    assert_says(&said, &["one", "two", "tcp:192.0.2.1:443"]);
}

#[test]
fn a_port_or_server_or_key_that_is_there_twice_is_refused() {
    let twice = refusal_with("fwmark = 80", "fwmark = 80\ntcp = [25, 443, 25]");
    assert_says(&twice, &["port 25 is listed twice"]);
    let twice = refusal_with("[\"ex1\", \"ex2\"]", "[\"ex1\", \"ex1\"]");
    assert_says(&twice, &["\"ex1\" is listed twice"]);
    assert_says(
        &refusal_with("fall = 3", "fall = 3\nfall = 3"),
        &["g.toml:19:", "duplicate key"],
    );
    let same = refusal_with("\"10.0.1.2\"", "\"10.0.1.1\"");
    assert_says(&same, &["ex1", "ex2", "are both 10.0.1.1"]);
}

#[test]
fn an_empty_or_unreadable_file_is_refused() {
    assert_says(&refusal("  \n"), &["is empty"]);
    let missing = Config::load(Path::new("/nonexistent/g.toml")).expect_err("no file");
    assert_says(
        &missing.to_string(),
        &["/nonexistent/g.toml", "cannot be read", "No such file"],
    );
    let folder = tempfile::tempdir().expect("a folder");
    let binary = folder.path().join("g.toml");
    std::fs::write(&binary, [0xff, 0xfe]).expect("a file");
    assert_says(
        &Config::load(&binary).expect_err("binary").to_string(),
        &["UTF-8"],
    );
}

#[test]
fn the_status_page_has_an_address_with_a_port_or_there_is_none() {
    let with = |status: &str| {
        let text = format!("[director]\nstatus = \"{status}\"\n");
        refusal_with("[director]\n", &text)
    };
    for status in [
        "3636",
        "localhost:3636",
        "127.0.0.1",
        "127.0.0.1:0",
        "127.0.0.1:99999",
    ] {
        assert_says(&with(status), &[status, "status = \"127.0.0.1:3636\""]);
    }
}

#[test]
fn alert_mail_needs_who_from_whom_and_by_which_relay() {
    let with = |mail: &str| {
        let text = format!("[alert]\nmail = {{ {mail} }}\n[director]\n");
        refusal_with("[director]\n", &text)
    };
    assert_says(&with(""), &["no `to`", "no `from`", "no `relay`"]);
    let nobody = "to = [\"nobody\"], from = \"a@b.test\", relay = \"::1\", tls = \"ssl\"";
    assert_says(
        &with(nobody),
        &["\"nobody\" is not a mail address", "tls = \"ssl\""],
    );
}

#[test]
fn mail_to_this_machine_needs_no_tls_and_elsewhere_does() {
    let tls = |relay: &str| {
        let mail = format!("to = [\"a@b.test\"], from = \"a@b.test\", relay = \"{relay}\"");
        let text = format!("[alert]\nmail = {{ {mail} }}\n{GOOD}");
        let config = Config::parse(Path::new("g.toml"), &text).expect("a good file");
        config.mail.expect("the mail").tls
    };
    assert_eq!(tls("127.0.0.1"), MailTls::None);
    assert_eq!(tls("mail.example.test"), MailTls::Starttls);
}

#[test]
fn keys_of_later_versions_are_refused_as_not_yet_supported_by_name() {
    let section = "[services.exchange]\n";
    let said = refusal_with(section, &format!("{section}udp = [53]\n"));
    assert_says(&said, &["not yet", "`udp`"]);
}

const ORIGINAL: &str = include_str!("../../../packaging/examples/original.toml");

/// The original set-up with one place changed, and what is said of it.
fn original_refused_with(replace: &str, by: &str) -> String {
    assert!(ORIGINAL.contains(replace), "{replace}");
    refusal(&ORIGINAL.replacen(replace, by, 1))
}

#[test]
fn the_example_of_the_original_set_up_is_the_one_that_was_promised() {
    let promised = include_str!("../../../tests/conformance/original.toml");
    assert_eq!(ORIGINAL, promised, "a promise is kept to the byte");
}

#[test]
fn the_original_set_up_asks_for_rdp_over_tls_mail_and_the_web_parts() {
    let config = Config::parse(Path::new("g.toml"), ORIGINAL).expect("the original");
    let check = |name: &str| {
        let named = config.checks.iter().find(|check| check.name == name);
        named.unwrap_or_else(|| panic!("no check {name}"))
    };
    let Probe::X224 { port, options } = &check("rdp").probe else {
        panic!("{:?}", check("rdp"))
    };
    assert_eq!(*port, 3389);
    assert!(matches!(options.depth, plugins::x224::Depth::Tls(_)));
    let Probe::Smtp(options) = &check("mail").probe else {
        panic!("{:?}", check("mail"))
    };
    let ports: Vec<u16> = options.ports.iter().map(|port| port.number).collect();
    assert_eq!(ports, [25, 587, 2525]);
    let Probe::Owa { port, options } = &check("owa").probe else {
        panic!("{:?}", check("owa"))
    };
    let vdirs: Vec<String> = options.vdirs.iter().map(ToString::to_string).collect();
    assert_eq!((*port, vdirs.join(" ").as_str()), (443, "/owa /ews"));
    assert_eq!(options.http_host, "mail.example.test");
    let named = &config.services[0].checks[..3];
    let names: Vec<&str> = named
        .iter()
        .map(|id| config.checks[id.0].name.as_str())
        .collect();
    assert_eq!(names, ["rdp", "mail", "owa"]);
}

#[test]
fn the_original_set_up_is_accepted_and_its_management_vips_take_the_services_interface() {
    let config = Config::parse(Path::new("g.toml"), ORIGINAL).expect("the original");
    let management = config.servers[1].management.as_ref().expect("management");
    assert_eq!(
        (management.interface.as_str(), management.fwmark),
        ("eth0", 2)
    );
    let front = config.services[0].front.as_ref().expect("a front");
    assert_eq!(front.tcp, [25, 80, 443, 465, 587, 717, 2525]);
}

#[test]
fn a_service_by_nat_behind_our_gateway_gets_a_check_of_the_real_path() {
    let config = Config::parse(Path::new("g.toml"), ORIGINAL).expect("the original");
    let checks: Vec<&str> = config.services[0]
        .checks
        .iter()
        .map(|id| config.checks[id.0].name.as_str())
        .collect();
    assert_eq!(checks, ["rdp", "mail", "owa", REAL_PATH]);
    let Probe::RealPath(path) = &config.checks[3].probe else {
        panic!("no path")
    };
    assert_eq!(
        (path.gateway.to_string().as_str(), path.ports.as_slice()),
        ("10.0.1.254", &[25, 3389, 587][..])
    );
    let vips: Vec<String> = path.vips.iter().map(ToString::to_string).collect();
    assert_eq!(vips, ["192.168.1.35", "192.168.1.36", "192.168.1.37"]);
    let without = Config::parse(Path::new("g.toml"), GOOD).expect("the example");
    assert_eq!(without.checks.len(), 1);
    assert_says(
        &refusal(&ORIGINAL.replace("checks.rdp", "checks.real_path")),
        &["choose another name"],
    );
}

#[test]
fn a_mark_or_address_with_two_meanings_is_refused() {
    let said = original_refused_with("fwmark = 2 }", "fwmark = 80 }");
    assert_says(
        &said,
        &["fwmark 80", "[services.exchange]", "management of \"ex2\""],
    );
    let said = original_refused_with("fwmark = 2 }", "fwmark = 1 }");
    assert_says(&said, &["fwmark 1 ", "\"ex1\"", "\"ex2\""]);
    let said = original_refused_with("192.168.1.37/24", "192.168.1.35/24");
    assert_says(&said, &["192.168.1.35", "[services.exchange]", "\"ex2\""]);
    let said = original_refused_with("\"10.0.1.254/24\"", "\"10.0.1.2/24\"");
    assert_says(&said, &["10.0.1.2", "is the address of \"ex2\""]);
    let said = original_refused_with("vip = \"192.168.1.35/24\"", "vip = \"10.0.1.1/24\"");
    assert_says(&said, &["10.0.1.1", "is the address of \"ex1\""]);
}

#[test]
fn addresses_interfaces_and_ports_that_make_no_sense_are_refused() {
    let vip = "\"192.168.1.35/24\"";
    for bad in [
        "\"192.168.1.0/24\"",
        "\"192.168.1.255/24\"",
        "\"0.0.0.0\"",
        "\"mail\"",
    ] {
        let said = original_refused_with(vip, bad);
        assert_says(&said, &["is not the address of a host"]);
    }
    assert_says(
        &original_refused_with("\"eth1\"", "\"eth 1\""),
        &["not the name of an interface"],
    );
    assert_says(
        &original_refused_with("717, 2525]", "717, 70000]"),
        &["70000 is not a port"],
    );
    assert_says(
        &original_refused_with("tcp = [25", "# [25"),
        &["needs ports to mark"],
    );
    assert_says(
        &original_refused_with("gateway =", "# ="),
        &["masquerade needs the gateway"],
    );
    for (source, complaint) in [
        ("192.168.1.34", "is not the vip of a service"),
        ("192.168.1.36", "is not the vip of a service"),
        ("192.168.1.35/24", "is not an address"),
        ("fd00::35", "is not the vip of a service"),
    ] {
        let said = original_refused_with("[nat]", &format!("[nat]\nsource = \"{source}\""));
        assert_says(&said, &[complaint, "such as source = \"192.168.1.35\""]);
    }
    assert_says(
        &original_refused_with("masquerade = true", "source = \"192.168.1.35\""),
        &["which is not asked for"],
    );
    assert_says(
        &original_refused_with("inside = \"eth1\"", ""),
        &["no inside interface"],
    );
}

#[test]
fn a_misspelt_word_is_answered_with_the_nearest_one() {
    assert_says(
        &refusal_with("\"wlc\"", "\"wcl\""),
        &["\"wcl\"", "did you mean"],
    );
    assert_says(
        &refusal_with("\"nat\"", "\"masq\""),
        &["one of: nat, direct, tunnel"],
    );
}

#[test]
fn durations_and_addresses_that_make_no_sense_are_refused() {
    assert_says(
        &refusal_with("\"600s\"", "\"600\""),
        &["persistence", "\"600s\" for seconds"],
    );
    assert_says(&refusal_with("\"600s\"", "\"300ms\""), &["whole seconds"]);
    assert_says(
        &refusal_with("\"10.0.1.1\"", "\"ex1.local\""),
        &["ex1.local", "not resolved"],
    );
    assert_says(
        &refusal_with("\"10.0.1.1\"", "\"2001:db8::1\""),
        &["mixes IPv4 and IPv6"],
    );
    assert_says(
        &refusal_with("\"/var/lib/governess\"", "\"lib\""),
        &["not an absolute path"],
    );
}

#[test]
fn a_program_is_a_check_with_the_server_put_in() {
    let text = GOOD.replace(
        "x224 = { port = 3389 }",
        "exec = [\"/bin/true\", \"-H\", \"{address}\", \"--name={server}\"]",
    );
    let config = Config::parse(Path::new("g.toml"), &text).expect("exec");
    let Probe::Exec(exec) = &config.checks[0].probe else {
        panic!("not an exec check")
    };
    let arguments = exec.arguments_for(&config.servers[0]);
    assert_eq!(arguments, ["-H", "10.0.1.1", "--name=ex1"]);
}

#[test]
fn a_program_that_cannot_be_run_is_refused_by_name() {
    let refused = |exec: &str| refusal_with("x224 = { port = 3389 }", &format!("exec = {exec}"));
    assert_says(&refused("[]"), &["exec is empty"]);
    assert_says(
        &refused("[\"check_tcp\"]"),
        &["check_tcp", "not an absolute path"],
    );
    assert_says(
        &refused("[\"/nonexistent/check\"]"),
        &["/nonexistent/check", "cannot be run"],
    );
    assert_says(
        &refused("[\"/etc/passwd\"]"),
        &["/etc/passwd", "not an executable file"],
    );
    assert_says(
        &refused("[\"/bin/true\", \"{adress}\"]"),
        &["{adress} stands for nothing"],
    );
}

fn depth_of(x224: &str) -> Depth {
    let text = GOOD.replace("x224 = { port = 3389 }", x224);
    let config = Config::parse(Path::new("g.toml"), &text).expect(x224);
    match config.checks[0].on(&config.servers[1]).probe {
        Probe::X224 { options, .. } => options.depth,
        other => panic!("not an x224 check: {other:?}"),
    }
}

#[test]
fn tls_and_nla_choose_how_far_the_rdp_check_goes() {
    assert!(matches!(depth_of("x224 = {}"), Depth::Confirm));
    assert!(matches!(
        depth_of("x224 = { tls = true, certificate = \"30,7\" }"),
        Depth::Tls(_)
    ));
    let depth = depth_of("x224 = { nla = true, expect_name = \"{server}.example.test\" }");
    let Depth::Nla { expect_name, .. } = depth else {
        panic!("{depth:?}")
    };
    assert_eq!(expect_name.as_deref(), Some("ex2.example.test"));
}

#[test]
fn options_that_need_a_deeper_check_are_refused_without_it() {
    let with = |x224: &str| refusal_with("x224 = { port = 3389 }", x224);
    assert_says(
        &with("x224 = { expect_name = \"ex1\" }"),
        &["add nla = true"],
    );
    assert_says(
        &with("x224 = { certificate = \"30,7\" }"),
        &["add tls = true"],
    );
    assert_says(
        &with("x224 = { tls = true, certificate = \"soon\" }"),
        &["\"soon\"", "30,7"],
    );
}

fn mail_with(smtp: &str) -> String {
    GOOD.replace("x224 = { port = 3389 }", smtp)
}

#[test]
fn a_mail_check_asks_the_ports_of_exchange_seldom_and_patiently() {
    for smtp in ["smtp = { ports = [25, 587, 2525] }", "smtp = {}"] {
        let config = Config::parse(Path::new("g.toml"), &mail_with(smtp)).expect(smtp);
        let check = &config.checks[0];
        let Probe::Smtp(options) = &check.probe else {
            panic!("{check:?}")
        };
        let ports: Vec<String> = options.ports.iter().map(ToString::to_string).collect();
        assert_eq!(ports, ["25/starttls", "587/starttls", "2525/starttls"]);
    }
    let text = "[checks.mail]\nsmtp = {}\n[servers.a]\naddress = \"10.0.1.1\"\n\
                [services.s]\nfwmark = 80\nservers = [\"a\"]\nchecks = [\"mail\"]\n";
    let config = Config::parse(Path::new("g.toml"), text).expect("defaults");
    let check = &config.checks[0];
    assert_eq!(check.interval, Duration::from_secs(30));
    assert_eq!(check.timeout, Duration::from_secs(12));
    assert_eq!(check.stale_after, Duration::from_secs(90));
    assert_eq!(check.retry_interval, Duration::from_secs(1));
}

#[test]
fn a_mail_check_takes_every_option_of_the_plugin() {
    let smtp = "smtp = { ports = [25, \"465/tls\", \"10025/plain\"], ehlo = \"lb1.example.test\", \
                sni = \"mail.example.test\", certificate = \"30,7\", proxy_protocol = \"v2\" }";
    let config = Config::parse(Path::new("g.toml"), &mail_with(smtp)).expect(smtp);
    let Probe::Smtp(options) = &config.checks[0].probe else {
        panic!("{:?}", config.checks[0])
    };
    let ports: Vec<String> = options.ports.iter().map(ToString::to_string).collect();
    assert_eq!(ports, ["25/starttls", "465/tls", "10025/plain"]);
    assert_eq!(
        options.ehlo.as_ref().map(|name| name.as_str()),
        Some("lb1.example.test")
    );
    assert_eq!(
        options.sni.as_ref().map(|name| name.as_str()),
        Some("mail.example.test")
    );
    assert!(options.certificate_days.is_some());
    assert_eq!(
        options.proxy_protocol,
        Some(plugins::smtp::ProxyVersion::V2)
    );
}

#[test]
fn what_is_wrong_with_a_mail_check_is_named() {
    let refused = |smtp: &str| refusal(&mail_with(smtp));
    for (smtp, words) in [
        ("smtp = { ports = [0] }", "PORT from 1 to 65535"),
        ("smtp = { ports = [70000] }", "PORT from 1 to 65535"),
        ("smtp = { ports = [\"25/ssl\"] }", "PORT/starttls"),
        ("smtp = { ports = [true] }", "expected a number"),
        ("smtp = { ports = [] }", "ports is empty"),
        (
            "smtp = { ports = [\"25/tls\", \"25/plain\"] }",
            "named twice",
        ),
        ("smtp = { port = 25 }", "did you mean `ports`?"),
        ("smtp = { ehlo = \"a b\" }", "without blanks"),
        ("smtp = { sni = \"10.0.1.1\" }", "is no host name"),
        ("smtp = { certificate = \"soon\" }", "\"soon\""),
        ("smtp = { proxy_protocol = \"v3\" }", "proxy_protocol"),
        (
            "smtp = { ports = [\"25/plain\"], certificate = \"30\" }",
            "without TLS",
        ),
    ] {
        assert_says(&refused(smtp), &["g.toml:", words]);
    }
}

#[test]
fn the_web_check_takes_the_name_of_clients_for_handshake_and_header() {
    let owa = "owa = { host = \"mail.example.test\", vdirs = [\"owa\", \"ews\"], \
               expect_server = \"{server}.example.test\", certificate = \"30,7\" }";
    let text = GOOD.replace("x224 = { port = 3389 }", owa);
    let config = Config::parse(Path::new("g.toml"), &text).expect(owa);
    let Probe::Owa { port, options } = config.checks[0].on(&config.servers[1]).probe else {
        panic!("not a web check");
    };
    assert_eq!(port, 443);
    assert_eq!(options.sni.as_deref(), Some("mail.example.test"));
    assert_eq!(options.http_host, "mail.example.test");
    assert_eq!(options.expect_server.as_deref(), Some("ex2.example.test"));
    assert_eq!(options.vdirs.len(), 2);
    let text = GOOD.replace("x224 = { port = 3389 }", "owa = { host = \"m.test\" }");
    let config = Config::parse(Path::new("g.toml"), &text).expect("owa alone");
    let Probe::Owa { options, .. } = &config.checks[0].probe else {
        panic!("not a web check");
    };
    assert_eq!(options.vdirs, [plugins::owa::Vdir::default()]);
}

#[test]
fn a_web_check_that_could_not_be_asked_for_is_refused() {
    let with = |owa: &str| refusal_with("x224 = { port = 3389 }", &format!("owa = {owa}"));
    assert_says(
        &with("{ vdirs = [\"owa\"] }"),
        &["without host", "mail.example.test"],
    );
    assert_says(
        &with("{ host = \"10.0.1.1\" }"),
        &["10.0.1.1", "not a host name"],
    );
    assert_says(
        &with("{ host = \"m.test\", vdirs = [] }"),
        &["vdirs is empty"],
    );
    assert_says(
        &with("{ host = \"m.test\", vdirs = [\"a b\"] }"),
        &["\"a b\"", "virtual directory"],
    );
    assert_says(
        &with("{ host = \"m.test\", vdir = [\"owa\"] }"),
        &["unknown key `vdir`", "did you mean `vdirs`?"],
    );
    assert_says(&with("{ host = \"m.test\", port = 0 }"), &["port = 0"]);
}

#[test]
fn a_check_must_say_exactly_one_thing_to_check() {
    let said = refusal_with("x224 = { port = 3389 }", "");
    assert_says(&said, &["[checks.rdp]", "does not say what to check"]);
    let said = refusal_with("x224 = {", "exec = [\"/bin/true\"]\nx224 = {");
    assert_says(&said, &["[checks.rdp]", "names two checks"]);
}

#[test]
fn all_faults_are_named_in_one_run() {
    let text = GOOD
        .replace("rise = 2", "rise = 0")
        .replace("\"wlc\"", "\"wcl\"");
    assert_says(&refusal(&text), &["rise = 0", "\"wcl\""]);
}

/// The good file with a line more in the service, and what is said of it.
fn service_refused_with(line: &str) -> String {
    refusal_with(
        "[services.exchange]\n",
        &format!("[services.exchange]\n{line}\n"),
    )
}

#[test]
fn what_makes_a_service_gentle_is_read() {
    let text = GOOD
        .replace(
            "[services.exchange]\n",
            "[services.exchange]\nrequire = 2\ncheck_weights = { rdp = 3 }\nslow_start = \"60s\"\n\
             flap_window = \"10m\"\nsorry_server = { address = \"10.0.1.9\", port = 8080 }\n",
        )
        .replace(
            "address = \"10.0.1.1\"",
            "address = \"10.0.1.1\"\nweight = 8",
        )
        .replace(
            "address = \"10.0.1.2\"",
            "address = \"10.0.1.2\"\nweight = 9",
        );
    let config = Config::parse(Path::new("g.toml"), &text).expect("gentle");
    let service = &config.services[0];
    assert_eq!(service.require, Require::Weight(2));
    assert_eq!(config.voice(service, CheckId(0)), Voice::Weight(3));
    assert_eq!(service.slow_start, Some(Duration::from_secs(60)));
    assert_eq!(service.flap_window, Some(Duration::from_secs(600)));
    let sorry = service.sorry_server.expect("sorry");
    assert_eq!(sorry.destination.to_string(), "10.0.1.9:8080");
    assert_eq!(sorry.forward, Forward::Nat);
}

#[test]
fn what_would_not_be_gentle_is_refused() {
    for (line, said) in [
        ("slow_start = \"60s\"", "at least 8"),
        ("require = 2", "between 1 and 1"),
        ("require = \"most\"", "\"all\", \"any\""),
        ("check_weights = { rdp = 2 }", "add require = N"),
        (
            "require = 1\ncheck_weights = { owa = 2 }",
            "no check of this service",
        ),
        ("sorry_server = { port = 80 }", "no address"),
        (
            "sorry_server = { address = \"sorry\" }",
            "not an IP address",
        ),
        (
            "sorry_server = { address = \"2001:db8::9\" }",
            "another IP version",
        ),
        (
            "sorry_server = { address = \"10.0.1.1\" }",
            "of this very service",
        ),
        (
            "sorry_server = { address = \"10.0.1.9\", port = 8080, forward = \"direct\" }",
            "only NAT",
        ),
    ] {
        assert_says(&service_refused_with(line), &[said]);
    }
}

#[test]
fn a_check_depends_on_others_that_depend_on_nothing() {
    let with = |depends_on: &str, other: &str| {
        GOOD.replace(
            "[servers.ex1]",
            &format!("depends_on = [{depends_on}]\n[checks.gate]\nexec = [\"/bin/true\"]\n{other}\n[servers.ex1]"),
        )
    };
    let config = Config::parse(Path::new("g.toml"), &with("\"gate\"", "")).expect("dependent");
    assert_eq!(config.checks[1].depends_on, [CheckId(0)]);
    assert_eq!(config.needed_checks().len(), 4, "two checks on two servers");
    assert_says(&refusal(&with("\"rdp\"", "")), &["depends on itself"]);
    assert_says(&refusal(&with("\"gat\"", "")), &["did you mean \"gate\"?"]);
    let chain = with("\"gate\"", "depends_on = [\"rdp\"]");
    assert_says(&refusal(&chain), &["depends on others itself"]);
}

proptest::proptest! {
    #[test]
    fn no_file_makes_the_reader_panic(at in 0..GOOD.len(), junk in "\\PC{0,12}") {
        let mut text = GOOD.to_owned();
        while !text.is_char_boundary(at.min(text.len())) { text.push(' '); }
        if text.is_char_boundary(at) {
            text.insert_str(at, &junk);
            let _ = Config::parse(Path::new("g.toml"), &text).map_err(|faults| faults.to_string());
        }
    }
}

#[test]
fn a_server_with_a_port_of_its_own_and_a_tcp_check_without_one_belong_together() {
    let text = |port: &str| {
        format!(
            "[director]\nbackend = \"memory\"\n[checks.web]\ntcp = {{ send = \"GET /\\r\\n\", expect = \"HTTP\" }}\n\
             [servers.a]\naddress = \"10.0.0.1\"\nport = 8080\n[servers.b]\naddress = \"10.0.0.1\"\n{port}\n\
             [services.web]\nvip = \"192.0.2.1\"\nport = 80\nservers = [\"a\", \"b\"]\nchecks = [\"web\"]\n"
        )
    };
    let config = Config::parse(Path::new("g.toml"), &text("port = 8081")).expect("good");
    let service = &config.services[0];
    let destinations: Vec<_> = service
        .servers
        .iter()
        .map(|id| config.destination(service, *id).to_string())
        .collect();
    assert_eq!(destinations, ["10.0.0.1:8080", "10.0.0.1:8081"]);
    assert_says(
        &refusal(&text("")),
        &["[checks.web] has no port", "[servers.b]"],
    );
    assert_says(&refusal(&text("port = 8080")), &["are both 10.0.0.1"]);
}

#[test]
fn flags_netmask_and_engine_of_a_service_are_those_of_ipvsadm() {
    let with = |lines: &str| GOOD.replace("scheduler = \"wlc\"", lines);
    let text = with(
        "scheduler = \"sh\"\npersistence_netmask = \"255.255.255.0\"\none_packet = true\n\
         scheduler_flags = [\"sh-port\"]\npersistence_engine = \"sip\"",
    );
    let settings = Config::parse(Path::new("g.toml"), &text)
        .expect("good")
        .services
        .remove(0)
        .settings;
    assert_eq!(
        (
            settings.netmask,
            settings.flags,
            settings.persistence_engine.as_deref()
        ),
        (0xffff_ff00, 0x14, Some("sip"))
    );
    let odd = with("scheduler = \"sh\"\npersistence_netmask = \"255.0.255.0\"");
    assert_says(&refusal(&odd), &["255.0.255.0", "netmask"]);
}
/// The good file with watches added.
fn watching(section: &str) -> String {
    format!("{GOOD}\n{section}\n")
}

const DNS: &str = "[watch.dns]\ndns = { names = [\"ex1.exch.test\"], servers = [\"10.0.1.5\", \
                   \"[fd00::5]:5353\"], allow = [\"192.0.2.0/24\"], forbid = [\"10.0.1.0/24\"], \
                   expect = [\"192.0.2.11\"], min_servers = 1 }";

#[test]
fn a_watch_asks_dns_every_minute_and_alarms_at_once_unless_told_otherwise() {
    let config = Config::parse(Path::new("g.toml"), &watching(DNS)).expect("a watch");
    let watch = &config.watches[0];
    assert_eq!(watch.name, "dns");
    assert_eq!(watch.interval, Duration::from_secs(60));
    assert_eq!(watch.timeout, Duration::from_secs(10));
    assert_eq!(watch.stale_after, Duration::from_secs(180));
    assert_eq!(watch.rules, Rules { fall: 1, rise: 1 });
    let Subject::Dns(options) = &watch.subject else {
        panic!("{watch:?}");
    };
    assert_eq!(options.names[0].to_string(), "ex1.exch.test");
    assert_eq!(options.min_servers, Some(1));
    let plugins::ad_dns::Servers::Named(servers) = &options.servers else {
        panic!("{options:?}");
    };
    let at: Vec<String> = servers
        .iter()
        .map(|server| server.address.to_string())
        .collect();
    assert_eq!(at, ["10.0.1.5:53", "[fd00::5]:5353"]);
}

#[test]
fn a_watch_takes_any_check_and_asks_each_server_or_runs_a_program_once() {
    let text = "[watch.rdp]\nx224 = { tls = true }\ninterval = \"5m\"\n\
                [watch.disk]\nexec = [\"/bin/true\"]\n\
                [watch.store]\nexec = [\"/bin/true\", \"{address}\"]";
    let config = Config::parse(Path::new("g.toml"), &watching(text)).expect("watches");
    let [disk, rdp, store] = config.watches.as_slice() else {
        panic!("{:?}", config.watches);
    };
    assert!(matches!(disk.subject, Subject::Program(_)), "{disk:?}");
    assert!(
        matches!(rdp.subject, Subject::EachServer(Probe::X224 { .. })),
        "{rdp:?}"
    );
    assert_eq!(rdp.interval, Duration::from_secs(300));
    assert!(
        matches!(store.subject, Subject::EachServer(Probe::Exec(_))),
        "{store:?}"
    );
}

#[test]
fn dns_as_a_check_is_refused_and_shown_the_way_to_watch() {
    let said = refusal(&watching(&DNS.replace("[watch.dns]", "[checks.dns]")));
    assert_says(
        &said,
        &["[checks.dns]", "one real server", "write [watch.dns]"],
    );
}

#[test]
fn a_watch_that_makes_no_sense_is_refused_by_its_place() {
    for (replace, by, words) in [
        ("ex1.exch.test", "ex1..test", &["a domain name"][..]),
        (
            "10.0.1.5",
            "dc1",
            &["\"dc1\" is not the address of a DNS server", "not resolved"],
        ),
        ("10.0.1.0/24", "10.0.1.0/33", &["not a network"]),
        ("192.0.2.11", "here", &["not an IP address"]),
        (
            "min_servers = 1",
            "min_servers = 3",
            &["min_servers", "between 0 and 2"],
        ),
        (
            "min_servers",
            "min_server",
            &["unknown key `min_server`", "min_servers"],
        ),
        (
            "min_servers = 1",
            "profile = \"dc\"",
            &["without a domain", "add domain"],
        ),
        ("min_servers = 1", "expect_file = \"/absent\"", &["/absent"]),
        (
            "dns = {",
            "exec = [\"/bin/true\"]\ndns = {",
            &["[watch.dns] names two checks"],
        ),
        ("names = [\"ex1.exch.test\"],", "", &["asks for nothing"]),
    ] {
        assert!(DNS.contains(replace), "{replace}");
        assert_says(&refusal(&watching(&DNS.replacen(replace, by, 1))), words);
    }
    assert_says(
        &refusal(&watching("[watch.x]")),
        &["[watch.x] does not say what to check"],
    );
}
