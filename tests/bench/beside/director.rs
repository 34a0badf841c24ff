//! governess or keepalived as a process in a namespace of its own, and what it costs.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::kernel;
use super::pool::{Pool, Weights};
use crate::Outcome;
use crate::measure::Program;
use crate::rows::beside_this;

/// Who keeps the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Governess,
    Keepalived,
}

impl Who {
    /// The name of its namespace.
    pub(crate) fn place(self) -> &'static str {
        match self {
            Self::Governess => "ours",
            Self::Keepalived => "theirs",
        }
    }

    /// Its file for a pool.
    pub(crate) fn config(self, pool: &Pool, weight: impl Weights) -> String {
        match self {
            Self::Governess => pool.for_governess(&self.folder().to_string_lossy(), weight),
            Self::Keepalived => pool.for_keepalived(weight),
        }
    }

    fn folder(self) -> PathBuf {
        PathBuf::from("/run/bench").join(self.place())
    }

    fn command(self, config: &str) -> Outcome<Command> {
        let mut command = Command::new("/sbin/ip");
        command.args(["netns", "exec", self.place()]);
        match self {
            Self::Governess => {
                command.arg(beside_this("governess")?);
                command.args(["run", "-c", config]);
            }
            Self::Keepalived => {
                let folder = self.folder();
                let pid = |name: &str| folder.join(name).to_string_lossy().into_owned();
                command
                    .args(["keepalived", "--dont-fork", "--log-console", "--check"])
                    .args(["--use-file", config])
                    .args(["--pid", &pid("pid"), "--checkers_pid", &pid("checkers.pid")]);
            }
        }
        Ok(command)
    }
}

/// A director that runs. Dropping it ends it and empties its table.
pub(crate) struct Director {
    who: Who,
    child: Child,
}

impl Director {
    /// Starts it with nothing on record, on an empty table.
    pub(crate) fn start(who: Who, config: &str) -> Outcome<Self> {
        let folder = who.folder();
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let file = folder.join("config");
        fs::write(&file, config)?;
        let said = File::create(folder.join("said"))?;
        let child = who
            .command(&file.to_string_lossy())?
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()?;
        Ok(Self { who, child })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Makes another file its own and asks it to read it.
    pub(crate) fn reload(&self, config: &str) -> Outcome {
        fs::write(self.who.folder().join("config"), config)?;
        self.signal(Signal::SIGHUP)
    }

    /// Waits until it is at rest: it uses less than a quarter of a core.
    pub(crate) fn settle(&self) -> Outcome {
        const LOOK: Duration = Duration::from_millis(300);
        for _ in 0..1000 {
            let before = self.cpu()?;
            thread::sleep(LOOK);
            if self.cpu()? - before < LOOK / 4 {
                return Ok(());
            }
        }
        Err(format!("{:?} does not come to rest", self.who).into())
    }

    /// Processor time of it, its children, and the programs that they have waited for.
    pub(crate) fn cpu(&self) -> Outcome<Duration> {
        let mut time = Duration::ZERO;
        for pid in self.family()? {
            // One that ends meanwhile has been waited for, or will be.
            time += threads_time(pid).unwrap_or_default();
            // USER_HZ is 100 on every architecture that Linux tells it to.
            time += Duration::from_millis(stat(pid).map_or(0, |stat| stat.waited_for) * 10);
        }
        Ok(time)
    }

    /// Resident memory of it and its children, in bytes.
    pub(crate) fn memory(&self) -> Outcome<u64> {
        let mut bytes = 0;
        for pid in self.family()? {
            bytes += stat(pid)?.resident_pages * 4096;
        }
        Ok(bytes)
    }

    /// Bytes of governess's record of what it wrote to the table.
    pub(crate) fn intents(&self) -> Outcome<u64> {
        Ok(fs::metadata(self.who.folder().join("intents"))?.len())
    }

    /// The end of what it said.
    pub(crate) fn said(&self) -> String {
        let said = fs::read(self.who.folder().join("said")).unwrap_or_default();
        let said = String::from_utf8_lossy(&said).into_owned();
        let lines: Vec<&str> = said.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Waits until it says a word that it has not said before.
    pub(crate) fn until_said(&self, word: &str) -> Outcome {
        let said = || fs::read_to_string(self.who.folder().join("said"));
        match kernel::until(Duration::from_secs(240), || Ok(said()?.contains(word)))? {
            Some(_) => Ok(()),
            None => Err(format!("{:?} does not say {word}: {}", self.who, self.said()).into()),
        }
    }

    fn signal(&self, signal: Signal) -> Outcome {
        kill(Pid::from_raw(i32::try_from(self.pid())?), signal)?;
        Ok(())
    }

    fn signal_family(&self, signal: Signal) -> Outcome {
        for pid in self.family()? {
            match kill(Pid::from_raw(i32::try_from(pid)?), signal) {
                // A program that it started has ended meanwhile.
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// It and its descendants.
    fn family(&self) -> Outcome<Vec<u32>> {
        let mut parents = Vec::new();
        for entry in fs::read_dir("/proc")?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Ok(pid) = name.parse::<u32>()
                && let Ok(stat) = stat(pid)
            {
                parents.push((pid, stat.parent));
            }
        }
        let mut family = vec![self.pid()];
        let mut at = 0;
        while let Some(parent) = family.get(at).copied() {
            let children = parents.iter().filter(|(_, of)| *of == parent);
            family.extend(children.map(|(pid, _)| *pid));
            at += 1;
        }
        Ok(family)
    }
}

impl Drop for Director {
    fn drop(&mut self) {
        let _ = self.signal_family(Signal::SIGKILL);
        let _ = self.child.wait();
        let clear = ["netns", "exec", self.who.place(), "ipvsadm", "-C"];
        let _ = Program::new("/sbin/ip", &clear).output();
    }
}

/// What the threads of a process have run, to the nanosecond: the first number of each `schedstat`
/// (`Documentation/scheduler/sched-stats.rst` of Linux).
fn threads_time(pid: u32) -> Outcome<Duration> {
    let mut time = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
        let text = fs::read_to_string(thread.path().join("schedstat"))?;
        let ran = text.split(' ').next().ok_or("schedstat is empty")?;
        time += Duration::from_nanos(ran.parse()?);
    }
    Ok(time)
}

/// Of `/proc/PID/stat`, proc(5).
struct Stat {
    parent: u32,
    /// User and system time of the children that it has waited for, in ticks.
    waited_for: u64,
    resident_pages: u64,
}

fn stat(pid: u32) -> Outcome<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    parse(&text).ok_or_else(|| format!("/proc/{pid}/stat is not understood: {text}").into())
}

fn parse(text: &str) -> Option<Stat> {
    // The name before it may contain anything.
    let (_, rest) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // proc(5) counts from 1, and the third field is the first here.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Stat {
        parent: u32::try_from(field(4)?).ok()?,
        waited_for: field(16)? + field(17)?,
        resident_pages: field(24)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let text = "7 (a) b) S 3 7 7 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 9 8192 55 1 1";
        let read = parse(text).unwrap();
        assert_eq!(
            (read.parent, read.waited_for, read.resident_pages),
            (3, 70, 55)
        );
    }
}
