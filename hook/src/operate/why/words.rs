//! The words of `why`.

use super::Rule;
use crate::config::Config;

/// The order of what counts, as the policy decides.
pub(super) const ORDER: &str =
    "disable > drain > down or maintenance > weight wish > slow start > configured weight";

/// The checks of a service that speak against a server, each with how many answers decide.
pub(super) struct Against {
    check: String,
    fall: u32,
    rise: u32,
}

/// Those of a service's checks that do not find the server healthy.
pub(super) fn against(config: &Config, service: &str, found: Vec<(&str, &str)>) -> Vec<Against> {
    let Some(id) = config.service_named(service) else {
        return Vec::new();
    };
    let checks = config.services[id.0].checks.iter();
    checks
        .map(|id| &config.checks[id.0])
        .filter(|check| {
            let condition = found.iter().find(|(name, _)| *name == check.name);
            !condition.is_some_and(|(_, found)| matches!(*found, "healthy" | "degraded"))
        })
        .map(|check| Against {
            check: check.name.clone(),
            fall: check.rules.fall,
            rise: check.rules.rise,
        })
        .collect()
}

/// What the words are about.
pub(super) struct Told<'a> {
    pub(super) server: &'a str,
    pub(super) nominal: u32,
    pub(super) service: &'a str,
    pub(super) rise_factor: u32,
    pub(super) against: &'a [Against],
    /// The check that changed its health last.
    pub(super) turned_by: Option<&'a str>,
}

impl Told<'_> {
    /// Which rule decided.
    pub(super) fn rule(&self, rule: Rule) -> String {
        match rule {
            Rule::Disabled => "disable: the operator took it out until it is enabled".to_owned(),
            Rule::Drained => "drain: the operator gives it no new connections".to_owned(),
            Rule::Forced => "enable --force: it serves whatever its checks say".to_owned(),
            Rule::Kept => format!(
                "never empty the pool: it is not known to work, and no server of {} is; it is kept, \
                 for more likely the checker is ill than everybody",
                self.service
            ),
            Rule::Down => match self.decided_by() {
                Some(by) => format!("down: {by}"),
                None => "down: every check is healthy again, but not often enough yet".to_owned(),
            },
            Rule::Maintenance => "maintenance: the server says, or shows by a closed health page, \
                                  that it is drained or inactive"
                .to_owned(),
            Rule::NotJudged => "not judged yet: a server joins once its checks have answered; one \
                                that was found serving goes on until then"
                .to_owned(),
            Rule::Wished(weight) => {
                format!(
                    "weight wish: {weight} instead of the configured {}",
                    self.nominal
                )
            }
            Rule::Ramping => "slow start: it is on its way to its whole weight".to_owned(),
            Rule::Configured => format!(
                "the configured weight {}: no check that counts speaks against it",
                self.nominal
            ),
        }
    }

    fn decided_by(&self) -> Option<String> {
        let by = |one: &&Against| Some(one.check.as_str()) == self.turned_by;
        let first = self.against.iter().find(by).or(self.against.first())?;
        let times = match first.fall {
            1 => "failed".to_owned(),
            fall => format!("failed {fall} times in a row (fall = {fall})"),
        };
        Some(format!("check {} {times}", first.check))
    }

    /// What would have to change.
    pub(super) fn change(&self, rule: Rule) -> String {
        let server = self.server;
        match rule {
            Rule::Disabled | Rule::Drained => {
                format!("governess enable {server}; and its checks must find it healthy")
            }
            Rule::Forced => format!(
                "the time that was given ends it, or governess enable {server}; its checks count \
                 again then"
            ),
            Rule::Kept => format!(
                "some server of {} must answer well {}; that ends it",
                self.service,
                self.successes()
            ),
            Rule::Down | Rule::Maintenance | Rule::NotJudged => format!(
                "{} must succeed {}; where nobody serves, one success is enough",
                self.those_against(),
                self.successes()
            ),
            Rule::Wished(_) => format!(
                "governess weight {server} {} ends the wish; so does ipvsadm -e with that weight",
                self.nominal
            ),
            Rule::Ramping => "time alone, or a new failure".to_owned(),
            Rule::Configured => format!(
                "a failure of a check, as often as `fall` says; or governess drain {server}"
            ),
        }
    }

    fn those_against(&self) -> String {
        let names: Vec<&str> = self.against.iter().map(|one| one.check.as_str()).collect();
        match names.as_slice() {
            [] => "its checks".to_owned(),
            [one] => format!("check {one}"),
            several => format!("checks {}", several.join(" and ")),
        }
    }

    fn successes(&self) -> String {
        let rise = self
            .against
            .iter()
            .map(|check| check.rise)
            .max()
            .unwrap_or(1);
        match (rise, self.rise_factor) {
            (1, 1) => "once".to_owned(),
            (rise, 1) => format!("{rise} times in a row (rise = {rise})"),
            (rise, factor) => format!(
                "{} times in a row (rise = {rise}, times {factor} since it keeps falling)",
                rise.saturating_mul(factor)
            ),
        }
    }

    /// What a human can do, by what was found.
    pub(super) fn advice(&self, rule: Rule, against: Vec<(&str, &str)>) -> Vec<String> {
        let server = self.server;
        if matches!(rule, Rule::Configured | Rule::Ramping | Rule::Wished(_)) && against.is_empty()
        {
            return vec!["nothing".to_owned()];
        }
        let mut advice = by_advice(&against);
        if rule == Rule::Kept {
            advice.push(
                "look at this director first: its network, its resolver, its checks' settings"
                    .to_owned(),
            );
        }
        if matches!(rule, Rule::Disabled | Rule::Drained) {
            advice.push(format!(
                "once the work on it is done: governess enable {server}"
            ));
        }
        if advice.is_empty() {
            advice.push("wait for the next answers of its checks".to_owned());
        }
        advice
    }
}

/// One line an advice, with the checks that it is for.
fn by_advice(found: &[(&str, &str)]) -> Vec<String> {
    let mut lines: Vec<(&str, Vec<&str>)> = Vec::new();
    for (check, kind) in found {
        let advice = by_kind(kind);
        match lines.iter_mut().find(|(known, _)| *known == advice) {
            Some((_, checks)) => checks.push(check),
            None => lines.push((advice, vec![check])),
        }
    }
    let line = |(advice, checks): (&str, Vec<&str>)| format!("[{}] {advice}", checks.join(", "));
    lines.into_iter().map(line).collect()
}

/// The first thing to look at for each kind of finding.
fn by_kind(kind: &str) -> &'static str {
    match kind {
        "tcp_refused" => {
            "start the service on the server, if it is on: nothing listens on that port"
        }
        "tcp_timeout" => "is the server on, is its network up, does a firewall drop the port?",
        "tcp_unreachable" => "look at the server's link, address and route",
        "tcp_reset" => "the service drops new connections: restart it, or look at its limits",
        "silent" => "the service hangs although its port accepts: restart it",
        "closed_early" => "the service closes at once: look at its own log",
        "not_the_protocol" | "malformed" => "something else listens on that port, or it is broken",
        "refused_by_server" => "the server refuses by itself: do what its answer below asks for",
        "tls_failed" => "look at the server's TLS settings and certificate",
        "certificate" => "renew or correct the certificate",
        "skew" => "correct the server's clock (w32tm /resync)",
        "insecure" => "the server lets in less security than is required: correct its settings",
        "maintenance" => {
            "nothing, if somebody works on it; if that is over: Set-ServerComponentState … -State \
             Active, for HubTransport with a restart of MSExchangeTransport"
        }
        "offline" => {
            "nothing, if somebody works on it; if that is over: Set-ServerComponentState … -State \
             Active; else see the log of Managed Availability"
        }
        "http_status" => "start what the finding below names, then read the server's event log",
        "starttls_injection" => {
            "find out who writes into its connections: a proxy, a firewall, an attacker; leave it \
             out until then"
        }
        "back_pressure" => "free disk or memory on the server",
        "limit" => "a limit of the server was reached: look at its connections",
        "capability_missing" | "content" => "look at the server's application and its log",
        "wrong_server" => "another server answers at this address: correct address or name",
        "external" => "the external program says so: read its words below",
        "usage" | "resolve" | "resources" | "own_stall" | "internal" => {
            "that is this director's own trouble, not the server's"
        }
        "timeout" => "the server answers too slowly: look at its load",
        kind if kind.starts_with("dns_") => "look at the DNS server and its zone",
        _ => "read what was found below",
    }
}
