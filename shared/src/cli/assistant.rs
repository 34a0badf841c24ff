//! The second program: it links what the checks themselves must do without.
//!
//! The checks are small programs without OpenSSL, so that they start fast and get as far as an
//! answer whatever a limit or a library does. What needs TLS is carried out by a program of its
//! own that the check, the front, starts. That one may fail to load, run out of something, crash
//! or hang: the front is still there to say so.
//!
//! It stays in the front's process group, so that a host that kills the group leaves nothing
//! behind; and it dies with the front.

use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use super::asker::Asker;
use super::reading::{End, read_bounded};
use super::{GRACE, Plugin, carry_out, last_word, say};
use crate::deadline::Deadline;
use crate::text::quoted;
use crate::verdict::{Condition, Finding, Kind, Verdict};

/// The program's name.
pub const PROGRAM: &str = "check_over_tls";

/// Where it lies if not beside the front.
const INSTALLED: [&str; 2] = ["/usr/libexec/governess", "/usr/lib/governess"];

/// The longest answer that is read: a verdict has some kilobytes.
const ANSWER_MOST: usize = 256 * 1024;
/// How much of an answer that is no verdict is quoted.
const QUOTED: usize = 200;
/// How long to wait for the exit status of a program that has closed its output.
const EXIT_PATIENCE: Duration = Duration::from_millis(200);

/// Has the check `name` carried out with the options in `words` by the second program.
pub(super) fn consult(name: &str, words: &[OsString], deadline: &Deadline) -> Verdict {
    ask(name, words, deadline).unwrap_or_else(|finding| Verdict::new(name, "", None, finding))
}

fn ask(name: &str, words: &[OsString], deadline: &Deadline) -> Result<Verdict, Finding> {
    let program = find()?;
    let could_not = |error: io::Error| not_started(&program, &error);
    let (mut reader, writer) = io::pipe().map_err(could_not)?;
    let mut command = Command::new(&program);
    command
        .arg(name)
        .arg(deadline.remaining().as_millis().to_string())
        .args(words)
        .stdout(writer.try_clone().map_err(could_not)?)
        // What the loader has to say comes the same way.
        .stderr(writer);
    take_children_back();
    let mut child = command.spawn().map_err(could_not)?;
    // With it goes this process's own copy of the writing end.
    drop(command);
    let answer = read_bounded(&mut reader, ANSWER_MOST, deadline.remaining() + GRACE);
    match serde_json::from_slice(&answer.bytes) {
        Ok(verdict) => {
            end(&mut child);
            // That program's last word may name itself, and hosts know only this check.
            Ok(Verdict {
                check: name.to_owned(),
                ..verdict
            })
        }
        Err(_) => {
            let status = leave(&mut child, &answer.end);
            Err(no_verdict(&program, &answer.bytes, &answer.end, status))
        }
    }
}

/// Beside the real path of this program, else where packages install it. Never by PATH: hosts run
/// checks with privileges.
fn find() -> Result<PathBuf, Finding> {
    let own = std::env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent).map(Path::to_path_buf);
    let places: Vec<PathBuf> = beside
        .into_iter()
        .chain(INSTALLED.into_iter().map(PathBuf::from))
        .map(|directory| directory.join(PROGRAM))
        .collect();
    match places.iter().find(|place| place.exists()) {
        Some(place) => Ok(place.clone()),
        None => {
            let named: Vec<_> = places
                .iter()
                .map(|place| place.display().to_string())
                .collect();
            Err(internal(format!(
                "the program {PROGRAM}, which carries out checks over TLS, is missing (looked for \
                 {}); install governess whole",
                named.join(", ")
            )))
        }
    }
}

/// A host that ignores SIGCHLD hands that on, and no exit status could be had.
fn take_children_back() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    // SAFETY: the default action runs no code of ours.
    let _ = unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) };
}

/// The status of a program that has closed its output, if it ends by itself; it is ended otherwise.
fn leave(child: &mut Child, how: &End) -> Option<ExitStatus> {
    if matches!(how, End::Closed) {
        let patience = Instant::now() + EXIT_PATIENCE;
        while Instant::now() < patience {
            match child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) => std::thread::sleep(Duration::from_millis(1)),
                Err(_) => return None,
            }
        }
    }
    end(child);
    None
}

/// Ends the program, which may have ended by itself, and leaves no zombie.
fn end(child: &mut Child) {
    // An error means that it is gone: then there is nothing to end.
    let _ = child.kill();
    let _ = child.wait();
}

fn no_verdict(program: &Path, bytes: &[u8], end: &End, status: Option<ExitStatus>) -> Finding {
    let program = program.display();
    let said = match bytes.trim_ascii() {
        [] => String::new(),
        bytes => format!(": '{}'", quoted(bytes, QUOTED)),
    };
    // The loader's own exit code (ld.so).
    let not_loaded = status.and_then(|status| status.code()) == Some(127);
    match (end, status.and_then(|status| status.signal())) {
        _ if not_loaded => resources(format!(
            "{program}, which carries out checks over TLS, could not be loaded{said}; install \
             OpenSSL's shared library (Debian: libssl3), or raise the limits of open files and \
             memory of the program that starts this check"
        )),
        (End::Expired, _) => internal(format!(
            "{program} hung and was ended; nothing is known of the server"
        )),
        (End::TooMuch, _) => internal(format!(
            "{program} said more than a verdict{said}; nothing is known of the server"
        )),
        (End::Broken(error), _) => resources(format!(
            "the answer of {program} could not be read: {error}; nothing is known of the server"
        )),
        (End::Closed, Some(signal)) => internal(format!(
            "{program} died by signal {signal}{said}; nothing is known of the server; look for a \
             limit of this machine or please report a defect"
        )),
        (End::Closed, None) => internal(format!(
            "{program} gave no verdict{said}; nothing is known of the server; is it of the same \
             version as this check?"
        )),
    }
}

fn not_started(program: &Path, error: &io::Error) -> Finding {
    let hint = match error.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE) => "raise the limit of open files",
        Some(libc::ENOMEM | libc::EAGAIN) => "raise the limits of memory and of processes",
        Some(libc::EACCES | libc::EPERM) => "look at its permissions and at the sandbox",
        _ => "install governess whole",
    };
    resources(format!(
        "{}, which carries out checks over TLS, could not be started: {error}; {hint}; nothing is \
         known of the server",
        program.display()
    ))
}

fn internal(summary: String) -> Finding {
    Finding::new(Condition::Unknown, Kind::Internal, summary)
}

fn resources(summary: String) -> Finding {
    Finding::new(Condition::Unknown, Kind::Resources, summary)
}

/// What the front asks of the second program.
#[derive(Debug)]
pub struct Request {
    /// The check's name, such as `x224`.
    pub check: String,
    /// The time that is left for it.
    pub deadline: Deadline,
    words: Vec<OsString>,
}

impl Request {
    /// The program's name, the check's name, milliseconds, and the options of the check.
    fn read(mut words: impl Iterator<Item = OsString>) -> Option<Self> {
        let program = words.next()?;
        let check = words.next()?.into_string().ok()?;
        let millis = words.next()?.into_string().ok()?.parse().ok()?;
        Some(Self {
            check,
            deadline: Deadline::after(Duration::from_millis(millis)),
            words: std::iter::once(program).chain(words).collect(),
        })
    }

    /// The options of the check; the front has read them once already, so a refusal means that
    /// the two programs are not of the same version.
    pub fn options<P: Plugin>(&self) -> Result<P, Box<Verdict>> {
        P::try_parse_from(&self.words).map_err(|error| {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            let summary = format!("{PROGRAM} is of another version than this check: {first}");
            Box::new(Verdict::new(P::NAME, "", None, internal(summary)))
        })
    }

    /// The verdict on a check that this program does not know.
    pub fn unknown_check(&self) -> Verdict {
        let summary = format!(
            "{PROGRAM} is of another version than this check: it does not know {}",
            quoted(self.check.as_bytes(), 40)
        );
        Verdict::new(&self.check, "", None, internal(summary))
    }
}

/// Runs this process as the second program: reads the request, has it carried out, gives the
/// verdict to the front.
pub fn assist<F: Future<Output = Verdict>>(carried_out: impl FnOnce(Request) -> F) -> ! {
    let asker = Asker::Front;
    last_word::arm(asker, PROGRAM);
    die_with_the_front();
    let Some(request) = Request::read(std::env::args_os()) else {
        let summary = format!("{PROGRAM} is started by the checks, not by hand");
        say(
            asker,
            PROGRAM,
            &asker.failing(PROGRAM, Kind::Usage, &summary, &[]),
        )
    };
    last_word::set_alarm(request.deadline.remaining() + GRACE);
    let name = request.check.clone();
    let verdict = carry_out(&name, carried_out(request));
    say(asker, PROGRAM, &asker.answer(&verdict, &Default::default()))
}

/// A front that is killed takes this process with it.
fn die_with_the_front() {
    use nix::sys::{prctl, signal::Signal};
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
}
