//! `governess push` through a real sshd on loopback. The far director has a mount namespace of its
//! own, in which the same path is another folder.

use std::fs::{self, File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tempfile::TempDir;

use crate::built::{program, until};
use crate::core::Running;

/// Shows the far folder in the near one's place, gives sshd the folder that it wants, and becomes
/// the program.
const FAR: &str = "mount --bind \"$1\" \"$2\" && mount -t tmpfs tmpfs /run && mkdir /run/sshd && \
                   shift 2 && exec \"$@\"";

/// Two directors, of which the far one is reached by ssh as `lb2`.
struct Directors {
    folder: TempDir,
    sshd: Option<Running>,
}

impl Directors {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directors = Self { folder, sshd: None };
        for name in ["near", "far", "bin"] {
            fs::create_dir(directors.path(name)).unwrap();
        }
        directors.with_ssh()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts sshd, with keys of its own, and tells ssh of it.
    fn with_ssh(mut self) -> Self {
        for key in ["host", "user"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(self.path(key))
                .status();
            assert!(made.unwrap().success(), "ssh-keygen");
        }
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let here = self.folder.path().display();
        let far_path = format!("{}:/usr/bin:/bin", program("").display());
        let server = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {here}/host\nAuthorizedKeysFile \
             {here}/user.pub\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\n\
             PasswordAuthentication no\nSetEnv PATH={far_path}\n"
        );
        fs::write(self.path("sshd_config"), server).unwrap();
        let key = fs::read_to_string(self.path("host.pub")).unwrap();
        fs::write(self.path("known"), format!("[127.0.0.1]:{port} {key}")).unwrap();
        let client = format!(
            "Host lb2\n HostName 127.0.0.1\n Port {port}\n User root\n IdentityFile {here}/user\n \
             IdentitiesOnly yes\n UserKnownHostsFile {here}/known\n BatchMode yes\n"
        );
        fs::write(self.path("ssh_config"), client).unwrap();
        // What an operator has in his own configuration of ssh.
        let ssh = format!("#!/bin/sh\nexec /usr/bin/ssh -F {here}/ssh_config \"$@\"\n");
        fs::write(self.path("bin/ssh"), ssh).unwrap();
        fs::set_permissions(self.path("bin/ssh"), Permissions::from_mode(0o755)).unwrap();

        let log = self.path("sshd.log");
        let mut sshd = self.over_there(Path::new("/usr/sbin/sshd"));
        sshd.args(["-D", "-e", "-f"]).arg(self.path("sshd_config"));
        self.sshd = Some(started(&mut sshd, &log));
        until("sshd lets us in", || {
            let tried = self.ssh(&["true"], "");
            tried.status.success().then_some(())
        });
        self
    }

    /// A program on the far side.
    fn over_there(&self, program: &Path) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", FAR, "sh"]);
        command
            .arg(self.path("far"))
            .arg(self.path("near"))
            .arg(program);
        command
    }

    /// A command on the far side through ssh, with this on its standard input.
    fn ssh(&self, words: &[&str], input: &str) -> Output {
        let file = self.path("input");
        fs::write(&file, input).unwrap();
        let mut command = Command::new(self.path("bin/ssh"));
        command
            .arg("lb2")
            .args(words)
            .stdin(File::open(file).unwrap());
        command.output().unwrap()
    }

    /// Writes the near file; its directors differ in `name`.
    fn write(&self, name: &str) -> String {
        let near = self.path("near");
        let text = format!(
            "[director]\nbackend = \"memory\"\nstate_dir = \"{near}\"\ncontrol = \
             \"{near}/control.sock\"\n\n[servers.{name}]\naddress = \"127.0.0.1\"\n\n\
             [services.exchange]\nfwmark = 80\nservers = [\"{name}\"]\nchecks = []\n",
            near = near.display()
        );
        fs::write(near.join("governess.toml"), &text).unwrap();
        text
    }

    fn far_text(&self) -> String {
        fs::read_to_string(self.path("far/governess.toml")).unwrap()
    }

    fn push(&self, further: &[&str]) -> Output {
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new(program("governess"));
        command
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .args(["push", "lb2"])
            .args(further)
            .arg("-c")
            .arg(self.path("near/governess.toml"));
        command.output().unwrap()
    }

    #[track_caller]
    fn pushes(&self, further: &[&str], code: i32, words: &str) {
        let output = self.push(further);
        let said = [output.stdout.as_slice(), &output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(words), "{said}");
    }
}

fn started(command: &mut Command, log: &Path) -> Running {
    std::os::unix::process::CommandExt::process_group(command, 0);
    let log = File::create(log).unwrap();
    let child = command.stdin(Stdio::null()).stderr(log).spawn().unwrap();
    Running(child)
}

#[test]
fn a_file_goes_to_the_other_director_and_never_over_a_newer_one_or_in_a_bad_state() {
    let directors = Directors::new();
    let first = directors.write("ex1");
    directors.pushes(&[], 0, "");
    assert_eq!(directors.far_text(), first);
    directors.pushes(&[], 0, "has this file already");

    let own = first.replace("ex1", "their_own");
    fs::write(directors.path("far/governess.toml"), &own).unwrap();
    let newer = SystemTime::now() + Duration::from_secs(60);
    let far = File::options()
        .write(true)
        .open(directors.path("far/governess.toml"));
    far.unwrap().set_modified(newer).unwrap();
    directors.pushes(&[], 1, "is newer than the file sent");
    assert_eq!(directors.far_text(), own);
    directors.pushes(&["--force"], 0, "");
    assert_eq!(directors.far_text(), first);

    let near = directors.path("near/governess.toml");
    fs::write(&near, first.replace("memory", "memroy")).unwrap();
    directors.pushes(&[], 1, "memroy");
    assert_eq!(directors.far_text(), first);
    let near = near.display().to_string();
    let receive = [
        "governess",
        "receive",
        "--modified",
        "9999999999",
        "-c",
        &near,
    ];
    for bad in ["", "not = [toml", "[director]\nbackend = \"memroy\"\n"] {
        let refused = directors.ssh(&receive, bad);
        assert_eq!(refused.status.code(), Some(1), "{bad:?}: {refused:?}");
        assert_eq!(directors.far_text(), first);
    }
    assert_eq!(fs::read_dir(directors.path("far")).unwrap().count(), 1);
}

#[test]
fn a_director_that_runs_there_takes_the_file_over_before_push_returns() {
    let directors = Directors::new();
    directors.write("ex1");
    directors.pushes(&[], 0, "");
    let mut command = directors.over_there(&program("governess"));
    command
        .args(["run", "-c"])
        .arg(directors.path("near/governess.toml"));
    let _far = started(&mut command, &directors.path("governess.log"));
    let near = directors.path("near/governess.toml").display().to_string();
    let status = || {
        let said = directors.ssh(&["governess", "status", "--json", "-c", &near], "");
        serde_json::from_slice::<Value>(&said.stdout).ok()
    };
    until("the far director answers", &status);

    let second = directors.write("ex2");
    directors.pushes(&[], 0, "");
    assert_eq!(directors.far_text(), second);
    let status = status().unwrap();
    assert_eq!(status["services"][0]["servers"][0]["name"], "ex2");
}

#[test]
fn a_host_that_ssh_does_not_reach_is_named() {
    let directors = Directors::new();
    directors.write("ex1");
    let path = directors.path("ssh_config");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("127.0.0.1\n", "127.0.0.2\n")).unwrap();
    directors.pushes(&[], 1, "was not reached by ssh; nothing was changed there");
    assert!(!directors.path("far/governess.toml").exists());
}
