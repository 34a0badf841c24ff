//! One run of `check_x224 --tls` against one of `check_tcp -S`: both as far as the end of a TLS
//! handshake with the same server.

use std::net::{Ipv4Addr, SocketAddr};

use lookalike::rdp::{Behaviour, Rdp};

use super::plugin_run::{CHECK_TCP, TIMED, beside_this, expect};
use super::{Measured, Quantity, Target, Unit};
use crate::Outcome;
use crate::measure::{Program, Time, bind_to_one_core, interleaved, rounds};
use crate::origin::package_version;

pub(crate) fn measure() -> Outcome<Measured> {
    bind_to_one_core()?;
    let ours = program(beside_this("check_x224")?, Behaviour::Selects(1), "--tls")?;
    let peer = program(CHECK_TCP.into(), Behaviour::TlsAtOnce, "-S")?;
    expect(&ours, "X224 OK")?;
    expect(&peer, "TCP OK")?;

    let times = interleaved(TIMED, || ours.time(), || peer.time())?;
    let seconds = |name: &str, quantity: fn(&Time) -> f64| Quantity {
        name: name.to_owned(),
        unit: Unit::Seconds,
        target: Target::RatioAtMost(1.0),
        rounds: rounds(&times, quantity),
    };
    Ok(Measured {
        ours: "one run of check_x224 -H 127.0.0.1 -p PORT --tls, both programs, from start to end"
            .to_owned(),
        peer: format!(
            "check_tcp -S ({})",
            package_version("monitoring-plugins-basic")?
        ),
        remarks: vec![
            "Both shake hands with one server and key (RSA of 2048 bits), check_tcp by the shared \
             OpenSSL, check_x224 by the same release linked into its second program; the wall \
             time of both contains the server's work, which is on the same core. check_x224 asks \
             in X.224 first and reads the certificate."
                .to_owned(),
        ],
        quantities: vec![
            seconds("CPU time", |time| time.cpu.as_secs_f64()),
            seconds("wall time", |time| time.wall.as_secs_f64()),
        ],
    })
}

/// `path` on a server of its own that behaves so.
fn program(path: std::path::PathBuf, behaviour: Behaviour, option: &str) -> Outcome<Program> {
    let server = Rdp::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    server.behave(behaviour)?;
    let port = server.address().port().to_string();
    Ok(Program::new(
        path,
        &["-H", "127.0.0.1", "-p", &port, option],
    ))
}
