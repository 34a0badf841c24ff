//! What one check costs a director in processor time, counted over checks that reached the server.

use std::thread;
use std::time::Duration;

use super::{Measured, Quantity, Target, Unit};
use crate::Outcome;
use crate::beside::director::{Director, Who};
use crate::beside::farm::Farm;
use crate::beside::kernel::{Census, until};
use crate::beside::pool::{Ask, Pool};
use crate::origin::package_version;
use crate::statistics::Round;

const ROUNDS: usize = 7;
/// After all servers serve, until what was due meanwhile is done.
const PAUSE: Duration = Duration::from_secs(2);
/// What is counted.
const SPELL: Duration = Duration::from_secs(6);

pub(crate) fn against_tcp_check() -> Outcome<Measured> {
    measure(Ask::Tcp, 100, "tcp", "TCP_CHECK", 1.0, &[])
}

pub(crate) fn against_smtp_check() -> Outcome<Measured> {
    let remark = "SMTP_CHECK says HELO and QUIT. governess goes on to MAIL FROM and RSET, at most \
                  every 20 s on a port, and as far as EHLO in between, as its manual says.";
    measure(Ask::Smtp, 20, "smtp, plain", "SMTP_CHECK", 1.0, &[remark])
}

pub(crate) fn against_http_get() -> Outcome<Measured> {
    let remark = "HTTP_GET reads the whole page, governess as far as its status.";
    measure(Ask::Http, 100, "tcp, a request", "HTTP_GET", 1.0, &[remark])
}

pub(crate) fn against_ssl_get() -> Outcome<Measured> {
    let remark = "Both shake hands anew each time. governess verifies the chain and the name of the \
                  certificate besides, and reads the page's text; SSL_GET verifies nothing.";
    measure(Ask::Https, 20, "owa", "SSL_GET", 1.0, &[remark])
}

pub(crate) fn against_misc_check() -> Outcome<Measured> {
    let remark = "MISC_CHECK starts check_tcp of monitoring-plugins, a program in C, for each check; \
                  governess asks the same within its own process.";
    measure(Ask::Plugin, 10, "tcp", "MISC_CHECK", 0.1, &[remark])
}

fn measure(
    ask: Ask,
    servers: usize,
    ours: &str,
    theirs: &str,
    at_most: f64,
    remarks: &[&str],
) -> Outcome<Measured> {
    let farm = Farm::build(&[Who::Governess.place(), Who::Keepalived.place()])?;
    let pool = Pool {
        services: servers / 10,
        servers,
        ask,
        interval: 1,
    };
    let (ours_each, ours_all) = spells(&farm, Who::Governess, &pool)?;
    let (peer_each, peer_all) = spells(&farm, Who::Keepalived, &pool)?;
    let rounds = ours_each.into_iter().zip(peer_each);
    let rounds = rounds.map(|(ours, peer)| Round { ours, peer }).collect();
    let mut all = vec![format!(
        "{servers} servers, each asked once a second in spells of {} s; {ours_all} checks of \
         governess and {peer_all} of keepalived reached the servers. All that the processes do \
         meanwhile is counted, the programs that they start too. In the kernel lab, one director \
         after the other.",
        SPELL.as_secs(),
    )];
    all.extend(remarks.iter().map(|remark| (*remark).to_owned()));
    Ok(Measured {
        ours: format!("governess, one check ({ours})"),
        peer: format!(
            "keepalived, one {theirs} ({})",
            package_version("keepalived")?
        ),
        remarks: all,
        quantities: vec![Quantity {
            name: "CPU time".to_owned(),
            unit: Unit::Seconds,
            target: Target::RatioAtMost(at_most),
            rounds,
        }],
    })
}

/// Starts a director and waits until all servers serve and the first checks are behind it.
fn begin(who: Who, pool: &Pool) -> Outcome<Director> {
    let director = Director::start(who, &who.config(pool, |_| 1))?;
    let right = Census {
        services: pool.services,
        destinations: pool.servers,
        weight: pool.servers as u64,
    };
    let found = until(Duration::from_secs(60), || {
        Ok(Census::of(director.pid())? == right)
    })?;
    if found.is_none() {
        return Err(format!("{who:?} has not begun well: {}", director.said()).into());
    }
    thread::sleep(PAUSE);
    Ok(director)
}

/// Seconds of processor time a check in each of some spells, and how many checks those were.
fn spells(farm: &Farm, who: Who, pool: &Pool) -> Outcome<(Vec<f64>, u64)> {
    let director = begin(who, pool)?;
    let (mut each, mut all) = (Vec::new(), 0);
    for _ in 0..ROUNDS {
        let (cpu, checks) = (director.cpu()?, farm.checks(pool.ask));
        thread::sleep(SPELL);
        let (cpu, checks) = (director.cpu()? - cpu, farm.checks(pool.ask) - checks);
        if checks == 0 {
            return Err(format!("no check reached the servers: {}", director.said()).into());
        }
        each.push(cpu.as_secs_f64() / checks as f64);
        all += checks;
    }
    Ok((each, all))
}
