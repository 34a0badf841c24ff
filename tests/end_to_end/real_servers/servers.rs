//! Starting real servers, and stopping them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(60);

/// Certificate, configuration and home of the servers of one test.
pub(crate) struct Folder {
    directory: TempDir,
}

impl Folder {
    /// Puts this thread, and what it starts from now on, into a new network namespace, in which
    /// every port is free and nobody from outside can reach a server.
    pub(crate) fn in_a_network_of_its_own() -> Self {
        unshare(CloneFlags::CLONE_NEWNET).expect("a new network namespace, as root");
        succeeds(Command::new("ip").args(["link", "set", "lo", "up"]));
        let directory = tempfile::tempdir().unwrap();
        let folder = Self { directory };
        let subject = "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=rs1.exch.test";
        succeeds(
            Command::new("openssl")
                .args(subject.split(' '))
                .arg("-keyout")
                .arg(folder.path("key.pem"))
                .arg("-out")
                .arg(folder.path("cert.pem")),
        );
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// A server, or what was one; it ends with this value.
pub(crate) struct Running {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    /// It is stopped (SIGSTOP) whenever it is asked, as a service that hangs.
    hangs: bool,
    child: Child,
}

impl Running {
    /// Starts a program in a process group of its own and waits until it listens.
    fn start(name: String, port: usize, command: &mut Command) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port).unwrap()));
        let mut running = Self {
            child: spawn(command.stdout(Stdio::null())),
            name,
            address,
            hangs: false,
        };
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = running.child.try_wait().unwrap();
            assert!(ended.is_none(), "{} ended: {ended:?}", running.name);
            assert!(
                started.elapsed() < PATIENCE,
                "{} does not listen",
                running.name
            );
            sleep(Duration::from_millis(20));
        }
        running
    }

    /// Asks it something in the state in which it is to be judged. Between questions a server that
    /// hangs is let go until it works off what has come: its kernel accepts only so many
    /// connections for it (xrdp: 3), and refuses to answer then.
    pub(crate) fn asked<T>(&self, question: impl FnOnce() -> T) -> T {
        if !self.hangs {
            return question();
        }
        self.signal(Signal::SIGSTOP);
        let answer = question();
        self.signal(Signal::SIGCONT);
        let started = Instant::now();
        while !self.answers() {
            assert!(
                started.elapsed() < PATIENCE,
                "{} does not come back",
                self.name
            );
        }
        answer
    }

    /// How many seconds it is given: one that never answers few, the others as many as a loaded
    /// machine may need.
    pub(crate) fn patience(&self) -> &'static str {
        if self.hangs { "2" } else { "60" }
    }

    /// Whether it says a word to a Connection Request.
    fn answers(&self) -> bool {
        let ask = || -> std::io::Result<()> {
            let mut connection = TcpStream::connect(self.address)?;
            connection.set_read_timeout(Some(Duration::from_secs(1)))?;
            connection.write_all(&plugins::x224::wire::CONNECTION_REQUEST)?;
            connection.read_exact(&mut [0; 11])
        };
        ask().is_ok()
    }

    fn signal(&self, signal: Signal) {
        // A group that has gone needs no signal.
        let _ = killpg(
            Pid::from_raw(i32::try_from(self.child.id()).unwrap()),
            signal,
        );
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

fn spawn(command: &mut Command) -> Child {
    command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| {
            let program = command.get_program().display();
            panic!("{program}: {error}; run tests/end_to_end/install-servers first")
        })
}

/// xrdp with a security layer, or in a state, of that name.
pub(crate) fn xrdp(folder: &Folder, which: &str, port: usize) -> Running {
    let layer = match which {
        "negotiate" | "rdp" => which,
        _ => "tls",
    };
    let certificate = match which {
        "no certificate" => folder.path("absent.pem"),
        _ => folder.path("cert.pem"),
    };
    let packaged = std::fs::read_to_string("/etc/xrdp/xrdp.ini")
        .expect("xrdp is installed: tests/end_to_end/install-servers");
    let set = |line: &str| match line.split_once('=').map(|(key, _)| key) {
        Some("port") => format!("port=tcp://127.0.0.1:{port}"),
        Some("security_layer") => format!("security_layer={layer}"),
        Some("certificate") => format!("certificate={}", certificate.display()),
        Some("key_file") => format!("key_file={}", folder.path("key.pem").display()),
        Some("LogFile") => format!("LogFile={}", folder.path("xrdp.log").display()),
        _ => line.to_owned(),
    };
    // Its first section is its own; the others are of sessions, which no check opens.
    let (own, sessions) = packaged.split_once("\n[Xorg]").unwrap_or((&packaged, ""));
    let own: Vec<String> = own.lines().map(set).collect();
    let file = folder.path(&format!("{port}.ini"));
    std::fs::write(&file, format!("{}\n[Xorg]{sessions}", own.join("\n"))).unwrap();
    let mut command = Command::new("xrdp");
    command.arg("--nodaemon").arg("--config").arg(&file);
    let mut running = Running::start(format!("xrdp, {which}"), port, &mut command);
    match which {
        "hung" => running.hangs = true,
        "gone" => {
            running.signal(Signal::SIGKILL);
            running.child.wait().unwrap();
        }
        _ => {}
    }
    running
}

/// An X server for a shadow server to show.
pub(crate) struct Display {
    pub(crate) number: u32,
    child: Child,
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts an X server; it chooses its number and says it when it is ready.
pub(crate) fn display(folder: &Folder) -> Display {
    let mut command = Command::new("Xvfb");
    command
        .args([
            "-displayfd",
            "1",
            "-screen",
            "0",
            "640x480x24",
            "-nolisten",
            "tcp",
            // Without this it starts anew when its last client has gone, and refuses the next one
            // meanwhile: the shadow server opens it twice.
            "-noreset",
        ])
        .current_dir(folder.directory.path())
        .stdout(Stdio::piped());
    let mut child = spawn(&mut command);
    let mut line = String::new();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    said.read_line(&mut line).unwrap();
    let number = line.trim().parse().expect("Xvfb says its display's number");
    Display { number, child }
}

/// FreeRDP's shadow server with that security layer.
pub(crate) fn freerdp_shadow(folder: &Folder, display: u32, layer: &str, port: usize) -> Running {
    let home = folder.path("home");
    std::fs::create_dir_all(&home).unwrap();
    // The user "user" with the password "password": the NT hash of it.
    let users = folder.path("SAM");
    std::fs::write(&users, "user:::8846f7eaee8fb117ad06bdd830b7586c:::\n").unwrap();
    let mut command = Command::new("freerdp-shadow-cli");
    command
        .env("HOME", &home)
        .env("DISPLAY", format!(":{display}"))
        .args([
            "/bind-address:127.0.0.1",
            &format!("/port:{port}"),
            &format!("/sec:{layer}"),
        ])
        .arg(format!("/sam-file:{}", users.display()));
    Running::start(format!("freerdp-shadow, {layer}"), port, &mut command)
}

/// IronRDP's server with that security layer.
pub(crate) fn ironrdp(folder: &Folder, layer: &str, port: usize) -> Running {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("ironrdp/target/debug/ironrdp_peer");
    assert!(
        program.exists(),
        "it is not built: run tests/ironrdp/build first"
    );
    let mut command = Command::new(program);
    command
        .args([&port.to_string(), layer])
        .args([folder.path("cert.pem"), folder.path("key.pem")]);
    Running::start(format!("ironrdp, {layer}"), port, &mut command)
}

fn succeeds(command: &mut Command) {
    let output = command.output();
    let output = output.expect("tests/end_to_end/install-servers installs it");
    assert!(output.status.success(), "{command:?}: {output:?}");
}
