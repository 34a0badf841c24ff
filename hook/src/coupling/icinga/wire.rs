//! What the API is asked and what it answers, as JSON (Icinga 2 documentation, "Icinga 2 API":
//! event streams, config objects, `process-check-result`).

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};
use shared::verdict::Condition;

use super::Subjects;
use crate::config::Object;

/// What Icinga knows of one service.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) object: Object,
    /// What was found; of a soft state in [`states`] the last hard one.
    pub(super) condition: Condition,
    /// What the plugin said.
    pub(super) text: String,
    /// When the check ended, seconds since 1970 by Icinga's clock.
    pub(super) ended: f64,
}

/// A state of a service as the exit code of a plugin: Nagios's way.
fn condition(state: f64) -> Condition {
    match state {
        0.0 => Condition::Healthy,
        1.0 => Condition::Degraded,
        2.0 => Condition::Failed,
        _ => Condition::Unknown,
    }
}

const HARD: f64 = 1.0;

#[derive(Deserialize)]
struct Event {
    host: String,
    /// A result about a host has none.
    service: Option<String>,
    check_result: CheckResult,
}

#[derive(Deserialize)]
struct CheckResult {
    state: f64,
    #[serde(default)]
    output: String,
    execution_end: f64,
    vars_after: Option<Vars>,
}

#[derive(Deserialize)]
struct Vars {
    state_type: f64,
}

#[derive(Deserialize)]
struct Answer {
    results: Vec<Service>,
}

#[derive(Deserialize)]
struct Service {
    attrs: Attributes,
}

#[derive(Deserialize)]
struct Attributes {
    host_name: String,
    name: String,
    state: f64,
    state_type: f64,
    last_hard_state: f64,
    /// Of a service that was never checked there is none.
    last_check_result: Option<CheckResult>,
}

/// The attributes of [`Attributes`].
const ATTRIBUTES: [&str; 6] = [
    "host_name",
    "name",
    "state",
    "state_type",
    "last_hard_state",
    "last_check_result",
];

/// What a line of the event stream says; nothing if it is about a host, or of a soft state, which is
/// still being repeated.
///
/// # Errors
/// The line is no event of the type `CheckResult`.
pub(super) fn event(line: &[u8]) -> Result<Option<Seen>, String> {
    let event: Event = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let result = event.check_result;
    let is_hard = result.vars_after.is_none_or(|vars| vars.state_type == HARD);
    let condition = condition(result.state);
    let Some(service) = event.service else {
        return Ok(None);
    };
    let host = event.host;
    Ok(
        (is_hard || condition == Condition::Healthy).then_some(Seen {
            object: Object { host, service },
            condition,
            text: result.output,
            ended: result.execution_end,
        }),
    )
}

/// What all services are in at present, and which of them are there without a result yet.
///
/// # Errors
/// The answer is none of Icinga's.
pub(super) fn states(answer: &[u8]) -> Result<(Vec<Seen>, BTreeSet<Object>), String> {
    let answer: Answer = serde_json::from_slice(answer).map_err(|error| error.to_string())?;
    let (mut seen, mut unchecked) = (Vec::new(), BTreeSet::new());
    for Service { attrs } in answer.results {
        let object = Object {
            host: attrs.host_name,
            service: attrs.name,
        };
        let Some(result) = attrs.last_check_result else {
            unchecked.insert(object);
            continue;
        };
        let is_hard = attrs.state_type == HARD;
        let (state, text) = match is_hard {
            true => (attrs.state, result.output),
            false => (
                attrs.last_hard_state,
                format!("still being repeated: {}", result.output),
            ),
        };
        seen.push(Seen {
            object,
            condition: condition(state),
            text,
            ended: result.execution_end,
        });
    }
    Ok((seen, unchecked))
}

/// The subscription to the results of these services; the queue is our own.
pub(super) fn subscription(subjects: &Subjects, machine: &str) -> Value {
    let (hosts, services) = names(subjects);
    json!({
        "queue": format!("governess-{machine}"),
        "types": ["CheckResult"],
        "filter": format!(
            "event.service in {} && event.host in {}", list(&services), list(&hosts)
        ),
    })
}

/// The question for the present state of these services.
pub(super) fn inquiry(subjects: &Subjects) -> Value {
    let (hosts, services) = names(subjects);
    json!({
        "attrs": ATTRIBUTES,
        // A filter by `host.name` would need a permission on hosts.
        "filter": "service.host_name in hosts && service.name in services",
        "filter_vars": { "hosts": hosts, "services": services },
    })
}

fn names(subjects: &Subjects) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let hosts = subjects.keys().map(|object| object.host.as_str());
    let services = subjects.keys().map(|object| object.service.as_str());
    (hosts.collect(), services.collect())
}

/// An array in Icinga's language. Event filters have no variables, so that names are written out.
fn list(names: &BTreeSet<&str>) -> String {
    let quoted: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    format!("[ {} ]", quoted.join(", "))
}

/// A string in Icinga's language ("String Literals" of its language reference).
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Subject;
    use super::*;

    /// As Icinga 2.13.6 writes it, shortened by what is not read.
    const EVENT: &str = r#"{"acknowledgement":false,"check_result":{"active":true,"check_source":"test","execution_end":1795646000.25,"execution_start":1795646000.1,"exit_status":2.0,"output":"store dismounted","performance_data":["size=1"],"state":2.0,"ttl":0.0,"type":"CheckResult","vars_after":{"attempt":1.0,"reachable":true,"state":2.0,"state_type":1.0},"vars_before":{"attempt":1.0,"reachable":true,"state":0.0,"state_type":1.0}},"downtime_depth":0.0,"host":"ex1","service":"store","timestamp":1795646000.26,"type":"CheckResult"}"#;

    const STATES: &str = r#"{"results":[{"attrs":{"host_name":"ex1","last_check_result":{"execution_end":1795646000.25,"output":"store dismounted","state":2.0,"vars_after":null},"last_hard_state":0.0,"name":"store","state":2.0,"state_type":0.0},"joins":{},"meta":{},"name":"ex1!store","type":"Service"},{"attrs":{"host_name":"ex2","last_check_result":null,"last_hard_state":0.0,"name":"store","state":0.0,"state_type":1.0},"joins":{},"meta":{},"name":"ex2!store","type":"Service"}]}"#;

    fn object(host: &str) -> Object {
        Object {
            host: host.to_owned(),
            service: "store".to_owned(),
        }
    }

    #[test]
    fn an_event_is_a_result_with_its_time_and_a_soft_problem_is_none() {
        let seen = event(EVENT.as_bytes()).unwrap().unwrap();
        assert_eq!(seen.object, object("ex1"));
        assert_eq!(seen.condition, Condition::Failed);
        assert_eq!(
            (seen.text.as_str(), seen.ended),
            ("store dismounted", 1_795_646_000.25)
        );
        let soft = EVENT.replacen("\"state_type\":1.0", "\"state_type\":0.0", 1);
        assert_eq!(event(soft.as_bytes()).unwrap(), None);
        let recovery = soft.replace("\"state\":2.0", "\"state\":0.0");
        assert!(event(recovery.as_bytes()).unwrap().is_some());
        let of_a_host = EVENT.replace("\"service\":\"store\",", "");
        assert_eq!(event(of_a_host.as_bytes()).unwrap(), None);
    }

    #[test]
    fn the_four_states_are_what_the_exit_codes_of_a_plugin_are() {
        let of = |state: &str| {
            let line = EVENT.replace("\"state\":2.0", &format!("\"state\":{state}"));
            event(line.as_bytes()).unwrap().unwrap().condition
        };
        let conditions = ["0.0", "1", "2.0", "3.0", "7"].map(of);
        use Condition::{Degraded, Failed, Healthy, Unknown};
        assert_eq!(conditions, [Healthy, Degraded, Failed, Unknown, Unknown]);
    }

    #[test]
    fn of_a_state_that_is_being_repeated_the_last_hard_one_counts() {
        let (seen, unchecked) = states(STATES.as_bytes()).unwrap();
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].condition, Condition::Healthy);
        assert_eq!(seen[0].text, "still being repeated: store dismounted");
        assert_eq!(unchecked, BTreeSet::from([object("ex2")]));
        let hard = STATES.replacen("\"state_type\":0.0", "\"state_type\":1.0", 1);
        let (seen, _) = states(hard.as_bytes()).unwrap();
        assert_eq!(seen[0].condition, Condition::Failed);
    }

    #[test]
    fn a_name_cannot_leave_its_place_in_the_filter() {
        let object = Object {
            host: "ex1\" ] || true || event.host in [ \"\\".to_owned(),
            service: "store".to_owned(),
        };
        let subject = Subject {
            server: "ex1".to_owned(),
            check: "store".to_owned(),
            stale_after: Duration::from_secs(900),
        };
        let asked = subscription(&Subjects::from([(object, subject)]), "lb1");
        let filter = "event.service in [ \"store\" ] && event.host in \
                      [ \"ex1\\\" ] || true || event.host in [ \\\"\\\\\" ]";
        assert_eq!(asked["filter"], filter);
        assert_eq!(asked["queue"], "governess-lb1");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_a_reader_panic(line: Vec<u8>) {
            let _ = event(&line);
            let _ = states(&line);
        }

        #[test]
        fn an_event_that_was_cut_is_no_event(at in 0..EVENT.len()) {
            proptest::prop_assert!(event(&EVENT.as_bytes()[..at]).is_err());
        }
    }
}
