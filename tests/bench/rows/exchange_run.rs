//! One run of `check_exchange` on a whole server against one run each of the plugins that it takes
//! the place of, one after the other as a monitoring core's single service would run them.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use lookalike::certificate::Wish;
use lookalike::iis::Iis;
use lookalike::rdp::Rdp;
use lookalike::smtp::{Connector, Smtp};

use super::plugin_run::{beside_this, expect};
use super::{Measured, Quantity, Target, Unit};
use crate::Outcome;
use crate::measure::{Program, Time, bind_to_one_core, interleaved, rounds};
use crate::origin::package_version;

const TIMED: usize = 100;
const HOST: &str = "mail.exch.test";
/// The virtual directories that clients of mail use.
const VDIRS: [&str; 4] = ["owa", "ews", "mapi", "autodiscover"];
/// Where the Debian packages have the peers.
const PLUGINS: &str = "/usr/lib/nagios/plugins";

pub(crate) fn measure() -> Outcome<Measured> {
    bind_to_one_core()?;
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let rdp = Rdp::listen(anywhere)?.address().port().to_string();
    let iis = Iis::listen(anywhere, "ex1.exch.test", Wish::of(HOST).issue()?)?;
    let https = iis.address().port().to_string();
    let mut mail = Vec::new();
    for _ in 0..3 {
        // Without a tarpit, which the peers, who never say MAIL, would not wait for.
        let smtp = Smtp::listen(anywhere, "ex1.exch.test", Connector::DefaultFrontend)?;
        mail.push(smtp.address().port().to_string());
    }

    let mut words = vec!["-H", "127.0.0.1", "--owa-sni", HOST];
    words.extend(["--rdp-port", &rdp, "--owa-port", &https]);
    let named: Vec<String> = mail.iter().map(|port| format!("{port}/starttls")).collect();
    for vdir in VDIRS {
        words.extend(["--owa-vdir", vdir]);
    }
    for port in &named {
        words.extend(["--smtp-port", port]);
    }
    let ours = Program::new(beside_this("check_exchange")?, &words);
    expect(&ours, "EXCHANGE OK")?;

    let peers = peers(&rdp, &mail, &https);
    for (peer, beginning) in &peers {
        expect(peer, beginning)?;
    }
    let all_peers = || {
        let mut sum = Time {
            cpu: Duration::ZERO,
            wall: Duration::ZERO,
        };
        for (peer, _) in &peers {
            let Time { cpu, wall } = peer.time()?;
            sum.cpu += cpu;
            sum.wall += wall;
        }
        Ok(sum)
    };
    let times = interleaved(TIMED, || ours.time(), all_peers)?;
    let seconds = |name: &str, quantity: fn(&Time) -> f64| Quantity {
        name: name.to_owned(),
        unit: Unit::Seconds,
        target: Target::RatioAtMost(0.33),
        rounds: rounds(&times, quantity),
    };
    Ok(Measured {
        ours: "one run of check_exchange on RDP, three ports of mail and four virtual directories"
            .to_owned(),
        peer: format!(
            "check_tcp, check_smtp -S three times, check_http -S four times, in sequence ({})",
            package_version("monitoring-plugins-basic")?
        ),
        remarks: vec![
            "The peers do less: no X.224, no MAIL FROM. Both wall times contain the work of the \
             look-alike server, which is on the same core."
                .to_owned(),
        ],
        quantities: vec![
            seconds("CPU time", |time| time.cpu.as_secs_f64()),
            seconds("wall time", |time| time.wall.as_secs_f64()),
        ],
    })
}

/// Each with what it says of a server in health.
fn peers(rdp: &str, mail: &[String], https: &str) -> Vec<(Program, &'static str)> {
    let plugin = |name: &str, words: &[&str]| Program::new(format!("{PLUGINS}/{name}"), words);
    let mut peers = vec![(
        plugin("check_tcp", &["-H", "127.0.0.1", "-p", rdp]),
        "TCP OK",
    )];
    peers.extend(mail.iter().map(|port| {
        let words = ["-S", "-H", "127.0.0.1", "-p", port];
        (plugin("check_smtp", &words), "SMTP OK")
    }));
    let web = ["-S", "--sni", "-H", HOST, "-I", "127.0.0.1", "-p", https];
    peers.extend(VDIRS.map(|vdir| {
        let page = format!("/{vdir}/healthcheck.htm");
        let words = [&web[..], &["-u", &page]].concat();
        (plugin("check_http", &words), "HTTP OK")
    }));
    peers
}
