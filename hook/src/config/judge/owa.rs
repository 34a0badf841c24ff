//! Judges `owa = { … }`.

use plugins::owa::{Certificate, Options, PORT, Vdir};
use shared::tls::Expected;
use toml::Spanned;

use super::super::Probe;
use super::super::fault::Fault;
use super::super::file::{self, Placed};
use super::check::certificate;
use super::number;

pub(super) fn judge(written: &Spanned<file::Owa>, faults: &mut Vec<Fault>) -> Probe {
    let host = host(written, faults);
    let written = written.as_ref();
    let expect_server = written
        .expect_server
        .as_ref()
        .map(|name| name.as_ref().clone());
    Probe::Owa {
        port: number(faults, "port", &written.port, 1..=65535, PORT),
        options: Options {
            vdirs: vdirs(&written.vdirs, faults),
            certificate: Certificate {
                name: Expected::host(&host),
                days: certificate(&written.certificate, faults),
                require_trust: written
                    .require_trust
                    .as_ref()
                    .is_some_and(|wanted| *wanted.as_ref()),
            },
            sni: Some(host.clone()),
            http_host: host,
            expect_server,
            ..Options::default()
        },
    }
}

/// The name that clients use: what the TLS handshake asks for, and the `Host` header.
fn host(owa: &Spanned<file::Owa>, faults: &mut Vec<Fault>) -> String {
    let Some(written) = &owa.as_ref().host else {
        faults.push(
            Fault::at(
                owa.span(),
                "owa without host: the name that clients use is asked for",
            )
            .suggest("add host = \"mail.example.test\""),
        );
        return String::new();
    };
    let name = written.as_ref();
    if !plugins::owa::is_host_name(name) {
        let message = format!("host = \"{name}\" is not a host name");
        let fault = Fault::at(written.span(), message);
        faults.push(fault.suggest("such as \"mail.example.test\""));
    }
    name.clone()
}

fn vdirs(written: &Placed<Vec<Spanned<String>>>, faults: &mut Vec<Fault>) -> Vec<Vdir> {
    let Some(list) = written else {
        return vec![Vdir::default()];
    };
    if list.as_ref().is_empty() {
        let fault = Fault::at(list.span(), "vdirs is empty");
        faults.push(fault.suggest("write vdirs = [\"owa\"], or leave it out"));
    }
    let parsed = list.as_ref().iter().filter_map(|name| {
        let refused = |why| {
            let message = format!("vdirs: \"{}\": {why}", name.as_ref());
            faults.push(Fault::at(name.span(), message));
        };
        name.as_ref().parse().map_err(refused).ok()
    });
    parsed.collect()
}
