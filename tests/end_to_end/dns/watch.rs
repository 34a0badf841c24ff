//! `[watch.dns]` in a running director: told, shown, and without a say in the weights.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lookalike::dns::Dns;
use lookalike::rdp::Rdp;
use serde_json::Value;

use crate::asking::program;
use crate::place::PATIENCE;

/// A director on a table in memory; it ends with this value.
struct Director {
    configuration: PathBuf,
    child: Child,
    folder: tempfile::TempDir,
}

impl Director {
    fn run(text: impl Fn(&Path) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let configuration = folder.path().join("governess.toml");
        std::fs::write(&configuration, text(folder.path())).unwrap();
        let child = Command::new(program("governess"))
            .arg("run")
            .arg("-c")
            .arg(&configuration)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            configuration,
            child,
            folder,
        }
    }

    fn status(&self, options: &[&str]) -> String {
        let output = Command::new(program("governess"))
            .arg("status")
            .args(options)
            .arg("-c")
            .arg(&self.configuration)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Waits until the status says so.
    #[track_caller]
    fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) {
        let started = Instant::now();
        loop {
            let text = self.status(&["--json"]);
            let status: Value = serde_json::from_str(&text).unwrap_or_default();
            if is_so(&status) {
                return;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "{what} is never shown: {text}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn journal(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("events.jsonl")).unwrap()
    }
}

impl Drop for Director {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const GOOD: &str = "ex1.exch.test 1200 A 192.0.2.11";

fn serves(status: &Value) -> bool {
    status["services"][0]["servers"][0]["weight_kernel"] == 1
}

#[test]
fn the_private_address_is_alarmed_shown_and_written_down_and_the_weight_stays() {
    let rdp = Rdp::listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let dns = Dns::listen(SocketAddr::from(([127, 0, 0, 1], 0)), &["exch.test"], GOOD).unwrap();
    let (rdp_port, dns_at) = (rdp.address().port(), dns.address());
    let director = Director::run(|folder| {
        let folder = folder.display();
        format!(
            "[director]\nbackend = \"memory\"\nstate_dir = \"{folder}\"\n\
             control = \"{folder}/control.sock\"\n\
             [checks.rdp]\nx224 = {{ port = {rdp_port} }}\ninterval = \"200ms\"\ntimeout = \"10s\"\n\
             [servers.ex1]\naddress = \"127.0.0.1\"\n\
             [services.exchange]\nfwmark = 80\nservers = [\"ex1\"]\nchecks = [\"rdp\"]\n\
             [watch.dns]\ninterval = \"200ms\"\n\
             dns = {{ names = [\"ex1.exch.test\"], servers = [\"{dns_at}\"], \
             forbid = [\"10.0.1.0/24\"] }}\n"
        )
    });
    let watch = |status: &Value| status["watches"][0].clone();
    director.until("health", |status| {
        serves(status) && watch(status)["verdict"]["kind"] == "ok"
    });
    dns.load(1, &format!("{GOOD}\nex1.exch.test 1200 A 10.0.1.1"));
    director.until("the alarm", |status| {
        watch(status)["alarm"] == true && watch(status)["verdict"]["kind"] == "dns_forbidden"
    });
    let page = director.status(&[]);
    assert!(
        page.contains("ALARM dns: failed - ") && page.contains("10.0.1.0/24"),
        "{page}"
    );
    director.until("the weight", serves);
    dns.load(1, GOOD);
    director.until("the end of the alarm", |status| {
        watch(status)["alarm"] == false
    });
    let journal = director.journal();
    let told = journal
        .lines()
        .filter(|line| line.contains("\"event\":\"verdict\"") && line.contains("watch dns: "));
    assert_eq!(told.count(), 3, "well, ill, well: {journal}");
    assert!(!journal.contains("server_down"), "{journal}");
}
