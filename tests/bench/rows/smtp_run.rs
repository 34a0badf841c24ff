//! One run of `check_exchange_smtp` on one port against one of `check_smtp`, in plaintext and over
//! STARTTLS, on the same look-alike.

use std::net::{Ipv4Addr, SocketAddr};

use lookalike::smtp::{Connector, Smtp};

use super::plugin_run::{beside_this, expect};
use super::{Measured, Quantity, Target, Unit};
use crate::Outcome;
use crate::measure::{Program, Time, bind_to_one_core, interleaved, rounds};
use crate::origin::package_version;

const TIMED: usize = 200;

/// Where the Debian package has it.
const CHECK_SMTP: &str = "/usr/lib/nagios/plugins/check_smtp";

pub(crate) fn plain() -> Outcome<Measured> {
    measure("plain", &[])
}

pub(crate) fn starttls() -> Outcome<Measured> {
    measure("starttls", &["-S"])
}

fn measure(how: &str, theirs: &[&str]) -> Outcome<Measured> {
    bind_to_one_core()?;
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = Smtp::listen(anywhere, "ex1.exch.test", Connector::DefaultFrontend)?;
    let port = server.address().port().to_string();
    let named = format!("{port}/{how}");
    let ours = Program::new(
        beside_this("check_exchange_smtp")?,
        &["-H", "127.0.0.1", "-p", &named],
    );
    let peer = Program::new(
        CHECK_SMTP,
        &[&["-H", "127.0.0.1", "-p", &port], theirs].concat(),
    );
    expect(&ours, "EXCHANGE_SMTP OK")?;
    expect(&peer, "SMTP OK")?;

    let times = interleaved(TIMED, || ours.time(), || peer.time())?;
    let seconds = |name: &str, quantity: fn(&Time) -> f64| Quantity {
        name: name.to_owned(),
        unit: Unit::Seconds,
        target: Target::RatioAtMost(1.0),
        rounds: rounds(&times, quantity),
    };
    Ok(Measured {
        ours: format!("one run of check_exchange_smtp -H 127.0.0.1 -p PORT/{how}"),
        peer: format!(
            "check_smtp {} ({})",
            theirs.join(" "),
            package_version("monitoring-plugins-basic")?
        ),
        remarks: vec![
            "check_smtp does less: greeting, HELO (EHLO and STARTTLS with -S), QUIT. \
             check_exchange_smtp goes on to MAIL FROM and RSET. Both wall times contain the work \
             of the server, which is on the same core."
                .to_owned(),
        ],
        quantities: vec![
            seconds("CPU time", |time| time.cpu.as_secs_f64()),
            seconds("wall time", |time| time.wall.as_secs_f64()),
        ],
    })
}
