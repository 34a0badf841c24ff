//! Writes a draft down as a governess.toml.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

use super::Format;
use super::draft::{Check, Draft, Management, Member, Nat, Pace, Probe, Service, Sorry, Vip};
use super::names::Names;
use super::told::Remark;
use crate::config::OnFailure;
use crate::table::{Family, Forward, ONE_PACKET, SCHEDULER_FLAGS, ServiceKey, ServiceSettings};

/// A server as the file tells it apart: address, own port, weight.
type Identity = (IpAddr, Option<u16>, u32);

/// The whole file, the remarks at its head.
pub(super) fn toml(draft: &Draft, format: Format, remarks: &[Remark]) -> String {
    let mut text = format!("# Imported from {}.\n", format.name());
    if !remarks.is_empty() {
        text.push_str("#\n# Read this first; the numbers are the lines of the imported file:\n");
    }
    for remark in remarks {
        let _ = writeln!(text, "# - {remark}");
    }
    text.push_str(
        "\n[director]\nbackend = \"ipvs\"\nstate_dir = \"/var/lib/governess\"\ncontrol = \
         \"/run/governess/control.sock\"\n",
    );
    let mut names = Given {
        checks: Names::new(),
        servers: Names::new(),
        services: Names::new(),
    };
    let mut checks = String::new();
    let mut servers = Sections::default();
    let mut services = String::new();
    for service in &draft.services {
        service_section(
            service,
            draft,
            &mut names,
            &mut checks,
            &mut servers,
            &mut services,
        );
    }
    text + &checks + &servers.text + &services + &nat_section(draft.nat.as_ref())
}

struct Given {
    checks: Names<Check>,
    servers: Names<Identity>,
    services: Names<ServiceKey>,
}

/// Sections of servers, each written once.
#[derive(Default)]
struct Sections {
    text: String,
    managed: BTreeSet<IpAddr>,
}

fn service_section(
    service: &Service,
    draft: &Draft,
    names: &mut Given,
    checks: &mut String,
    servers: &mut Sections,
    text: &mut String,
) {
    let check_names: Vec<String> = service
        .checks
        .iter()
        .map(|check| {
            let (name, first) = names.checks.give(&[check_name(check)], check);
            if first {
                let _ = write!(
                    checks,
                    "\n[checks.{}]\n{}",
                    key(&name),
                    check_section(check)
                );
            }
            name
        })
        .collect();
    let mut server_names = Vec::new();
    for member in &service.members {
        let name = server_section(member, own_port(member, service), draft, names, servers);
        server_names.push(name);
    }
    let proposals = [service.name.clone()];
    let (name, _) = names.services.give(&proposals, &service.key);
    let _ = write!(
        text,
        "\n[services.{}]\n{}",
        key(&name),
        service_keys(service)
    );
    let _ = writeln!(text, "servers = {}", list(&server_names));
    let _ = writeln!(text, "checks = {}", list(&check_names));
}

/// The port that stands with the server: one that is not the service's, or that a check asks.
fn own_port(member: &Member, service: &Service) -> Option<u16> {
    let is_asked = service
        .checks
        .iter()
        .any(|check| matches!(check.probe, Probe::Tcp { port: None, .. }));
    (is_asked || member.port != service.port()).then_some(member.port)
}

fn server_section(
    member: &Member,
    port: Option<u16>,
    draft: &Draft,
    names: &mut Given,
    servers: &mut Sections,
) -> String {
    let identity = (member.address, port, member.weight);
    let base = member
        .name
        .clone()
        .unwrap_or_else(|| member.address.to_string());
    let proposals = match port {
        Some(port) => vec![
            base.clone(),
            format!("{base}:{port}"),
            format!("{base}:{port}-w{}", member.weight),
        ],
        None => vec![base.clone(), format!("{base}-w{}", member.weight)],
    };
    let (name, first) = names.servers.give(&proposals, &identity);
    if first {
        let _ = write!(
            servers.text,
            "\n[servers.{}]\naddress = \"{}\"\n",
            key(&name),
            member.address
        );
        if let Some(port) = port {
            let _ = writeln!(servers.text, "port = {port}");
        }
        if member.weight != 1 {
            let _ = writeln!(servers.text, "weight = {}", member.weight);
        }
        let managed = draft.management.iter().find(|m| m.server == member.address);
        if let Some(management) = managed
            && servers.managed.insert(member.address)
        {
            servers.text += &management_key(management);
        }
    }
    name
}

fn management_key(management: &Management) -> String {
    let interface = match &management.vip.interface {
        Some(name) => format!(", interface = {}", quoted(name)),
        None => String::new(),
    };
    format!(
        "management = {{ vip = \"{}\", fwmark = {}{interface} }}\n",
        net(&management.vip),
        management.mark
    )
}

fn service_keys(service: &Service) -> String {
    let mut text = String::new();
    match service.key {
        ServiceKey::Fwmark { mark, .. } => {
            if let (Some(vip), false) = (&service.vip, service.tcp.is_empty()) {
                text += &vip_keys(vip);
                let ports: Vec<String> = service.tcp.iter().map(u16::to_string).collect();
                let _ = writeln!(text, "tcp = [{}]", ports.join(", "));
            }
            let _ = writeln!(text, "fwmark = {mark}");
        }
        ServiceKey::Address { protocol, socket } => {
            let alone = Vip {
                address: socket.ip(),
                prefix: if socket.is_ipv4() { 32 } else { 128 },
                interface: None,
            };
            text += &vip_keys(service.vip.as_ref().unwrap_or(&alone));
            let _ = writeln!(text, "port = {}\nprotocol = \"{protocol}\"", socket.port());
        }
    }
    text += &settings_keys(&service.settings, service.key.family());
    let _ = writeln!(text, "forward = \"{}\"", forward(service.forward));
    let on_failure = match service.on_failure {
        OnFailure::Quiesce => "quiesce",
        OnFailure::Remove => "remove",
    };
    let _ = writeln!(text, "on_failure = \"{on_failure}\"");
    if let Some(sorry) = &service.sorry {
        let _ = writeln!(text, "sorry_server = {}", sorry_server(sorry));
    }
    if let Some(length) = service.slow_start {
        let _ = writeln!(text, "slow_start = \"{}\"", duration(length));
    }
    text
}

fn sorry_server(sorry: &Sorry) -> String {
    let mut keys = format!("address = \"{}\"", sorry.address);
    if let Some(port) = sorry.port {
        let _ = write!(keys, ", port = {port}");
    }
    if sorry.forward != Forward::Nat {
        let _ = write!(keys, ", forward = \"{}\"", forward(sorry.forward));
    }
    format!("{{ {keys} }}")
}

fn vip_keys(vip: &Vip) -> String {
    let mut text = format!("vip = \"{}\"\n", net(vip));
    if let Some(interface) = &vip.interface {
        let _ = writeln!(text, "interface = {}", quoted(interface));
    }
    text
}

fn net(vip: &Vip) -> String {
    let alone = if vip.address.is_ipv4() { 32 } else { 128 };
    if vip.prefix == alone {
        vip.address.to_string()
    } else {
        format!("{}/{}", vip.address, vip.prefix)
    }
}

fn settings_keys(settings: &ServiceSettings, family: Family) -> String {
    let mut text = format!("scheduler = {}\n", quoted(&settings.scheduler));
    if let Some(seconds) = settings.persistence {
        let _ = writeln!(text, "persistence = \"{seconds}s\"");
        if settings.netmask != ServiceSettings::host_netmask(family) {
            let mask = match family {
                Family::V4 => Ipv4Addr::from(settings.netmask).to_string(),
                Family::V6 => settings.netmask.to_string(),
            };
            let _ = writeln!(text, "persistence_netmask = \"{mask}\"");
        }
    }
    if let Some(engine) = &settings.persistence_engine {
        let _ = writeln!(text, "persistence_engine = {}", quoted(engine));
    }
    if settings.flags & ONE_PACKET != 0 {
        text.push_str("one_packet = true\n");
    }
    let flags: Vec<String> = SCHEDULER_FLAGS
        .iter()
        .zip(["flag-1", "flag-2", "flag-3"])
        .filter(|(flag, _)| settings.flags & **flag != 0)
        .map(|(_, name)| name.to_owned())
        .collect();
    if !flags.is_empty() {
        let _ = writeln!(text, "scheduler_flags = {}", list(&flags));
    }
    text
}

fn forward(forward: Forward) -> &'static str {
    match forward {
        Forward::Direct => "direct",
        Forward::Tunnel => "tunnel",
        Forward::Local => "local",
        Forward::Nat | Forward::Bypass => "nat",
    }
}

fn check_name(check: &Check) -> String {
    match &check.probe {
        Probe::X224 { .. } => "rdp".to_owned(),
        Probe::Tcp { port, .. } => match port {
            Some(port) => format!("tcp-{port}"),
            None => "tcp".to_owned(),
        },
        Probe::Smtp { port, .. } => format!("smtp-{port}"),
        Probe::Owa { vdir, .. } => vdir.clone(),
        Probe::Exec(words) => {
            let wrapped = words
                .iter()
                .position(|word| word == "-c")
                .map_or(0, |at| at + 2);
            let program = words.get(wrapped).or(words.first());
            let name = program
                .and_then(|path| path.rsplit('/').next())
                .unwrap_or("");
            if name.is_empty() { "exec" } else { name }.to_owned()
        }
    }
}

fn check_section(check: &Check) -> String {
    let asked = match &check.probe {
        Probe::X224 { port, keys } => {
            let keys: String = keys
                .iter()
                .map(|(key, value)| format!(", {key} = {value}"))
                .collect();
            format!("x224 = {{ port = {port}{keys} }}\n")
        }
        Probe::Tcp { port, send, expect } => {
            let mut keys = Vec::new();
            keys.extend(port.map(|port| format!("port = {port}")));
            if !send.is_empty() {
                keys.push(format!("send = {}", quoted(send)));
            }
            if !expect.is_empty() {
                keys.push(format!("expect = {}", quoted(expect)));
            }
            format!("tcp = {{ {} }}\n", keys.join(", "))
        }
        Probe::Smtp { port, ehlo } => {
            let ehlo = match ehlo {
                Some(name) => format!(", ehlo = {}", quoted(name)),
                None => String::new(),
            };
            format!("smtp = {{ ports = [\"{port}/plain\"]{ehlo} }}\n")
        }
        Probe::Owa { port, host, vdir } => {
            let port = match port {
                443 => String::new(),
                port => format!(", port = {port}"),
            };
            format!(
                "owa = {{ host = {}, vdirs = [{}]{port} }}\n",
                quoted(host),
                quoted(vdir)
            )
        }
        Probe::Exec(words) => format!("exec = {}\n", list(words)),
    };
    asked + &pace_keys(&check.pace)
}

fn pace_keys(pace: &Pace) -> String {
    let mut text = String::new();
    for (key, value) in [
        ("interval", pace.interval),
        ("timeout", pace.timeout),
        ("retry_interval", pace.retry_interval),
    ] {
        if let Some(milliseconds) = value {
            let _ = writeln!(text, "{key} = \"{}\"", duration(milliseconds));
        }
    }
    for (key, value) in [("fall", pace.fall), ("rise", pace.rise)] {
        if let Some(number) = value {
            let _ = writeln!(text, "{key} = {number}");
        }
    }
    text
}

fn duration(milliseconds: u64) -> String {
    if milliseconds.is_multiple_of(1000) {
        format!("{}s", milliseconds / 1000)
    } else {
        format!("{milliseconds}ms")
    }
}

fn nat_section(nat: Option<&Nat>) -> String {
    let Some((nat, outside)) = nat.and_then(|nat| Some((nat, nat.outside.as_ref()?))) else {
        return String::new();
    };
    format!(
        "\n[nat]\ninside = {}\noutside = {}\ngateway = \"{}\"\nmasquerade = {}\n",
        quoted(&nat.inside),
        quoted(outside),
        net(&nat.gateway),
        nat.masquerade
    )
}

pub(super) fn list(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("[{}]", quoted.join(", "))
}

/// A key of a table: bare if TOML allows it, else quoted.
fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// A basic string of TOML 1.0: quotation mark, backslash and control characters escaped.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            letter if letter.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}
