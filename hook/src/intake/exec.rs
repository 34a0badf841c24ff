//! Checks by any Nagios plugin: started in a process group of its own, read up to a cap, ended in
//! time, and never waited for longer than that, whatever its children do.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::Deserialize;
use serde_json::Value;
use shared::deadline::{Deadline, Expired};
use shared::text;
use shared::verdict::{Condition, Finding, Kind, Verdict};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::config::{Exec, Server};

/// More output than this is thrown away; Nagios itself reads no more.
const OUTPUT_CAP: usize = 8 * 1024;

/// A summary is one line that a human reads.
const LONGEST_SUMMARY: usize = 512;

/// How long a program may take to end after SIGTERM.
const AFTER_TERM: Duration = Duration::from_secs(1);

/// How long a pipe that somebody still holds is listened to after the program's end.
const AFTER_EXIT: Duration = Duration::from_millis(50);

/// Runs the program for one server, or for none.
pub(super) async fn check(
    name: &str,
    exec: &Exec,
    server: Option<&Server>,
    deadline: Deadline,
) -> Verdict {
    let address = server
        .map(|server| server.address.to_string())
        .unwrap_or_default();
    let verdict = |finding| Verdict::new(name, &address, None, finding);
    let mut child = match start(exec, server) {
        Ok(child) => child,
        Err(error) => return verdict(not_started(exec, &error)),
    };
    let mut output = Output {
        pipe: child.stdout.take(),
        head: Vec::new(),
    };
    match deadline.run(until_exit(&mut child, &mut output)).await {
        Ok(Ok(status)) => {
            let _ = timeout(AFTER_EXIT, output.drain()).await;
            verdict(judge(exec, status, &output.head))
        }
        Ok(Err(error)) => verdict(not_started(exec, &error)),
        Err(expired) => {
            end(&mut child).await;
            verdict(out_of_time(exec, expired, &deadline))
        }
    }
}

/// Waits for the program and not for its output: a grandchild may hold the pipe for ever.
async fn until_exit(child: &mut Child, output: &mut Output) -> std::io::Result<ExitStatus> {
    loop {
        tokio::select! {
            status = child.wait() => return status,
            () = output.drain(), if output.pipe.is_some() => {}
        }
    }
}

/// What a program prints: the beginning is kept, all of it is read, so that it can end.
struct Output {
    pipe: Option<ChildStdout>,
    head: Vec<u8>,
}

impl Output {
    /// Reads until the pipe is closed; can be dropped at any point without losing what was read.
    async fn drain(&mut self) {
        let mut chunk = [0; 4096];
        while let Some(pipe) = &mut self.pipe {
            match pipe.read(&mut chunk).await {
                Ok(length @ 1..) => {
                    let room = OUTPUT_CAP.saturating_sub(self.head.len());
                    self.head.extend_from_slice(&chunk[..length.min(room)]);
                }
                _ => self.pipe = None,
            }
        }
    }
}

fn start(exec: &Exec, server: Option<&Server>) -> std::io::Result<Child> {
    Command::new(&exec.program)
        .args(server.map_or(exec.arguments.clone(), |server| exec.arguments_for(server)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// Ends the whole process group and takes the child's exit status, so that no zombie stays.
async fn end(child: &mut Child) {
    signal_group(child, Signal::SIGTERM);
    if timeout(AFTER_TERM, child.wait()).await.is_err() {
        signal_group(child, Signal::SIGKILL);
        let _ = child.wait().await;
    }
}

fn signal_group(child: &Child, signal: Signal) {
    // The group bears the child's own id; without one the child has been waited for.
    if let Some(id) = child.id().and_then(|id| i32::try_from(id).ok()) {
        let _ = killpg(Pid::from_raw(id), signal);
    }
}

fn judge(exec: &Exec, status: ExitStatus, output: &[u8]) -> Finding {
    if let (Some(0..=3), Some(finding)) = (status.code(), own_verdict(output)) {
        return finding;
    }
    let said = first_line(output);
    let passed_on = |condition, kind| {
        let summary = if said.is_empty() {
            format!("{} said nothing", program(exec))
        } else {
            said.clone()
        };
        Finding::new(condition, kind, summary)
    };
    match (status.code(), status.signal()) {
        (Some(0), _) => passed_on(Condition::Healthy, Kind::Ok),
        (Some(1), _) => passed_on(Condition::Degraded, Kind::External),
        (Some(2), _) => passed_on(Condition::Failed, Kind::External),
        (Some(3), _) => passed_on(Condition::Unknown, Kind::External),
        (Some(code), _) => odd(exec, &format!("ended with exit code {code}"), &said),
        (None, Some(signal)) => odd(exec, &format!("was ended by signal {signal}"), &said),
        (None, None) => odd(exec, "ended in an unknown way", &said),
    }
}

/// What a plugin of ours says in mode `json`, which is more than an exit code can say: maintenance
/// is told from failure, and a refused connection from silence.
fn own_verdict(output: &[u8]) -> Option<Finding> {
    let line = output.split(|byte| *byte == b'\n').next()?;
    let said: Value = serde_json::from_slice(line).ok()?;
    if said.get("schema")?.as_u64() != Some(1) {
        return None;
    }
    let condition = Condition::deserialize(said.get("condition")?).ok()?;
    let kind = Kind::deserialize(said.get("kind")?).ok()?;
    let summary = said.get("summary")?.as_str()?;
    let summary = text::one_line(text::cut(summary, LONGEST_SUMMARY));
    Some(Finding::new(condition, kind, summary))
}

fn odd(exec: &Exec, how: &str, said: &str) -> Finding {
    let summary = format!(
        "{} {how}, which no plugin should; it said: \"{said}\"",
        program(exec)
    );
    Finding::new(Condition::Unknown, Kind::External, summary)
}

fn not_started(exec: &Exec, error: &std::io::Error) -> Finding {
    let summary = format!("{} could not be run here: {error}", program(exec));
    Finding::new(Condition::Unknown, Kind::Resources, summary)
}

fn out_of_time(exec: &Exec, expired: Expired, deadline: &Deadline) -> Finding {
    let seconds = deadline.budget().as_secs_f64();
    let summary = format!("timeout: {} gave no answer in {seconds} s", program(exec));
    expired.finding(|| Finding::failed(Kind::Timeout, summary))
}

fn program(exec: &Exec) -> String {
    exec.program
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The text of the first line, performance data left out.
fn first_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let line = text.lines().next().unwrap_or("");
    text::one_line(text::cut(
        line.split('|').next().unwrap_or("").trim(),
        LONGEST_SUMMARY,
    ))
}

#[cfg(test)]
mod tests;
