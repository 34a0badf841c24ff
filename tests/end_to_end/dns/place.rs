//! A network and a file system of a test's own, in which it starts servers.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

/// How long a server may take until it does what is waited for, on a machine under load.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The place; with it go the servers that were started in it.
pub(crate) struct Place {
    running: Vec<Child>,
    directory: TempDir,
}

impl Place {
    /// Puts this thread, and what it starts from now on, into new network and mount namespaces,
    /// with these addresses, names and resolvers.
    pub(crate) fn with(addresses: &[&str], hosts: &str, resolvers: &str) -> Self {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)
            .expect("new namespaces, as root");
        succeeds(Command::new("mount").args(["--make-rprivate", "/"]));
        succeeds(Command::new("ip").args(["link", "set", "lo", "up"]));
        for address in addresses {
            let added = ["address", "add", &format!("{address}/24"), "dev", "lo"];
            succeeds(Command::new("ip").args(added));
        }
        let place = Self {
            running: Vec::new(),
            directory: tempfile::tempdir().unwrap(),
        };
        place.instead_of("/etc/hosts", &format!("127.0.0.1 localhost\n{hosts}"));
        place.instead_of("/etc/resolv.conf", resolvers);
        place
    }

    /// Lays a file with that text over one of the system's.
    fn instead_of(&self, system: &str, text: &str) {
        let own = self.file(&system.replace('/', "_"), text);
        succeeds(Command::new("mount").arg("--bind").arg(own).arg(system));
    }

    /// Lays an empty file system over a folder, if need be a new one.
    pub(crate) fn empty(&self, folder: &str) {
        std::fs::create_dir_all(folder).unwrap();
        succeeds(Command::new("mount").args(["-t", "tmpfs", "tmpfs", folder]));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Starts a server in a process group of its own; what it prints goes to `NAME.log`.
    pub(crate) fn start(&mut self, name: &str, command: &mut Command) {
        use std::os::unix::process::CommandExt;
        let log = std::fs::File::create(self.path(&format!("{name}.log"))).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| {
                let program = command.get_program().display();
                panic!("{program}: {error}; run tests/end_to_end/install-servers first")
            });
        self.running.push(child);
    }

    /// Waits for something, and shows the servers' logs if it does not come.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, mut happens: impl FnMut() -> bool) {
        let started = Instant::now();
        while !happens() {
            if started.elapsed() > PATIENCE {
                panic!("{what} did not happen; the logs:\n{}", self.logs());
            }
            sleep(Duration::from_millis(200));
        }
    }

    fn logs(&self) -> String {
        let entries = std::fs::read_dir(self.directory.path()).unwrap().flatten();
        let logs = entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "log"));
        let text = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        logs.map(|entry| format!("{}:\n{}\n", entry.path().display(), text(&entry.path())))
            .collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for child in &mut self.running {
            // A group that has gone needs no signal.
            let _ = killpg(
                Pid::from_raw(i32::try_from(child.id()).unwrap()),
                Signal::SIGKILL,
            );
            let _ = child.wait();
        }
    }
}

pub(crate) fn output(command: &mut Command) -> Output {
    command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| {
            let program = command.get_program().display();
            panic!("{program}: {error}; run tests/end_to_end/install-servers first")
        })
}

#[track_caller]
pub(crate) fn succeeds(command: &mut Command) {
    let output = output(command);
    assert!(output.status.success(), "{command:?}: {output:?}");
}
