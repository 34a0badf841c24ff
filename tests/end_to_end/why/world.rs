//! Two servers that look like Exchange, and a director with a table in memory.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take on a machine under load.
const PATIENCE: Duration = Duration::from_secs(180);

/// A program that ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A cluster on two loopback addresses of its own, and its director.
pub(crate) struct World {
    _folder: tempfile::TempDir,
    config: PathBuf,
    network: u8,
    servers: Vec<Running>,
    _director: Running,
}

impl World {
    /// Both servers healthy, and judged so; `network` is the third number of their addresses.
    pub(crate) fn healthy(network: u8) -> Self {
        let servers = (1..=2).map(|host| server(network, host)).collect();
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("governess.toml");
        std::fs::write(&config, configuration(folder.path(), network)).unwrap();
        let mut command = Command::new(program("governess"));
        command.arg("run").arg("-c").arg(&config);
        command.stderr(Stdio::null()).process_group(0);
        let director = Running(command.spawn().unwrap());
        let world = Self {
            _folder: folder,
            config,
            network,
            servers,
            _director: director,
        };
        world.until("both servers are up", |status| {
            (0..2).all(|at| status["services"][0]["servers"][at]["health"] == "up")
        });
        world
    }

    /// Has a service of ex1 take on a behaviour.
    pub(crate) fn switch(&self, service: &str, behaviour: &str) {
        let control = format!("127.81.{}.1:4000", self.network);
        let mut stream = TcpStream::connect(control).unwrap();
        writeln!(stream, "{service} {behaviour}").unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        assert_eq!(answer, "ok\n", "{service} {behaviour}");
    }

    /// ex1 is switched off: nothing listens there any more.
    pub(crate) fn switch_off(&mut self) {
        self.servers.remove(0);
    }

    /// Waits until a check finds this kind on ex1, and ex1 is in that health.
    pub(crate) fn until_found(&self, check: &str, kind: &str, health: &str) {
        self.until(&format!("{check} finds {kind}"), |status| {
            let ex1 = &status["services"][0]["servers"][0];
            ex1["checks"][check]["kind"] == kind && ex1["health"] == health
        });
    }

    /// Waits until a check has an advisory finding of this kind on ex1, which serves all the same.
    pub(crate) fn until_advised(&self, check: &str, kind: &str) {
        self.until(&format!("{check} advises {kind}"), |status| {
            let ex1 = &status["services"][0]["servers"][0];
            ex1["checks"][check]["advisories"][0]["kind"] == kind && ex1["health"] == "up"
        });
    }

    fn until(&self, what: &str, seen: impl Fn(&Value) -> bool) {
        let begun = Instant::now();
        loop {
            let status = serde_json::from_slice(&self.call(&["status", "--json"]).stdout);
            let status: Value = status.unwrap_or(Value::Null);
            if seen(&status) {
                return;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "{what}: not within {PATIENCE:?}: {status:#}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What the operator reads.
    pub(crate) fn why(&self) -> String {
        let output = self.call(&["why", "ex1"]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn call(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(program("governess"));
        command.arg("-c").arg(&self.config).args(arguments);
        command.output().unwrap()
    }
}

fn server(network: u8, host: u8) -> Running {
    let address = format!("127.81.{network}.{host}");
    let mut command = Command::new(program("exchange_lookalike"));
    command
        .args([
            "--address",
            &address,
            "--control",
            &format!("{address}:4000"),
        ])
        .args(["--name", &format!("EX{host}")]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let stdout = child.stdout.as_mut().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    assert!(line.starts_with("commands on"), "{line:?}: as root?");
    Running(child)
}

/// The original's checks, asked more often.
fn configuration(folder: &Path, network: u8) -> String {
    format!(
        r#"[director]
backend = "memory"
state_dir = "{folder}/state"
control = "{folder}/control.sock"

[checks.rdp]
x224 = {{ port = 3389, tls = true, certificate = "30,7" }}
interval = "1s"
retry_interval = "200ms"
stale_after = "120s"

[checks.mail]
smtp = {{ ports = [25, 587, 2525] }}
interval = "2s"
retry_interval = "200ms"
stale_after = "120s"

[checks.owa]
owa = {{ host = "mail.exch.test", vdirs = ["owa", "ews"], expect_server = "{{server}}" }}
interval = "1s"
retry_interval = "200ms"
stale_after = "120s"

[servers.ex1]
address = "127.81.{network}.1"

[servers.ex2]
address = "127.81.{network}.2"

[services.exchange]
fwmark = 80
servers = ["ex1", "ex2"]
checks = ["rdp", "mail", "owa"]
"#,
        folder = folder.display()
    )
}

/// A program of this build, which lies beside the folder of this test program.
fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = own.ancestors().nth(2).unwrap().join(name);
    assert!(
        path.exists(),
        "{} is missing: cargo build --workspace --bins first",
        path.display()
    );
    path
}
