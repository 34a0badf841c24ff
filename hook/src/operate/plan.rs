//! `governess plan`: the steps that would be taken, in words and as JSON.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::setup::{HostStep, MarkRule, Masquerade, Traffic};
use crate::table::{DestinationSettings, Forward, ServiceKey, ServiceSettings, Step, Target};

/// The name of a destination, such as `fwm:80/10.0.1.1`; the port is shown where it is not 0.
pub fn target(service: ServiceKey, destination: SocketAddr) -> String {
    Target {
        service,
        destination,
    }
    .to_string()
}

/// What the host still needs, and what is wrong with it: from `host::pending`.
pub type HostPlan = (Vec<HostStep>, Vec<String>);

/// The answer to `plan`: the JSON document, the same steps in words, and what stands in the way.
/// In the order in which they are carried out: sysctls, the table, the firewall, addresses.
pub fn reply(steps: &[Step], (host, problems): &HostPlan) -> Value {
    let (first, last): (Vec<&HostStep>, Vec<&HostStep>) = host
        .iter()
        .partition(|step| matches!(step, HostStep::SetSysctl { .. }));
    let json = first
        .iter()
        .map(|step| host_step_json(step))
        .chain(steps.iter().map(step_json))
        .chain(last.iter().map(|step| host_step_json(step)));
    let words = first
        .iter()
        .map(|step| step.words())
        .chain(steps.iter().map(words))
        .chain(last.iter().map(|step| step.words()));
    json!({
        "plan": { "schema": 1, "steps": json.collect::<Vec<_>>() },
        "words": words.collect::<Vec<_>>(),
        "problems": problems,
    })
}

fn host_step_json(step: &HostStep) -> Value {
    match step {
        HostStep::SetSysctl { name, from, to } => {
            json!({ "action": "set_sysctl", "target": name, "from": from, "to": to })
        }
        HostStep::ReplaceFirewall { was_there, to } => json!({
            "action": "replace_firewall", "target": "inet governess",
            "from": if *was_there { json!("other") } else { Value::Null },
            "to": { "marks": to.marks.iter().map(mark_json).collect::<Vec<_>>(),
                    "masquerade": to.masquerade.iter().map(masquerade_json).collect::<Vec<_>>() },
        }),
        HostStep::AddAddress { address } => json!({
            "action": "add_address",
            "target": format!("{}/{}", address.interface, address.address),
            "from": null, "to": { "purpose": address.purpose },
        }),
    }
}

fn mark_json(rule: &MarkRule) -> Value {
    let ports = match &rule.traffic {
        Traffic::Everything => json!("all"),
        Traffic::Ports { ports, .. } => json!(ports),
    };
    json!({ "vip": rule.vip, "ports": ports, "mark": rule.mark })
}

fn masquerade_json(rule: &Masquerade) -> Value {
    json!({ "source": rule.source.to_string(), "outside": rule.outside, "bears": rule.bears })
}

fn step_json(step: &Step) -> Value {
    match step {
        Step::AddService { service, to } => json!({
            "action": "add_service", "target": service.to_string(),
            "from": null, "to": service_json(to),
        }),
        Step::EditService { service, from, to } => json!({
            "action": "edit_service", "target": service.to_string(),
            "from": service_json(from), "to": service_json(to),
        }),
        Step::AddDestination {
            service,
            destination,
            to,
        } => json!({
            "action": "add_destination", "target": target(*service, *destination),
            "from": null, "to": destination_json(to),
        }),
        Step::EditDestination {
            service,
            destination,
            from,
            to,
        } => json!({
            "action": "edit_destination", "target": target(*service, *destination),
            "from": destination_json(from), "to": destination_json(to),
        }),
        Step::DeleteDestination {
            service,
            destination,
            from,
        } => json!({
            "action": "delete_destination", "target": target(*service, *destination),
            "from": destination_json(from), "to": null,
        }),
        Step::DeleteService { service, from } => json!({
            "action": "delete_service", "target": service.to_string(),
            "from": service_json(from), "to": null,
        }),
    }
}

fn service_json(settings: &ServiceSettings) -> Value {
    json!({ "scheduler": settings.scheduler, "persistence": settings.persistence })
}

fn destination_json(settings: &DestinationSettings) -> Value {
    json!({ "forward": forward(settings.forward), "weight": settings.weight })
}

fn forward(forward: Forward) -> &'static str {
    match forward {
        Forward::Nat => "nat",
        Forward::Local => "local",
        Forward::Tunnel => "tunnel",
        Forward::Direct => "direct",
        Forward::Bypass => "bypass",
    }
}

/// One step in words.
pub fn words(step: &Step) -> String {
    match step {
        Step::AddService { service, to } => {
            format!("add service {service} ({})", service_words(to))
        }
        Step::EditService { service, from, to } => {
            format!(
                "edit service {service}: {} -> {}",
                service_words(from),
                service_words(to)
            )
        }
        Step::AddDestination {
            service,
            destination,
            to,
        } => format!(
            "add destination {} ({}, weight {})",
            target(*service, *destination),
            forward(to.forward),
            to.weight
        ),
        Step::EditDestination {
            service,
            destination,
            from,
            to,
        } => {
            let target = target(*service, *destination);
            format!("edit destination {target}: {}", changes(from, to))
        }
        Step::DeleteDestination {
            service,
            destination,
            ..
        } => {
            format!("delete destination {}", target(*service, *destination))
        }
        Step::DeleteService { service, .. } => format!("delete service {service}"),
    }
}

fn changes(from: &DestinationSettings, to: &DestinationSettings) -> String {
    let mut changes = Vec::new();
    if from.weight != to.weight {
        changes.push(format!("weight {} -> {}", from.weight, to.weight));
    }
    if from.forward != to.forward {
        changes.push(format!(
            "{} -> {}",
            forward(from.forward),
            forward(to.forward)
        ));
    }
    changes.join(", ")
}

fn service_words(settings: &ServiceSettings) -> String {
    match settings.persistence {
        Some(seconds) => format!("{}, persistent {seconds}", settings.scheduler),
        None => settings.scheduler.clone(),
    }
}
