//! Judges the `[watch.*]` sections: checks without a say in the weights.

use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;

use super::super::fault::Fault;
use super::super::file;
use super::super::{Probe, Subject, Watch};
use super::{check, dns, number, time};
use crate::health::Rules;

/// DNS changes slowly, and nobody waits for the answer.
const INTERVAL: Duration = Duration::from_secs(60);
/// As much as a plugin has under Nagios.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn judge(name: &Spanned<String>, watch: &file::Check, faults: &mut Vec<Fault>) -> Watch {
    let interval = time(faults, "interval", &watch.interval, INTERVAL);
    let retry = Duration::from_secs(1);
    let stale = interval.saturating_mul(3);
    Watch {
        name: name.as_ref().clone(),
        subject: subject(name, watch, faults),
        interval,
        timeout: time(faults, "timeout", &watch.timeout, TIMEOUT),
        retry_interval: time(faults, "retry_interval", &watch.retry_interval, retry),
        stale_after: time(faults, "stale_after", &watch.stale_after, stale),
        rules: Rules {
            fall: number(faults, "fall", &watch.fall, 1..=1000, 1),
            rise: number(faults, "rise", &watch.rise, 1..=1000, 1),
        },
        enforce: check::enforce(&watch.enforce, faults),
    }
}

fn subject(name: &Spanned<String>, watch: &file::Check, faults: &mut Vec<Fault>) -> Subject {
    if let Some(reported) = &watch.reported {
        let message = format!("[watch.{}] asks nobody", name.as_ref());
        let instead = "what another program reports belongs into [checks]";
        faults.push(Fault::at(reported.span(), message).suggest(instead));
    }
    let Some(dns) = &watch.dns else {
        return match check::probe("watch", name, watch, faults) {
            Probe::Exec(exec) if !exec.is_about_a_server() => Subject::Program(exec),
            probe => Subject::EachServer(probe),
        };
    };
    check::exactly_one("watch", name, watch, faults);
    Subject::Dns(Arc::new(dns::judge(dns, faults)))
}
