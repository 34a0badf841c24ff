//! One run of `check_owa` against one of `check_curl -S` and of `check_http -S`: the same page of
//! the same server, over TLS.

use std::net::{Ipv4Addr, SocketAddr};

use lookalike::certificate::Wish;
use lookalike::iis::Iis;

use super::plugin_run::{beside_this, expect};
use super::{Measured, Quantity, Target, Unit};
use crate::Outcome;
use crate::measure::{Program, Time, bind_to_one_core, interleaved, rounds};
use crate::origin::package_version;

const TIMED: usize = 200;
const HOST: &str = "mail.exch.test";
/// Where the Debian packages have the peers.
const PLUGINS: &str = "/usr/lib/nagios/plugins";

/// It reads the authorities of the machine at each start, and asks for no more than ours.
pub(crate) fn against_check_curl() -> Outcome<Measured> {
    against("check_curl", "monitoring-plugins-standard", 0.7)
}

/// It verifies nothing and reads no authorities.
pub(crate) fn against_check_http() -> Outcome<Measured> {
    against("check_http", "monitoring-plugins-basic", 1.0)
}

fn against(peer: &str, package: &str, at_most: f64) -> Outcome<Measured> {
    bind_to_one_core()?;
    let certificate = Wish::of(HOST).issue()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = Iis::listen(address, "ex1.exch.test", certificate)?;
    let port = server.address().port().to_string();
    let ours = ["-H", "127.0.0.1", "-p", &port, "--sni", HOST];
    let ours = Program::new(beside_this("check_owa")?, &ours);
    let page = "/owa/healthcheck.htm";
    let peers = [
        "-S",
        "--sni",
        "-H",
        HOST,
        "-I",
        "127.0.0.1",
        "-p",
        &port,
        "-u",
        page,
    ];
    let named = Program::new(format!("{PLUGINS}/{peer}"), &peers);
    expect(&ours, "OWA OK")?;
    expect(&named, "HTTP OK")?;

    let times = interleaved(TIMED, || ours.time(), || named.time())?;
    let seconds = |name: &str, quantity: fn(&Time) -> f64| Quantity {
        name: name.to_owned(),
        unit: Unit::Seconds,
        target: Target::RatioAtMost(at_most),
        rounds: rounds(&times, quantity),
    };
    Ok(Measured {
        ours: "one run of check_owa -H 127.0.0.1 -p PORT, from start to end".to_owned(),
        peer: format!("{peer} -S ({})", package_version(package)?),
        remarks: vec![
            "check_owa is two programs, the second one with OpenSSL, and looks at the chain of \
             certificates besides; the look-alike server is on the same core."
                .to_owned(),
        ],
        quantities: vec![
            seconds("CPU time", |time| time.cpu.as_secs_f64()),
            seconds("wall time", |time| time.wall.as_secs_f64()),
        ],
    })
}
