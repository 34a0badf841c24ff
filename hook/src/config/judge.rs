//! From the file as written to a configuration that can be carried out, or to all its faults.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;

use super::fault::{Fault, nearest};
use super::file::{self, Named, Placed};
use crate::operate::journal::Limits;

use super::{Backend, Check, CheckId, Config, Director, Server, ServerId, duration};

mod address;
mod alert;
mod check;
mod dns;
mod gentle;
mod icinga;
mod keepalived;
mod nat;
mod owa;
mod pair;
mod real_path;
mod service;
mod smtp;
mod watch;

/// What a syntax or shape error of the TOML reader says, with a suggestion for a misspelt word.
pub(super) fn toml_fault(error: &toml::de::Error) -> Fault {
    let span = error.span().unwrap_or(0..0);
    let message = error
        .message()
        .replace('\n', " ")
        .replace("expected i64", "expected an integer");
    let mut quoted = message.split('`').skip(1).step_by(2);
    match quoted.next() {
        Some(key) if message.starts_with("unknown field") => {
            let known: Vec<&str> = quoted.collect();
            let suggestion = match nearest(key, known.iter().copied()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            Fault::at(span, format!("unknown key `{key}`")).suggest(suggestion)
        }
        _ => Fault::at(span, message),
    }
}

/// Judges the whole file.
pub(super) fn judge(file: &file::File, digest: String) -> Result<Config, Vec<Fault>> {
    let mut faults = Vec::new();
    let director = director(file.director.as_ref(), &mut faults);
    let watches = file
        .watch
        .iter()
        .map(|(name, watch)| watch::judge(name, watch, &mut faults))
        .collect();
    let names = Names {
        checks: ids(&file.checks, CheckId),
        servers: ids(&file.servers, ServerId),
    };
    let checks: Vec<Check> = file
        .checks
        .iter()
        .map(|(name, check)| Check {
            depends_on: gentle::depends_on(name, check, file, &names, &mut faults),
            ..check::judge(name, check, &mut faults)
        })
        .collect();
    let servers = servers(&file.servers, &mut faults);
    let services = service::judge_all(&file.services, &names, &servers, &mut faults);
    check::ports_are_known(&file.checks, &checks, &services, &servers, &mut faults);
    let nat = file
        .nat
        .as_ref()
        .and_then(|nat| nat::judge(nat, &services, &mut faults));
    let servers = nat::with_management(servers, file, &services, nat.as_ref(), &mut faults);
    let (checks, services) = real_path::with_real_path(checks, services, nat.as_ref(), &servers);
    let pair = file.pair.as_ref().and_then(|written| {
        pair::judge(
            written,
            &director.state_dir,
            nat.as_ref(),
            &services,
            &mut faults,
        )
    });
    nat::held_apart_from_servers(&servers, &services, nat.as_ref(), &mut faults);
    let keepalived = keepalived::judge(file, director.backend, &services, &servers, &mut faults);
    let mail = file
        .alert
        .as_ref()
        .and_then(|alert| alert::judge(alert, &mut faults));
    let command_file = file
        .nagios
        .as_ref()
        .and_then(|nagios| nagios.command_file.as_ref());
    absolute("command_file", &command_file.cloned(), &mut faults);
    let command_file = command_file.map(|path| path.as_ref().into());
    let icinga = file
        .icinga
        .as_ref()
        .and_then(|icinga| icinga::judge(icinga, &checks, &names, &mut faults));
    if file.services.is_empty() {
        faults.push(
            Fault::at(0..0, "there is no virtual service")
                .suggest("add a section such as [services.exchange]"),
        );
    }
    // Collected in place, the list would keep the room that the servers took.
    let mut servers: Vec<Arc<Server>> = servers.into_iter().map(Arc::new).collect();
    servers.shrink_to_fit();
    if faults.is_empty() {
        Ok(Config {
            director,
            checks,
            watches,
            servers,
            services,
            nat,
            keepalived,
            pair,
            mail,
            command_file,
            icinga,
            digest,
        })
    } else {
        Err(faults)
    }
}

/// Which names the file defines.
struct Names<'a> {
    checks: BTreeMap<&'a str, CheckId>,
    servers: BTreeMap<&'a str, ServerId>,
}

fn ids<T, Id>(named: &Named<T>, id: impl Fn(usize) -> Id) -> BTreeMap<&str, Id> {
    named
        .keys()
        .enumerate()
        .map(|(at, name)| (name.as_ref().as_str(), id(at)))
        .collect()
}

fn director(written: Option<&file::Director>, faults: &mut Vec<Fault>) -> Director {
    let nothing = file::Director::default();
    let written = written.unwrap_or(&nothing);
    let path = |value: &Placed<String>, default: &str| {
        PathBuf::from(value.as_ref().map_or(default, |path| path.as_ref()))
    };
    absolute("state_dir", &written.state_dir, faults);
    absolute("control", &written.control, faults);
    absolute("maintenance_dir", &written.maintenance_dir, faults);
    Director {
        backend: backend(&written.backend, faults),
        state_dir: path(&written.state_dir, "/var/lib/governess"),
        control: path(&written.control, "/run/governess/control.sock"),
        status: page_address(&written.status, faults),
        reconcile_interval: time(
            faults,
            "reconcile_interval",
            &written.reconcile_interval,
            Duration::from_secs(2),
        ),
        journal: Limits {
            size: size(faults, &written.journal_size),
            keep: number(
                faults,
                "journal_keep",
                &written.journal_keep,
                0..=1000,
                Limits::default().keep,
            ),
        },
        maintenance_dir: written
            .maintenance_dir
            .as_ref()
            .map(|folder| PathBuf::from(folder.as_ref())),
    }
}

/// Where the status page is served: an address and a port, for names are not resolved.
fn page_address(written: &Placed<String>, faults: &mut Vec<Fault>) -> Option<SocketAddr> {
    let written = written.as_ref()?;
    match written.as_ref().parse::<SocketAddr>() {
        Ok(address) if address.port() != 0 => Some(address),
        _ => {
            let message = format!(
                "status = \"{}\" is not an IP address with a port",
                written.as_ref()
            );
            faults.push(
                Fault::at(written.span(), message)
                    .suggest("write status = \"127.0.0.1:3636\", or leave it out for no page"),
            );
            None
        }
    }
}

fn backend(written: &Placed<String>, faults: &mut Vec<Fault>) -> Backend {
    match word(
        faults,
        "backend",
        written,
        &["ipvs", "memory", "weights", "keepalived-files"],
        "ipvs",
    ) {
        "memory" => Backend::Memory,
        "weights" => Backend::Weights,
        "keepalived-files" => Backend::KeepalivedFiles,
        _ => Backend::Ipvs,
    }
}

fn servers(written: &Named<file::Server>, faults: &mut Vec<Fault>) -> Vec<Server> {
    let judge_one = |(name, server): (&Spanned<String>, &file::Server)| Server {
        name: name.as_ref().clone(),
        address: address(name, server, faults),
        weight: number(faults, "weight", &server.weight, 1..=65535, 1),
        port: server
            .port
            .as_ref()
            .map(|port| number(faults, "port", &Some(port.clone()), 1..=65535, 1)),
        management: None,
    };
    written.iter().map(judge_one).collect()
}

fn address(name: &Spanned<String>, server: &file::Server, faults: &mut Vec<Fault>) -> IpAddr {
    let nowhere = IpAddr::from([0, 0, 0, 0]);
    let Some(written) = &server.address else {
        let message = format!("[servers.{}] has no address", name.as_ref());
        faults.push(Fault::at(name.span(), message).suggest("add address = \"10.0.1.1\""));
        return nowhere;
    };
    match written.as_ref().parse::<IpAddr>() {
        Ok(address) if !address.is_unspecified() && !address.is_multicast() => address,
        _ => {
            let message = format!(
                "address = \"{}\" is not the IP address of a server",
                written.as_ref()
            );
            faults.push(
                Fault::at(written.span(), message)
                    .suggest("names are not resolved; write an address such as \"10.0.1.1\""),
            );
            nowhere
        }
    }
}

// Values of single keys.

fn absolute(key: &str, value: &Placed<String>, faults: &mut Vec<Fault>) {
    let Some(written) = value else { return };
    if !written.as_ref().starts_with('/') {
        let message = format!("{key} = \"{}\" is not an absolute path", written.as_ref());
        faults.push(Fault::at(written.span(), message).suggest("begin it with /"));
    }
}

fn not_yet<T>(faults: &mut Vec<Fault>, key: &str, value: &Placed<T>) {
    if let Some(value) = value {
        faults.push(not_yet_fault(value.span(), &format!("`{key}`")));
    }
}

fn not_yet_fault(span: std::ops::Range<usize>, what: &str) -> Fault {
    Fault::at(
        span,
        format!("{what}: not yet supported by this version of governess"),
    )
    .suggest("take it out; packaging/examples/x224.toml is a file that works")
}

/// Bytes with one of the units `KiB`, `MiB`, `GiB`.
fn size(faults: &mut Vec<Fault>, written: &Placed<String>) -> u64 {
    const LEAST: u64 = 64 * 1024;
    let default = Limits::default().size;
    let Some(written) = written else {
        return default;
    };
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30_u64)];
    let read = units.iter().find_map(|(unit, bytes)| {
        let number = written.as_ref().strip_suffix(unit)?.trim_end();
        number.parse::<u64>().ok()?.checked_mul(*bytes)
    });
    read.filter(|size| *size >= LEAST).unwrap_or_else(|| {
        let message = format!(
            "journal_size = \"{}\" is no size of 64KiB or more",
            written.as_ref()
        );
        faults.push(Fault::at(written.span(), message).suggest("such as \"16MiB\""));
        default
    })
}

fn time(
    faults: &mut Vec<Fault>,
    key: &str,
    written: &Placed<String>,
    default: Duration,
) -> Duration {
    let Some(written) = written else {
        return default;
    };
    match duration::parse(written.as_ref()) {
        Ok(time) if time.is_zero() => {
            faults.push(Fault::at(written.span(), format!("{key} is zero")));
            default
        }
        Ok(time) => time,
        Err(refusal) => {
            faults.push(Fault::at(written.span(), format!("{key}: {refusal}")));
            default
        }
    }
}

fn optional_time(faults: &mut Vec<Fault>, key: &str, written: &Placed<String>) -> Option<Duration> {
    written.as_ref()?;
    Some(time(faults, key, written, Duration::ZERO))
}

fn number<N: TryFrom<i64> + Copy>(
    faults: &mut Vec<Fault>,
    key: &str,
    written: &Placed<i64>,
    range: std::ops::RangeInclusive<i64>,
    default: N,
) -> N {
    let Some(written) = written else {
        return default;
    };
    let value = *written.as_ref();
    match N::try_from(value) {
        Ok(number) if range.contains(&value) => number,
        _ => {
            let message = format!(
                "{key} = {value} is not between {} and {}",
                range.start(),
                range.end()
            );
            faults.push(Fault::at(written.span(), message));
            default
        }
    }
}

fn word<'a>(
    faults: &mut Vec<Fault>,
    key: &str,
    written: &Placed<String>,
    known: &[&'a str],
    default: &'a str,
) -> &'a str {
    let Some(written) = written else {
        return default;
    };
    if let Some(word) = known
        .iter()
        .find(|word| !word.is_empty() && **word == written.as_ref())
    {
        return word;
    }
    let message = format!("{key} = \"{}\" is not known", written.as_ref());
    let choice: Vec<&str> = known
        .iter()
        .copied()
        .filter(|word| !word.is_empty())
        .collect();
    let suggestion = match nearest(written.as_ref(), choice.iter().copied()) {
        Some(word) => format!("did you mean \"{word}\"?"),
        None => format!("one of: {}", choice.join(", ")),
    };
    faults.push(Fault::at(written.span(), message).suggest(suggestion));
    default
}
