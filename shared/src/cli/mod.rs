//! What every plugin does around its check: find out who asks, read the arguments, keep the time,
//! say the answer, and fail in the host's own way whatever happens.

mod arguments;
mod asker;
mod assistant;
mod delivery;
mod extra_opts;
mod help;
mod last_word;
mod options;
mod reading;

use std::ffi::OsString;
use std::future::Future;
use std::time::Duration;

use clap::Parser;
use clap::error::ErrorKind;

use crate::deadline::Deadline;
use crate::dial::own_shortage;
use crate::host_mode::{Answer, HostMode, find};
use crate::verdict::{Kind, Verdict};
use asker::Asker;

pub use arguments::read as read_file;
pub use assistant::{PROGRAM as ASSISTANT, Request, assist};
pub use help::HOSTS;
pub use options::{Common, Server, Timeout};

/// How long after the end of its time a check that hangs is ended from outside its own code.
const GRACE: Duration = Duration::from_millis(250);

/// A check as a program: its options are a clap parser.
pub trait Plugin: Parser {
    /// The check's name without `check_`.
    const NAME: &'static str;

    /// How it is called, without the options that every plugin has: at most nine lines of 80
    /// columns, the first one beginning with its name, the others with nine blanks.
    const USAGE: &'static str;

    /// Its part of the manual in lines of 80 columns: `WHAT IT DOES`, `VERDICTS`, `EXAMPLES`.
    const MANUAL: &'static str;

    /// The option by which it takes the server that ldirectord names.
    const SERVER: &'static str = "--hostname";

    /// The options that every plugin has.
    fn common(&self) -> &Common;

    /// Whether these options ask for more than this program can do, so that the second program
    /// must carry the check out.
    fn needs_tls(&self) -> bool;

    /// Carries out a check that does not need TLS. It must not wait past `deadline`.
    fn check(self, deadline: Deadline) -> impl Future<Output = Verdict>;
}

/// Runs the plugin as this process: parses the arguments, checks, answers, exits.
pub fn run<P: Plugin>() -> ! {
    let words: Vec<OsString> = std::env::args_os().collect();
    let mode = find(&words);
    let asker = Asker::Host(mode);
    last_word::arm(asker, P::NAME);
    // Options may come from a file or from stdin, which may hang too.
    last_word::set_alarm(mode.deadline() + GRACE);
    say(asker, P::NAME, &answer::<P>(mode, words))
}

/// Delivers `answer` and exits.
fn say(asker: Asker, check: &str, answer: &Answer) -> ! {
    let code = match delivery::deliver(&answer.stdout, GRACE) {
        Ok(()) => answer.code,
        // Nobody heard the answer; the exit code alone must not claim health.
        Err(_) => asker.failing(check, Kind::Internal, "", &[]).code,
    };
    // Not a return from main: a lookup that still hangs in its thread would be waited for.
    std::process::exit(i32::from(code))
}

fn answer<P: Plugin>(mode: HostMode, words: Vec<OsString>) -> Answer {
    let started = Deadline::after(Duration::ZERO);
    let usage = |why: &str| mode.failing(P::NAME, Kind::Usage, why, &[]);
    let words = match arguments::complete(mode, P::NAME, P::SERVER, words) {
        Ok(words) => words,
        Err(why) => return usage(&why),
    };
    let parsed = help::command::<P>().try_get_matches_from(&words);
    let plugin = match parsed.and_then(|matches| P::from_arg_matches(&matches)) {
        Ok(plugin) => plugin,
        Err(error) => return refusal::<P>(mode, &error),
    };
    if plugin.common().host_mode.is_some_and(|named| named != mode) {
        // It was looked for on the command line alone, before any file was read.
        return usage(
            "the host mode is named twice, or in a file of options; name it once, on the command \
             line or by the name that the check is called by",
        );
    }
    let budget = match budget(mode, plugin.common().timeout) {
        Ok(budget) => budget,
        Err(why) => return usage(&why),
    };
    let wishes = plugin.common().wishes();
    let deadline = Deadline::after(budget.saturating_sub(started.elapsed()));
    last_word::set_alarm(budget + GRACE);
    let verdict = if plugin.needs_tls() {
        let options = words.get(1..).unwrap_or_default();
        assistant::consult(P::NAME, options, &deadline)
    } else {
        carry_out(P::NAME, plugin.check(deadline))
    };
    mode.answer(&verdict, &wishes)
}

/// Drives `check` on this thread.
fn carry_out(name: &str, check: impl Future<Output = Verdict>) -> Verdict {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            let verdict = runtime.block_on(check);
            std::mem::forget(runtime);
            verdict
        }
        Err(error) => Verdict::new(name, "", None, own_shortage("start the check", &error)),
    }
}

/// The time for the whole check: `-t`, else the mode's own. The modes whose hosts kill, or fail
/// to, at a time of their own are never given more than that: a longer `-t` is cut down to it,
/// rather than refused, because a refusal would take every server out.
fn budget(mode: HostMode, timeout: Option<Timeout>) -> Result<Duration, String> {
    let own = mode.deadline();
    let Some(timeout) = timeout else {
        return Ok(own);
    };
    if timeout.state.is_some() && !mode.has_states() {
        return Err(format!(
            "a state behind the timeout means nothing to {}; expected -t SECONDS",
            mode.name()
        ));
    }
    let asked = timeout.after.unwrap_or(own);
    Ok(if mode.has_states() {
        asked
    } else {
        asked.min(own)
    })
}

/// Help and version for those who can read them; every other outcome of parsing is a failure.
fn refusal<P: Plugin>(mode: HostMode, error: &clap::Error) -> Answer {
    let asked_for_text = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    if asked_for_text && mode.has_states() {
        return Answer {
            stdout: help::wrapped(&error.to_string()).into_bytes(),
            code: 0,
        };
    }
    let text = error.to_string();
    let mut lines = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("the arguments make no sense");
    let summary = first.strip_prefix("error: ").unwrap_or(first);
    // To monitoring cores, a | begins performance data in any line.
    let rest: Vec<String> = lines.map(|line| line.replace('|', "/")).collect();
    mode.failing(P::NAME, Kind::Usage, summary, &rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeout(text: &str) -> Option<Timeout> {
        Some(text.parse().expect(text))
    }

    #[test]
    fn without_a_wish_the_mode_sets_the_time() {
        assert_eq!(
            budget(HostMode::Ldirectord, None),
            Ok(Duration::from_secs(4))
        );
        assert_eq!(
            budget(HostMode::Nagios, timeout(":unknown")),
            Ok(Duration::from_secs(10))
        );
    }

    #[test]
    fn only_hosts_with_states_are_given_more_than_the_modes_own_time() {
        assert_eq!(
            budget(HostMode::Nagios, timeout("30")),
            Ok(Duration::from_secs(30))
        );
        assert_eq!(
            budget(HostMode::Nanny, timeout("30")),
            Ok(Duration::from_secs(8))
        );
        assert_eq!(
            budget(HostMode::Nanny, timeout("3")),
            Ok(Duration::from_secs(3))
        );
    }

    #[test]
    fn a_state_for_a_host_without_states_is_refused() {
        assert!(budget(HostMode::Json, timeout("3:1")).is_ok());
        assert!(budget(HostMode::Keepalived, timeout("3:1")).is_err());
    }
}
