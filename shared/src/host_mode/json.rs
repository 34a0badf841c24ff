//! The verdict as one line of JSON; exit codes as for Nagios.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Answer, state};
use crate::perfdata::Value;
use crate::verdict::{Advisory, Condition, Kind, Share, Verdict};

/// The version of the line's form; it grows when a reader of the old one would misread the new.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Line<'a> {
    schema: u32,
    check: &'a str,
    server: &'a str,
    port: Option<u16>,
    condition: Condition,
    kind: Kind,
    state: u8,
    summary: &'a str,
    perfdata: Vec<&'a Value>,
    facts: &'a BTreeMap<String, String>,
    details: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<Share>,
    advisories: &'a [Advisory],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    transcript: &'a [String],
}

/// The verdict in the documented form (`schema` and `state` included), as a value to put into a
/// larger document. Advisory findings stand beside the condition and are not folded into it.
pub fn value(verdict: &Verdict) -> serde_json::Value {
    // Plain data with text keys: this cannot fail.
    serde_json::to_value(line(verdict, &[])).unwrap_or_default()
}

pub(super) fn answer(verdict: &Verdict, verbosity: u8) -> Answer {
    let transcript = match verbosity {
        3.. => verdict.transcript.as_slice(),
        _ => &[],
    };
    // As above; and an empty line would fail every reader.
    let mut stdout = serde_json::to_vec(&line(verdict, transcript)).unwrap_or_default();
    stdout.push(b'\n');
    Answer {
        stdout,
        code: state(verdict.condition),
    }
}

fn line<'a>(verdict: &'a Verdict, transcript: &'a [String]) -> Line<'a> {
    Line {
        schema: SCHEMA,
        check: &verdict.check,
        server: &verdict.server,
        port: verdict.port,
        condition: verdict.condition,
        kind: verdict.kind,
        state: state(verdict.condition),
        summary: &verdict.summary,
        perfdata: verdict
            .perfdata
            .iter()
            .filter(|value| value.value.is_finite())
            .collect(),
        facts: &verdict.facts,
        details: &verdict.details,
        share: verdict.share,
        advisories: &verdict.advisories,
        transcript,
    }
}
