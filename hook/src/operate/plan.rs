//! `governess plan`: the steps that would be taken, in words and as JSON.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::table::{DestinationSettings, Forward, ServiceKey, ServiceSettings, Step};

/// The name of a destination, such as `fwm:80/10.0.1.1`; the port is shown where it is not 0.
pub fn target(service: ServiceKey, destination: SocketAddr) -> String {
    if destination.port() == 0 {
        format!("{service}/{}", destination.ip())
    } else {
        format!("{service}/{destination}")
    }
}

/// The JSON document of a plan.
pub fn document(steps: &[Step]) -> Value {
    json!({ "schema": 1, "steps": steps.iter().map(step_json).collect::<Vec<_>>() })
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

/// What a running director answers: the document, and the same steps in words.
pub fn reply(steps: &[Step]) -> Value {
    json!({ "plan": document(steps), "words": steps.iter().map(words).collect::<Vec<_>>() })
}
