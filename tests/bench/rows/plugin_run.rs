//! One run of `check_x224` against one of `check_tcp`, on the same port of the same server.

use std::env;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use lookalike::rdp::Rdp;

use super::{Measured, Quantity, Target, Unit};
use crate::Outcome;
use crate::measure::{Program, Time, bind_to_one_core, interleaved, rounds};
use crate::origin::package_version;

pub(super) const TIMED: usize = 400;
const WEIGHED: usize = 50;

/// Where the Debian package has it.
pub(super) const CHECK_TCP: &str = "/usr/lib/nagios/plugins/check_tcp";

pub(crate) fn measure() -> Outcome<Measured> {
    bind_to_one_core()?;
    let server = Rdp::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let port = server.address().port().to_string();
    let arguments = ["-H", "127.0.0.1", "-p", &port];
    let ours = Program::new(beside_this("check_x224")?, &arguments);
    let peer = Program::new(CHECK_TCP, &arguments);
    expect(&ours, "X224 OK")?;
    expect(&peer, "TCP OK")?;

    let times = interleaved(TIMED, || ours.time(), || peer.time())?;
    let memory = interleaved(WEIGHED, || ours.peak_memory(), || peer.peak_memory())?;
    let seconds = |name: &str, quantity: fn(&Time) -> f64| Quantity {
        name: name.to_owned(),
        unit: Unit::Seconds,
        target: Target::RatioAtMost(0.6),
        rounds: rounds(&times, quantity),
    };
    Ok(Measured {
        ours: "one run of check_x224 -H 127.0.0.1 -p PORT, from start to end".to_owned(),
        peer: format!(
            "check_tcp ({})",
            package_version("monitoring-plugins-basic")?
        ),
        remarks: vec![
            "check_tcp does less: it connects and closes. check_x224 sends an X.224 Connection \
             Request, and its wall time contains the work of the server, which is on the same core."
                .to_owned(),
        ],
        quantities: vec![
            seconds("CPU time", |time| time.cpu.as_secs_f64()),
            seconds("wall time", |time| time.wall.as_secs_f64()),
            Quantity {
                name: "peak memory".to_owned(),
                unit: Unit::Bytes,
                target: Target::RatioAtMost(1.0),
                rounds: rounds(&memory, |bytes| *bytes as f64),
            },
        ],
    })
}

/// A binary of the same build as this one.
pub(crate) fn beside_this(name: &str) -> Outcome<std::path::PathBuf> {
    let this = env::current_exe()?;
    Ok(this.parent().unwrap_or(Path::new("")).join(name))
}

/// What is timed must be a run that succeeds in what it is for.
pub(super) fn expect(program: &Program, beginning: &str) -> Outcome {
    let said = program.output()?;
    if said.starts_with(beginning) {
        return Ok(());
    }
    Err(format!("expected {beginning} from {program:?}, it says: {said}").into())
}
