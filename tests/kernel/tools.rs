//! What all cases need: programs, tables, comparisons.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::process::Command;

use hook::kernel::VirtualServers;
use hook::kernel::ipvs::Ipvs;
use hook::table::{
    Connections, Destination, DestinationSettings, Encapsulation, Family, Forward, Protocol,
    Service, ServiceKey, ServiceSettings, Step, Table,
};

/// What a case ends with.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Runs a program in this thread's namespace; its output if it succeeded.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Outcome<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    let stdout = String::from_utf8(output.stdout)?;
    if output.status.success() {
        return Ok(stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "{program} {}: {}{stderr}",
        arguments.join(" "),
        output.status
    )
    .into())
}

/// `ipvsadm` with one line of arguments.
pub(crate) fn ipvsadm(line: &str) -> Outcome<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    run("ipvsadm", &words)
}

/// The rules as `ipvsadm -Sn` prints them, sorted.
pub(crate) fn rules() -> Outcome<Vec<String>> {
    let mut lines: Vec<String> = ipvsadm("-Sn")?.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    Ok(lines)
}

/// The words of `ipvsadm`'s line for one destination, with the numeric view and `option`.
pub(crate) fn line_of(destination: &str, option: &str) -> Outcome<Vec<String>> {
    let listing = ipvsadm(&format!("-Ln {option}"))?;
    let line = listing
        .lines()
        .find(|line| line.split_whitespace().any(|word| word == destination))
        .ok_or_else(|| format!("ipvsadm shows no {destination}:\n{listing}"))?;
    Ok(line.split_whitespace().map(str::to_owned).collect())
}

/// Fails with both values.
pub(crate) fn expect<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Outcome {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}: found {found:?}, expected {expected:?}").into())
}

/// Fails unless it holds.
pub(crate) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if holds {
        Ok(())
    } else {
        Err(otherwise().into())
    }
}

pub(crate) fn marked(mark: u32) -> ServiceKey {
    let family = Family::V4;
    ServiceKey::Fwmark { family, mark }
}

pub(crate) fn marked_v6(mark: u32) -> ServiceKey {
    let family = Family::V6;
    ServiceKey::Fwmark { family, mark }
}

pub(crate) fn service(protocol: Protocol, socket: &str) -> Outcome<ServiceKey> {
    let socket = at(socket)?;
    Ok(ServiceKey::Address { protocol, socket })
}

pub(crate) fn at(socket: &str) -> Outcome<SocketAddr> {
    Ok(socket.parse()?)
}

pub(crate) fn scheduled_by(scheduler: &str) -> ServiceSettings {
    ServiceSettings {
        scheduler: scheduler.to_owned(),
        persistence: None,
        netmask: u32::MAX,
        flags: 0,
        persistence_engine: None,
    }
}

pub(crate) fn natted(weight: u32) -> DestinationSettings {
    DestinationSettings {
        forward: Forward::Nat,
        weight,
        upper_threshold: 0,
        lower_threshold: 0,
        encapsulation: Encapsulation::default(),
    }
}

/// One service as it stands in a table, without connections.
pub(crate) fn entry(
    settings: ServiceSettings,
    destinations: &[(&str, DestinationSettings)],
) -> Outcome<Service> {
    let mut found = BTreeMap::new();
    for (socket, settings) in destinations {
        let connections = Connections::default();
        let settings = *settings;
        let destination = Destination {
            settings,
            connections,
        };
        found.insert(at(socket)?, destination);
    }
    Ok(Service {
        settings,
        destinations: found,
    })
}

/// The one destination of a table that is asked for.
pub(crate) fn settings_of(
    table: &Table,
    service: &ServiceKey,
    destination: &str,
) -> Outcome<DestinationSettings> {
    let found = table
        .get(service)
        .and_then(|service| service.destinations.get(&destination.parse().ok()?))
        .ok_or_else(|| format!("the table has no {destination} in {service}: {table:?}"))?;
    Ok(found.settings)
}

/// A service by mark 80 with `10.0.1.1` and `10.0.1.2`, made by `ipvsadm`.
pub(crate) fn original_set_up() -> Outcome {
    ipvsadm("-A -f 80 -s wlc -p 600")?;
    ipvsadm("-a -f 80 -r 10.0.1.1 -m -w 1")?;
    ipvsadm("-a -f 80 -r 10.0.1.2 -m -w 1")?;
    Ok(())
}

pub(crate) fn apply(kernel: &mut Ipvs, steps: &[Step]) -> Outcome {
    for step in steps {
        kernel.apply(step)?;
    }
    Ok(())
}

pub(crate) fn add_service(service: ServiceKey, to: ServiceSettings) -> Step {
    Step::AddService { service, to }
}

pub(crate) fn add(
    service: ServiceKey,
    destination: &str,
    to: DestinationSettings,
) -> Outcome<Step> {
    let destination = at(destination)?;
    Ok(Step::AddDestination {
        service,
        destination,
        to,
    })
}

pub(crate) fn edit(
    service: ServiceKey,
    destination: &str,
    from: DestinationSettings,
    to: DestinationSettings,
) -> Outcome<Step> {
    let destination = at(destination)?;
    Ok(Step::EditDestination {
        service,
        destination,
        from,
        to,
    })
}

/// The step that deletes a service.
pub(crate) fn delete_service(service: ServiceKey) -> Step {
    Step::DeleteService {
        service,
        from: scheduled_by("wlc"),
    }
}

/// The step that deletes a destination.
pub(crate) fn delete_destination(service: ServiceKey, destination: SocketAddr) -> Step {
    Step::DeleteDestination {
        service,
        destination,
        from: natted(1),
    }
}
