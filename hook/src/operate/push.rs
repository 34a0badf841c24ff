//! `governess push HOST`: brings the configuration file to the other director, so that nobody
//! copies it by hand and forgets. The far side judges the file itself, replaces its own as one,
//! and asks its director to take it over.
//!
//! The way is ssh, with whatever keys and names the operator has; no port is opened by us.

use std::fs::{File, FileTimes};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Pid;

use super::control::{self, Request};
use super::host_name;
use crate::config::Config;
use crate::director::replace_file;

/// A configuration file is some kilobytes.
const LONGEST_FILE: u64 = 4 * 1024 * 1024;

/// How long the far director may take to carry a new file out.
const PATIENCE: Duration = Duration::from_secs(20);

/// What becomes of a file that is newer on the far side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newer {
    /// It stays, and the push is refused.
    Keep,
    /// It is replaced all the same.
    Replace,
}

/// Sends the file at `path`, which has been judged here, to `host` and has it taken over there.
///
/// # Errors
/// ssh cannot be started, or the far side refused; its own words have been shown by then.
pub fn push(path: &Path, host: &str, newer: Newer) -> Result<()> {
    if host.starts_with('-') {
        bail!("{host} is not a host");
    }
    let text = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let status = Command::new("ssh")
        .args(["-T", "-o", "ConnectTimeout=10", "--", host])
        .arg(far_command(path, modified(path)?, newer))
        .stdin(Stdio::piped())
        .spawn()
        .and_then(|mut ssh| {
            let sent = ssh.stdin.take().map(|mut far| far.write_all(&text));
            let status = ssh.wait()?;
            // A far side that refuses early has said why; that the pipe broke says nothing more.
            match sent {
                Some(Err(error)) if status.success() => Err(error),
                _ => Ok(status),
            }
        })
        .with_context(|| format!("running ssh to {host}"))?;
    match status.code() {
        Some(0) => Ok(()),
        Some(255) => bail!("{host} was not reached by ssh; nothing was changed there"),
        Some(127) => bail!("{host} has no governess in its PATH; install it there first"),
        _ => bail!("{host} did not take the file over; it says why above"),
    }
}

/// What the shell on the far side is to run.
fn far_command(path: &Path, modified: u64, newer: Newer) -> String {
    let force = match newer {
        Newer::Keep => "",
        Newer::Replace => " --force",
    };
    let path = path.display().to_string().replace('\'', r"'\''");
    format!("governess receive --modified {modified}{force} -c '{path}'")
}

/// The far side: takes a file from standard input in the place of the one at `path`.
///
/// # Errors
/// The file is bad, older than the one here, or could not be put in place; nothing was changed
/// then. Or it is in place, and the running director did not take it over.
pub fn receive(path: &Path, sent_modified: u64, newer: Newer) -> Result<String> {
    let mut text = Vec::new();
    io::stdin()
        .take(LONGEST_FILE + 1)
        .read_to_end(&mut text)
        .context("reading the file from the other director")?;
    if text.len() as u64 > LONGEST_FILE {
        bail!("the file is longer than {LONGEST_FILE} bytes; nothing was changed here");
    }
    let host = host_name();
    let judged = std::str::from_utf8(&text).context("the file is not text in UTF-8")?;
    let config = Config::parse(path, judged)
        .with_context(|| format!("{host} refuses the file; nothing was changed there"))?;
    match std::fs::read(path) {
        Ok(own) if own == text => {
            return Ok(format!(
                "{host} has this file already, digest {}",
                config.digest
            ));
        }
        Ok(_) if newer == Newer::Keep && modified(path)? > sent_modified => bail!(
            "{} on {host} is newer than the file sent; nothing was changed there. Look at the \
             difference, then push from {host} to here, or push --force",
            path.display()
        ),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    }
    replace_file(path, &text).with_context(|| format!("writing {} on {host}", path.display()))?;
    // So that the two files are of one age, and the next push from either side is judged rightly.
    let age = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(sent_modified));
    File::options()
        .write(true)
        .open(path)
        .and_then(|file| file.set_times(age))
        .with_context(|| format!("setting the time of {}", path.display()))?;
    take_over(&config, &host)
}

/// Has the running director of this host read its file again, and waits until it has.
fn take_over(config: &Config, host: &str) -> Result<String> {
    let socket = &config.director.control;
    let digest = &config.digest;
    let director = match director_behind(socket) {
        Ok(pid) => pid,
        Err(error) if control::nobody_runs(&error) => {
            return Ok(format!(
                "{host} has the file, digest {digest}; no director runs there"
            ));
        }
        Err(error) => return Err(error).context("looking for the running director"),
    };
    kill(director, Signal::SIGHUP).context("asking the running director to reload")?;
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let running = control::ask(socket, &Request::Status);
        if running.is_ok_and(|status| status["config_digest"] == digest.as_str()) {
            return Ok(format!("{host} runs with the file, digest {digest}"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!(
        "{host} has the file, and its director did not take it over within {} s; see `governess \
         events` there",
        PATIENCE.as_secs()
    )
}

/// The process that listens on a control socket (unix(7), SO_PEERCRED).
fn director_behind(socket: &Path) -> io::Result<Pid> {
    let stream = UnixStream::connect(socket)?;
    let credentials = getsockopt(&stream, PeerCredentials)?;
    Ok(Pid::from_raw(credentials.pid()))
}

/// Seconds since 1970.
fn modified(path: &Path) -> Result<u64> {
    let time = std::fs::metadata(path)
        .and_then(|file| file.modified())
        .with_context(|| format!("reading the time of {}", path.display()))?;
    Ok(since_1970(time))
}

fn since_1970(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_far_shell_gets_the_path_as_one_word() {
        let path = Path::new("/etc/it's here/g.toml");
        assert_eq!(
            far_command(path, 7, Newer::Replace),
            r"governess receive --modified 7 --force -c '/etc/it'\''s here/g.toml'"
        );
    }

    #[test]
    fn a_host_that_looks_like_an_option_is_refused() {
        let refused = push(Path::new("/dev/null"), "-oProxyCommand=x", Newer::Keep);
        assert!(refused.is_err());
    }
}
