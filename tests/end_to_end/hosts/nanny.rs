//! A stand-in for Piranha's nanny, as far as it runs a sending program and judges its output. It
//! obeys version 0.8.6 byte by byte, its faults with it; nothing in it is of governess.

use std::io::Read;
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// The command is copied into a buffer of 255 bytes, its end included.
const LONGEST_COMMAND: usize = 254;

/// Its words into an array of 40.
const MOST_WORDS: usize = 40;

/// The output is read once, so many bytes at most.
const READ: usize = 4095;

/// What nanny makes of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// The server is, or stays, in the table.
    Up,
    /// It is taken out.
    Down,
    /// The program does not end, and neither does nanny's waiting: the state of before, for ever.
    Frozen,
    /// nanny itself dies of a buffer that overflows.
    Crashed,
}

/// One nanny, for one real server.
#[derive(Clone, Debug)]
pub(crate) struct Nanny {
    pub(crate) send_program: String,
    pub(crate) expect: Option<String>,
    pub(crate) server: Ipv4Addr,
    pub(crate) port: u16,
}

/// What nanny made of a check, and its log line if it has one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) judged: Judged,
    pub(crate) log: Option<String>,
}

impl Nanny {
    /// Runs the sending program once. A program that has not ended after `patience` never will.
    pub(crate) fn ask(&self, patience: Duration) -> Answer {
        let quiet = |judged| Answer { judged, log: None };
        let Some(words) = self.words() else {
            return quiet(Judged::Crashed);
        };
        let result = match run(&words, patience) {
            Ran::Frozen => return quiet(Judged::Frozen),
            Ran::Ended(result) => result,
        };
        let place = format!("({}:{})", self.server, self.port);
        let expected = self.expect.as_deref().map(unescaped);
        match (result, expected) {
            (Some(said), Some(expected)) if said == expected => quiet(Judged::Up),
            (Some(_), Some(_)) => quiet(Judged::Down),
            (None, Some(_)) => Answer {
                judged: Judged::Up,
                log: Some(format!(
                    "Ran the external sending program to {place} but didn't get anything back"
                )),
            },
            (Some(_), None) => Answer {
                judged: Judged::Down,
                log: Some("Expect string is NULL, but the result is not".to_owned()),
            },
            (None, None) => Answer {
                judged: Judged::Down,
                log: Some("result and expect string are both NULL!".to_owned()),
            },
        }
    }

    /// No shell: split at blanks, and `%h` and `%p` only where they are the whole word.
    fn words(&self) -> Option<Vec<String>> {
        if self.send_program.len() > LONGEST_COMMAND {
            return None;
        }
        let words: Vec<String> = self
            .send_program
            .split(' ')
            .filter(|word| !word.is_empty())
            .map(|word| match word {
                "%h" => self.server.to_string(),
                "%p" => self.port.to_string(),
                other => other.to_owned(),
            })
            .collect();
        (words.len() <= MOST_WORDS).then_some(words)
    }
}

enum Ran {
    Frozen,
    /// With the output less its last byte; `None` for any end but exit code 0.
    Ended(Option<Vec<u8>>),
}

/// stdout is a pipe that is read after the end alone: more than it holds blocks for ever.
fn run(words: &[String], patience: Duration) -> Ran {
    let Some((program, arguments)) = words.split_first() else {
        return Ran::Ended(None);
    };
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    let Ok(mut child) = child else {
        // The child of a failed exec ends with 1.
        return Ran::Ended(None);
    };
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > patience {
            end(&mut child);
            return Ran::Frozen;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    if !status.success() {
        return Ran::Ended(None);
    }
    let mut output = vec![0; READ];
    let length = child.stdout.take().unwrap().read(&mut output).unwrap();
    output.truncate(length);
    output.pop();
    Ran::Ended(Some(output))
}

fn end(child: &mut Child) {
    let group = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let _ = killpg(group, Signal::SIGKILL);
    let _ = child.wait();
}

/// The escapes of an expect string, as nanny translates them without `-T`.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'n') => bytes.push(b'\n'),
            Some(b'r') => bytes.push(b'\r'),
            Some(b't') => bytes.push(b'\t'),
            Some(other) => bytes.push(other),
            None => bytes.push(b'\\'),
        }
    }
    bytes
}

mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(30);

    fn nanny(send_program: &str, expect: Option<&str>) -> Answer {
        let nanny = Nanny {
            send_program: send_program.to_owned(),
            expect: expect.map(str::to_owned),
            server: Ipv4Addr::new(10, 0, 1, 1),
            port: 3389,
        };
        nanny.ask(SOON)
    }

    /// Every row was seen with the real nanny.
    #[test]
    fn the_stand_in_judges_as_nanny_does() {
        use Judged::{Crashed, Down, Up};
        let long = format!("printf OK\\n{}", " ".repeat(250));
        for (program, expect, judged) in [
            ("echo OK", Some("OK"), Up),
            ("echo FAIL", Some("OK"), Down),
            ("true", Some("OK"), Down),
            ("echo OK extra", Some("OK"), Down),
            ("printf OK", Some("OK"), Down),
            ("printf OKX", Some("OK"), Up),
            ("printf OK\\ndetail\\n", Some("OK\\ndetail"), Up),
            ("false", Some("OK"), Up),
            ("no-such-program", Some("OK"), Up),
            ("timeout -s KILL 0.1 sleep 60", Some("OK"), Up),
            ("echo OK", None, Down),
            ("false", None, Down),
            ("echo OK", Some("*"), Down),
            ("echo %h", Some("10.0.1.1"), Up),
            ("echo %p", Some("3389"), Up),
            ("echo --host=%h", Some("--host=%h"), Up),
            ("echo 'a b'", Some("'a b'"), Up),
            (long.as_str(), Some("OK"), Crashed),
        ] {
            assert_eq!(
                nanny(program, expect).judged,
                judged,
                "{program} {expect:?}"
            );
        }
    }

    #[test]
    fn more_output_than_a_pipe_holds_freezes_it() {
        let nanny = Nanny {
            send_program: "head -c 100000 /dev/zero".to_owned(),
            expect: Some("OK".to_owned()),
            server: Ipv4Addr::LOCALHOST,
            port: 1,
        };
        assert_eq!(nanny.ask(Duration::from_secs(2)).judged, Judged::Frozen);
    }

    #[test]
    fn a_lost_result_counts_as_up_with_the_line_that_people_ask_about() {
        let answer = nanny("false", Some("OK"));
        assert_eq!(answer.judged, Judged::Up);
        let log = answer.log.unwrap();
        assert!(
            log.contains("(10.0.1.1:3389) but didn't get anything back"),
            "{log}"
        );
    }
}
