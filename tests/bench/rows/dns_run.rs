//! One run of `check_ad_dns` against one of `check_dig` and one of `check_dns`, for the same name
//! of the same BIND.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use tempfile::TempDir;

use super::plugin_run::{beside_this, expect};
use super::{Measured, Quantity, Target, Unit};
use crate::Outcome;
use crate::measure::{Program, Time, bind_to_one_core, interleaved, rounds};
use crate::origin::package_version;

const TIMED: usize = 200;

/// Where BIND listens, in a network of its own: `check_dns` knows no other port.
const SERVER: &str = "127.0.0.1";
const PORT: u16 = 53;

const NAME: &str = "ex1.exch.test";
const ADDRESS: &str = "192.0.2.11";

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn against_dig() -> Outcome<Measured> {
    let arguments = ["-H", SERVER, "-l", NAME, "-a", ADDRESS];
    measure(
        Program::new("/usr/lib/nagios/plugins/check_dig", &arguments),
        ("check_dig", "DNS OK", "monitoring-plugins-standard"),
        1.0,
        "check_dig starts dig, which asks one question (A); check_ad_dns asks two (A, AAAA).",
    )
}

pub(crate) fn against_check_dns() -> Outcome<Measured> {
    let arguments = ["-H", NAME, "-s", SERVER, "-a", ADDRESS];
    measure(
        Program::new("/usr/lib/nagios/plugins/check_dns", &arguments),
        ("check_dns", "DNS OK", "monitoring-plugins-standard"),
        0.5,
        "check_dns starts nslookup, which asks for A and AAAA, as check_ad_dns does.",
    )
}

fn measure(
    peer: Program,
    (called, beginning, package): (&str, &str, &str),
    at_most: f64,
    remark: &str,
) -> Outcome<Measured> {
    bind_to_one_core()?;
    let _bind = Bind::start()?;
    let arguments = ["-H", NAME, "-s", SERVER, "-a", ADDRESS];
    let ours = Program::new(beside_this("check_ad_dns")?, &arguments);
    expect(&ours, "AD_DNS OK")?;
    expect(&peer, beginning)?;
    let times = interleaved(TIMED, || ours.time(), || peer.time())?;
    let seconds = |name: &str, quantity: fn(&Time) -> f64| Quantity {
        name: name.to_owned(),
        unit: Unit::Seconds,
        target: Target::RatioAtMost(at_most),
        rounds: rounds(&times, quantity),
    };
    Ok(Measured {
        ours: format!(
            "one run of check_ad_dns {}, from start to end",
            arguments.join(" ")
        ),
        peer: format!("{called} ({})", package_version(package)?),
        remarks: vec![
            remark.to_owned(),
            format!(
                "The server is BIND ({}), on the same core; the CPU time of what a plugin starts \
                 counts as its own.",
                package_version("bind9")?
            ),
        ],
        quantities: vec![
            seconds("CPU time", |time| time.cpu.as_secs_f64()),
            seconds("wall time", |time| time.wall.as_secs_f64()),
        ],
    })
}

/// BIND with one zone; it ends with this value.
struct Bind {
    child: Child,
    _folder: TempDir,
}

impl Bind {
    /// Starts it in a new network, in which this thread stays.
    fn start() -> Outcome<Self> {
        unshare(CloneFlags::CLONE_NEWNET)?;
        let up = Command::new("ip")
            .args(["link", "set", "lo", "up"])
            .status()?;
        if !up.success() {
            return Err("ip link set lo up failed".into());
        }
        let folder = tempfile::tempdir()?;
        let zone = format!(
            "$TTL 1200\n@ SOA dc1 hostmaster 1 3600 600 86400 600\n@ NS dc1\ndc1 A 192.0.2.5\n\
             ex1 A {ADDRESS}\n"
        );
        std::fs::write(folder.path().join("zone"), zone)?;
        let at = folder.path().display();
        let configuration = format!(
            "options {{ directory \"{at}\"; pid-file \"{at}/pid\"; session-keyfile \"{at}/key\"; \
             listen-on port {PORT} {{ {SERVER}; }}; listen-on-v6 {{ none; }}; recursion no; \
             dnssec-validation no; }};\ncontrols {{ }};\n\
             zone \"exch.test\" {{ type primary; file \"zone\"; }};\n"
        );
        let file = folder.path().join("named.conf");
        std::fs::write(&file, configuration)?;
        let child = Command::new("named")
            .args(["-f", "-c"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut bind = Self {
            child,
            _folder: folder,
        };
        let started = Instant::now();
        while TcpStream::connect((SERVER, PORT)).is_err() {
            if started.elapsed() > PATIENCE || bind.child.try_wait()?.is_some() {
                return Err("BIND does not listen".into());
            }
            sleep(Duration::from_millis(20));
        }
        Ok(bind)
    }
}

impl Drop for Bind {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
