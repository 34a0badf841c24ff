//! Who takes part: servers, programs, and the ways in which a host runs a check.

use std::io::{PipeReader, PipeWriter, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use lookalike::rdp::Behaviour;
use lookalike::switch::HEALTHY;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::host::{Mode, Said, built, check, check_after, copy, run, script};
use crate::servers::{behaving, closed, dns, healthy};

/// Where all cells of the table are played.
pub(super) struct Cast {
    pub(super) healthy: SocketAddr,
    pub(super) standard_security: SocketAddr,
    pub(super) closed: SocketAddr,
    pub(super) dns: SocketAddr,
    pub(super) silent_dns: SocketAddr,
    /// The programs of the release.
    pub(super) released: PathBuf,
    pub(super) released_dns: PathBuf,
    /// The same, where every user may run them.
    pub(super) public: PathBuf,
    /// A check that breaks as its `-H` says, in the first or in the second program.
    pub(super) breaking: PathBuf,
    directory: TempDir,
}

impl Cast {
    pub(super) fn enter() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(directory.path(), open).unwrap();
        let public = folder(&directory, "public");
        let breaking = folder(&directory, "breaking");
        for name in ["check_x224", "check_over_tls"] {
            copy(name, &public, name);
            copy("examples/check_that_breaks", &breaking, name);
        }
        Self {
            healthy: healthy(),
            standard_security: behaving(Behaviour::Selects(0)),
            closed: closed(),
            dns: dns(HEALTHY),
            silent_dns: dns("silent"),
            released: built("check_x224"),
            released_dns: built("check_ad_dns"),
            public: public.join("check_x224"),
            breaking: breaking.join("check_x224"),
            directory,
        }
    }

    /// A check beside which lies that second program, or none.
    pub(super) fn beside(&self, mode: &Mode, what: &str, second: Option<&str>) -> PathBuf {
        let own = folder(&self.directory, &format!("{what}-{}", mode.name));
        if let Some(text) = second {
            script(&own.join("check_over_tls"), text);
        }
        copy("check_x224", &own, "check_x224")
    }

    /// A file of the cell's own.
    pub(super) fn file(&self, mode: &Mode, depth: &str) -> PathBuf {
        self.directory
            .path()
            .join(format!("stdout-{}{depth}", mode.name))
    }
}

fn folder(directory: &TempDir, name: &str) -> PathBuf {
    let path = directory.path().join(name);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// A run of `program` with options in one string.
pub(super) fn ask(program: &Path, server: SocketAddr, mode: &Mode, options: &str) -> Said {
    let mut command = check(program, server, &["-m", mode.name]);
    run(command.args(options.split_whitespace()))
}

/// The same with the server by its name.
pub(super) fn ask_by_name(program: &Path, name: &str, mode: &Mode, options: &str) -> Said {
    let mut command = Command::new(program);
    command.args(["-p", "3389", "-m", mode.name, "-H", name]);
    run(command.args(options.split_whitespace()))
}

/// The same behind `prepare` in a shell; redirections may follow the options.
pub(super) fn ask_after(
    prepare: &str,
    program: &Path,
    server: SocketAddr,
    mode: &Mode,
    options: &str,
) -> Said {
    let options = format!("-m {} {options}", mode.name);
    run(&mut check_after(prepare, program, server, &options))
}

/// The same with the breaking check.
pub(super) fn break_after(prepare: &str, cast: &Cast, way: &str, mode: &Mode, depth: &str) -> Said {
    let program = cast.breaking.display();
    let text = format!(
        "{prepare}; exec '{program}' -H {way} -m {} {depth}",
        mode.name
    );
    run(Command::new("sh").args(["-c", &text]))
}

/// Runs a command with stdout in a pipe that nobody reads from.
pub(super) fn unread(
    command: &mut Command,
    pipe: fn() -> (Option<PipeReader>, PipeWriter),
) -> Said {
    let (reader, writer) = pipe();
    let started = Instant::now();
    command.stdout(writer).stderr(Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    let took = started.elapsed();
    drop(reader);
    Said { output, took }
}

/// A pipe whose reader has gone.
pub(super) fn broken_pipe() -> (Option<PipeReader>, PipeWriter) {
    let (_, writer) = std::io::pipe().unwrap();
    (None, writer)
}

/// A pipe whose reader does not read and that takes no byte more.
pub(super) fn full_pipe() -> (Option<PipeReader>, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    while writer.write(&[0; 4096]).is_ok() {}
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::empty())).unwrap();
    (Some(reader), writer)
}

/// A run against a server that accepts and never says a word.
pub(super) fn against_silence(program: &Path, mode: &Mode, options: &str) -> Said {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    ask(program, server.local_addr().unwrap(), mode, options)
}

/// A run against a server of the cell's own.
pub(super) fn against(behaviour: Behaviour, program: &Path, mode: &Mode, options: &str) -> Said {
    ask(program, behaving(behaviour), mode, options)
}

/// A run that its host ends by SIGTERM as soon as the server has the connection.
pub(super) fn terminated(program: &Path, mode: &Mode, options: &str) -> Said {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = check(program, server.local_addr().unwrap(), &["-m", mode.name]);
    command
        .args(options.split_whitespace())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let started = Instant::now();
    let child = command.spawn().unwrap();
    let connection = server.accept().unwrap();
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(connection);
    Said {
        output,
        took: started.elapsed(),
    }
}
