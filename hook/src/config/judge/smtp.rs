//! Judges `smtp = { … }`.

use std::fmt::Display;
use std::str::FromStr;

use plugins::smtp::{NamedPort, Options, Ports, ProxyVersion};
use toml::{Spanned, Value};

use super::super::Probe;
use super::super::fault::Fault;
use super::super::file::{self, Placed};
use super::check::certificate;
use super::word;

pub(super) fn judge(written: &Spanned<file::Smtp>, faults: &mut Vec<Fault>) -> Probe {
    let span = written.span();
    let written = written.as_ref();
    let options = Options {
        ports: ports(&written.ports, faults),
        ehlo: parsed(faults, "ehlo", &written.ehlo),
        sni: parsed(faults, "sni", &written.sni),
        certificate_days: certificate(&written.certificate, faults),
        proxy_protocol: match word(
            faults,
            "proxy_protocol",
            &written.proxy_protocol,
            &["", "v1", "v2"],
            "",
        ) {
            "v1" => Some(ProxyVersion::V1),
            "v2" => Some(ProxyVersion::V2),
            _ => None,
        },
        ..Options::default()
    };
    if let Some(why) = options.contradiction() {
        faults.push(Fault::at(span, format!("smtp: {why}")));
    }
    Probe::Smtp(options)
}

/// Numbers, or texts such as `"465/tls"`.
fn ports(written: &Placed<Vec<Spanned<Value>>>, faults: &mut Vec<Fault>) -> Ports {
    let Some(list) = written else {
        return Ports::default();
    };
    let mut named = Vec::new();
    for entry in list.as_ref() {
        match port(entry.as_ref()) {
            Ok(port) => named.push(port),
            Err(why) => {
                faults.push(Fault::at(entry.span(), format!("ports: {why}")));
            }
        }
    }
    if list.as_ref().is_empty() {
        let fault = Fault::at(list.span(), "ports is empty");
        faults.push(fault.suggest("write ports = [25, 587, 2525], or leave it out"));
    }
    Ports::new(&named).unwrap_or_else(|why| {
        faults.push(Fault::at(list.span(), format!("ports: {why}")));
        Ports::default()
    })
}

fn port(written: &Value) -> Result<NamedPort, String> {
    match written {
        Value::Integer(number) => number.to_string().parse(),
        Value::String(text) => text.parse(),
        _ => Err("expected a number, or a text such as \"465/tls\"".to_owned()),
    }
}

fn parsed<T: FromStr<Err: Display>>(
    faults: &mut Vec<Fault>,
    key: &str,
    written: &Placed<String>,
) -> Option<T> {
    let written = written.as_ref()?;
    match written.as_ref().parse() {
        Ok(value) => Some(value),
        Err(why) => {
            faults.push(Fault::at(written.span(), format!("{key}: {why}")));
            None
        }
    }
}
