//! `keepalived.conf(5)` for the two directors of a pair: keepalived elects the holder of all
//! addresses, and nothing else. The table of IPVS stays ours.
//!
//! The same text serves both directors: both begin as backup with the same priority, so that
//! nothing moves without a reason, and the reasons come from the score file and the script.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use crate::coupling::vrrp::INSTANCE;
use crate::setup::WantedAddress;

/// What both directors start with. The score takes 50 away, a hook that hangs 60: a director whose
/// hook hangs is worse than one that lost a link, and either still serves if it is the only one.
const PRIORITY: u8 = 100;
const HUNG: i16 = -60;

/// So many failures in a row, as many seconds apart: the table serves without us, so there is no
/// hurry, and a restart of governess on the active director must not cut every session. keepalived
/// starts a run every interval, whether the one before has ended or not (2.2.7), so a hook that
/// hangs is found one `PATIENCE` later than one that has ended.
const FALL: u8 = 5;
const INTERVAL: u8 = 2;

/// Seconds that the script waits for an answer: a loaded director answers late, and is not hung.
const PATIENCE: u8 = 3;

/// What a pair's file says.
#[derive(Clone, Debug)]
pub struct Vrrp {
    /// Where the directors hear each other.
    pub interface: String,
    /// The virtual router id (RFC 5798 section 5.2.3).
    pub router_id: u8,
    /// The addresses that move together.
    pub addresses: Vec<WantedAddress>,
    /// The track file with this director's score.
    pub score_file: PathBuf,
    /// Where keepalived tells its states.
    pub fifo: Option<PathBuf>,
    /// The interface of the sync daemon, where one is wanted.
    pub sync: Option<String>,
    /// Where `check_director` is installed.
    pub check_director: PathBuf,
    /// The control socket that it asks.
    pub control: PathBuf,
}

/// Why there is no such file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "VRRP needs an IPv4 address on {interface} that moves; addresses of IPv6 go with it, and none \
     of IPv4 is configured there: give a service a vip of IPv4"
)]
pub struct NothingToElectBy {
    interface: String,
}

/// The whole file.
///
/// # Errors
/// No IPv4 address is there to elect a holder by.
pub fn text(vrrp: &Vrrp) -> Result<String, NothingToElectBy> {
    let (elected, along): (Vec<_>, Vec<_>) = vrrp.addresses.iter().partition(|wanted| {
        wanted.interface == vrrp.interface && matches!(wanted.address, IpNet::V4(_))
    });
    if elected.is_empty() {
        let interface = vrrp.interface.clone();
        return Err(NothingToElectBy { interface });
    }
    let mut text = String::from(
        "# keepalived for one of two directors, the same file on both: it elects the holder of all\n\
         # addresses. The table of IPVS, the marks and the checks are governess's, on both, always.\n\n",
    );
    text += &global(vrrp);
    text += &scores(vrrp);
    text += &instance(vrrp, &elected, &along);
    Ok(text)
}

fn global(vrrp: &Vrrp) -> String {
    let mut lines = vec![
        "enable_script_security".to_owned(),
        "script_user root".to_owned(),
        "# Announced again every minute: after a split, nobody else would tell the switches."
            .to_owned(),
        // After a split both had announced the addresses; who hears the loser last must not wait
        // for the second announcement of the winner as long as the default of 5 s.
        "vrrp_garp_master_delay 1".to_owned(),
        "vrrp_garp_master_refresh 60".to_owned(),
        "vrrp_garp_master_refresh_repeat 2".to_owned(),
        "vrrp_garp_lower_prio_repeat 2".to_owned(),
    ];
    if let Some(fifo) = &vrrp.fifo {
        lines.push(format!("vrrp_notify_fifo {}", quoted(fifo)));
    }
    if let Some(interface) = &vrrp.sync {
        lines.push(format!(
            "lvs_sync_daemon {interface} {INSTANCE} id {}",
            vrrp.router_id
        ));
    }
    block("global_defs", &lines) + "\n"
}

fn scores(vrrp: &Vrrp) -> String {
    let file = [
        format!("file {}", quoted(&vrrp.score_file)),
        "weight 1".to_owned(),
    ];
    let script = [
        format!(
            "script \"{} --fresh -m keepalived -t {PATIENCE} --socket {}\"",
            vrrp.check_director.display(),
            vrrp.control.display()
        ),
        format!("interval {INTERVAL}"),
        format!("timeout {}", PATIENCE + 1),
        format!("fall {FALL}"),
        "rise 2".to_owned(),
        format!("weight {HUNG}"),
    ];
    format!(
        "# 0, or -50 while this director itself is unfit; the servers' health never enters.\n{}\n\
         # Whether governess still comes to verdicts here.\n{}\n",
        block("track_file governess_score", &file),
        block("vrrp_script governess_fresh", &script)
    )
}

fn instance(vrrp: &Vrrp, elected: &[&WantedAddress], along: &[&WantedAddress]) -> String {
    let mut text = format!("vrrp_instance {INSTANCE} {{\n");
    for line in [
        "state BACKUP".to_owned(),
        format!("interface {}", vrrp.interface),
        format!("virtual_router_id {}", vrrp.router_id),
        format!("priority {PRIORITY}"),
        "advert_int 1".to_owned(),
    ] {
        let _ = writeln!(text, "    {line}");
    }
    text += &nested("track_script", &["governess_fresh".to_owned()]);
    text += &nested("track_file", &["governess_score weight 1".to_owned()]);
    let lines = |addresses: &[&WantedAddress]| -> Vec<String> {
        addresses.iter().map(|wanted| address(wanted)).collect()
    };
    text += &nested("virtual_ipaddress", &lines(elected));
    if !along.is_empty() {
        text += &nested("virtual_ipaddress_excluded", &lines(along));
    }
    text + "}\n"
}

fn address(wanted: &WantedAddress) -> String {
    let purpose = shared::text::one_line(&wanted.purpose);
    format!("{} dev {}  # {purpose}", wanted.address, wanted.interface)
}

fn block(head: &str, lines: &[String]) -> String {
    let body: String = lines.iter().map(|line| format!("    {line}\n")).collect();
    format!("{head} {{\n{body}}}\n")
}

fn nested(head: &str, lines: &[String]) -> String {
    let inner = block(head, lines);
    inner.lines().map(|line| format!("    {line}\n")).collect()
}

fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display())
}
