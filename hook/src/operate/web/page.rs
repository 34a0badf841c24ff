//! The page for browsers: one document without anything from elsewhere.

use std::fmt::{self, Display, Formatter};

use serde_json::Value;

use super::alarms::{Alarm, Level, alarms};
use super::escape::Escaped;
use crate::operate::status::{LatestEvent, ServerStatus, ServiceStatus, Status, WishStatus};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What a page has around the director's state.
pub(super) struct Frame<'a> {
    /// This machine's name.
    pub(super) host: &'a str,
    /// The present time.
    pub(super) time: &'a str,
    /// What the page's own style and script are known by.
    pub(super) nonce: &'a str,
}

/// The page.
pub(super) fn page(status: &Status, frame: &Frame<'_>) -> String {
    let alarms = alarms(status);
    let summary = Summary::of(status, &alarms);
    let body = Body {
        status,
        alarms: &alarms,
        summary: &summary,
    };
    document(frame, &summary.words, "", &body, &Footer(status))
}

/// The page of a director whose loop does not answer.
pub(super) fn silent_page(frame: &Frame<'_>) -> String {
    let words = "the director's loop does not answer";
    let body = "<p class=\"sum bad\">The director's loop does not answer. The kernel's table stays \
                as it is; nobody follows the servers' health. Look at <code>systemctl status \
                governess</code> and its journal.</p>";
    document(frame, words, " data-silent=1", &body, &"")
}

fn document(
    frame: &Frame<'_>,
    title: &str,
    body_data: &str,
    main: &dyn Display,
    footer: &dyn Display,
) -> String {
    let (host, time, nonce) = (Escaped(frame.host), Escaped(frame.time), frame.nonce);
    let title = Escaped(title);
    format!(
        "<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n\
         <meta name=viewport content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} - {host}</title>\n<link rel=icon href=\"data:,\">\n\
         <noscript><meta http-equiv=refresh content=5></noscript>\n\
         <style nonce=\"{nonce}\">{STYLE}</style>\n</head>\n<body{body_data}>\n\
         <header><h1>governess <small>{host}</small></h1><p id=age>as of {time}</p></header>\n\
         <p id=lost role=alert hidden></p>\n<main>\n{main}</main>\n<footer>{footer}</footer>\n\
         <script nonce=\"{nonce}\">{SCRIPT}</script>\n</body>\n</html>\n"
    )
}

/// The state of everything in a few words.
struct Summary {
    class: &'static str,
    words: String,
}

impl Summary {
    fn of(status: &Status, alarms: &[Alarm]) -> Self {
        let count = |level| alarms.iter().filter(|alarm| alarm.level == level).count();
        let (bad, notices) = (count(Level::Alarm), count(Level::Notice));
        let some = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            more => format!("{more} {what}s"),
        };
        let (class, words) = match (bad, notices) {
            _ if status.services.is_empty() => ("dull", "No service is configured".to_owned()),
            (0, 0) => ("good", "All is well".to_owned()),
            (0, notices) => ("warn", some(notices, "notice")),
            (bad, 0) => ("bad", some(bad, "alarm")),
            (bad, notices) => {
                let words = format!("{}, {}", some(bad, "alarm"), some(notices, "notice"));
                ("bad", words)
            }
        };
        Self { class, words }
    }
}

struct Body<'a> {
    status: &'a Status,
    alarms: &'a [Alarm],
    summary: &'a Summary,
}

impl Display for Body<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Summary { class, words } = self.summary;
        writeln!(out, "<p class=\"sum {class}\">{}</p>", Escaped(words))?;
        if !self.alarms.is_empty() {
            out.write_str("<ul class=alarms>\n")?;
            for alarm in self.alarms {
                let (class, word) = match alarm.level {
                    Level::Alarm => ("bad", "ALARM"),
                    Level::Notice => ("warn", "Notice"),
                };
                let text = Escaped(&alarm.text);
                writeln!(out, "<li class={class}><b>{word}</b> {text}</li>")?;
            }
            out.write_str("</ul>\n")?;
        }
        for service in &self.status.services {
            write_service(out, service)?;
        }
        write_events(out, &self.status.latest_events)
    }
}

fn write_service(out: &mut Formatter<'_>, service: &ServiceStatus) -> fmt::Result {
    let persistence = match service.persistence {
        Some(seconds) => format!(", persistent {seconds} s"),
        None => String::new(),
    };
    let fail_open = match service.fail_open {
        true => " <span class=\"tag bad\">fail open</span>",
        false => "",
    };
    writeln!(
        out,
        "<section>\n<h2>{} <small>{} {}{persistence}</small>{fail_open}</h2>",
        Escaped(&service.name),
        Escaped(&service.key),
        Escaped(&service.scheduler)
    )?;
    for server in &service.servers {
        write_server(out, &service.name, server)?;
    }
    for foreign in &service.foreign {
        let foreign = Escaped(foreign);
        writeln!(
            out,
            "<p class=foreign>{foreign} is somebody else's destination, left alone</p>"
        )?;
    }
    out.write_str("</section>\n")
}

fn write_server(out: &mut Formatter<'_>, service: &str, server: &ServerStatus) -> fmt::Result {
    let (name, address) = (Escaped(&server.name), Escaped(&server.address));
    let (class, health) = health_tag(&server.health);
    let kernel = Weight(server.weight_kernel);
    writeln!(
        out,
        "<div class=server>\n<dl class=facts>\n\
         <div class=name>{name} <span class=\"tag {class}\">{health}</span>{} <small>{address}</small></div>\n\
         <div><dt>kernel weight</dt><dd>{kernel}</dd></div>\n\
         <div><dt>wanted</dt><dd>{}</dd></div>\n\
         <div><dt>active</dt><dd>{}</dd></div>\n\
         <div><dt>inactive</dt><dd>{}</dd></div>\n</dl>",
        Wish(server.wish.as_ref()),
        server.weight_wanted,
        server.active,
        server.inactive
    )?;
    if server.checks.is_empty() {
        out.write_str("<p class=check>No check has answered yet.</p>\n")?;
    }
    let is_well = |verdict: &Value| verdict["condition"] == "healthy";
    let mut checks: Vec<_> = server.checks.iter().collect();
    checks.sort_by_key(|(_, verdict)| is_well(verdict));
    for (check, verdict) in checks {
        let id = format!("{service}/{}/{check}", server.name);
        write_check(out, server, check, verdict, &id)?;
    }
    out.write_str("</div>\n")
}

fn health_tag(health: &str) -> (&'static str, Escaped<&str>) {
    let class = match health {
        "up" => "good",
        "down" => "bad",
        "maintenance" => "warn",
        _ => "dull",
    };
    (class, Escaped(health))
}

struct Weight(Option<u32>);

impl Display for Weight {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(weight) => write!(out, "{weight}"),
            None => out.write_str("not there"),
        }
    }
}

/// What the operator set by hand.
struct Wish<'a>(Option<&'a WishStatus>);

impl Display for Wish<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some(WishStatus::Weight(0)) => {
                out.write_str(" <span class=\"tag warn\">drained by hand</span>")
            }
            Some(WishStatus::Weight(weight)) => {
                write!(out, " <span class=\"tag warn\">by hand: {weight}</span>")
            }
            Some(stand) => write!(out, " <span class=\"tag warn\">{}</span>", stand.words()),
        }
    }
}

fn write_check(
    out: &mut Formatter<'_>,
    server: &ServerStatus,
    check: &str,
    verdict: &Value,
    id: &str,
) -> fmt::Result {
    let condition = verdict["condition"].as_str().unwrap_or("unknown");
    let class = match condition {
        "healthy" => "good",
        "failed" => "bad",
        "unknown" => "dull",
        _ => "warn",
    };
    let stale = match server.stale.iter().any(|stale| stale == check) {
        true => " <span class=\"tag bad\">stale</span>",
        false => "",
    };
    let age = server.ages.get(check).copied().unwrap_or_default();
    writeln!(
        out,
        "<details class=check data-id=\"{}\"><summary><span class=\"tag {class}\">{}</span>{stale} \
         <b>{}</b>: {} <small>{} ago</small></summary>\n<ul>",
        Escaped(id),
        Escaped(condition),
        Escaped(check),
        Escaped(verdict["summary"].as_str().unwrap_or("no summary")),
        Age(age)
    )?;
    for line in more(verdict) {
        writeln!(out, "<li>{}</li>", Escaped(line))?;
    }
    out.write_str("</ul></details>\n")
}

/// What a verdict has beside its summary, line by line.
fn more(verdict: &Value) -> Vec<String> {
    let kind = verdict["kind"].as_str().unwrap_or("?");
    let mut lines = vec![format!("kind: {kind}")];
    let of = |key: &str| verdict[key].as_array().into_iter().flatten();
    lines.extend(of("details").filter_map(Value::as_str).map(str::to_owned));
    let advisories = of("advisories").filter_map(|found| found["summary"].as_str());
    lines.extend(advisories.map(|summary| format!("advice: {summary}")));
    let facts = verdict["facts"].as_object().into_iter().flatten();
    lines.extend(facts.map(|(name, fact)| format!("{name}: {}", fact.as_str().unwrap_or("?"))));
    let measured = of("perfdata").filter_map(|value| {
        let (label, number) = (value["label"].as_str()?, value["value"].as_f64()?);
        let unit = value["unit"].as_str().unwrap_or_default();
        Some(format!("{label} = {}{unit}", (number * 1e4).round() / 1e4))
    });
    let measured: Vec<String> = measured.collect();
    lines.extend((!measured.is_empty()).then(|| measured.join(", ")));
    lines
}

struct Age(f64);

impl Display for Age {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let seconds = self.0;
        match seconds {
            ..120.0 => write!(out, "{seconds:.0} s"),
            120.0..7200.0 => write!(out, "{:.0} min", seconds / 60.0),
            7200.0..172_800.0 => write!(out, "{:.0} h", seconds / 3600.0),
            _ => write!(out, "{:.0} days", seconds / 86_400.0),
        }
    }
}

fn write_events(out: &mut Formatter<'_>, events: &[LatestEvent]) -> fmt::Result {
    if events.is_empty() {
        return Ok(());
    }
    out.write_str("<section>\n<h2>Latest events</h2>\n<table>\n")?;
    for event in events.iter().rev() {
        let about: Vec<&str> = [&event.service, &event.server]
            .into_iter()
            .filter_map(|name| name.as_deref())
            .collect();
        let about = match about.as_slice() {
            [] => String::new(),
            names => format!("{}: ", names.join("/")),
        };
        writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}{}</td></tr>",
            Escaped(&event.ts),
            Escaped(event.event.replace('_', " ")),
            Escaped(about),
            Escaped(&event.reason)
        )?;
    }
    out.write_str("</table>\n</section>\n")
}

struct Footer<'a>(&'a Status);

impl Display for Footer<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let status = self.0;
        write!(
            out,
            "governess {} has run for {}; backend {}, configuration {}. \
             <a href=\"/status.json\">status.json</a> <a href=\"/metrics\">metrics</a> \
             <a href=\"/healthz\">healthz</a>",
            env!("CARGO_PKG_VERSION"),
            Age(status.uptime),
            Escaped(&status.backend),
            Escaped(&status.config_digest)
        )
    }
}
