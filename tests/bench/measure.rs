//! Running programs and reading what they cost.

use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::Outcome;
use crate::statistics::Round;

/// Rounds before the ones that count: caches fill, files are read from disk.
const WARM_UP: usize = 5;

/// A program with its arguments, to be run many times.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<String>,
}

/// What one run cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time {
    /// User and system time of the process.
    pub(crate) cpu: Duration,
    /// From before its start until its end was seen.
    pub(crate) wall: Duration,
}

impl Program {
    pub(crate) fn new(path: impl Into<PathBuf>, arguments: &[&str]) -> Self {
        Self {
            path: path.into(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
        }
    }

    /// Runs it once and gives what it printed; an exit status other than 0 is an error.
    pub(crate) fn output(&self) -> Outcome<String> {
        let output = self
            .command()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .map_err(|error| self.not_run(&error))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(said);
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(format!("{}: {}: {complaint}{said}", self.words(), output.status).into())
    }

    /// Runs it once for its time. The standard library starts it by `posix_spawn`, which copies
    /// no page tables: the size of this process does not matter.
    pub(crate) fn time(&self) -> Outcome<Time> {
        let begun = Instant::now();
        let child = self
            .command()
            .spawn()
            .map_err(|error| self.not_run(&error))?;
        let usage = self.end(&child)?;
        let wall = begun.elapsed();
        let cpu = duration(usage.ru_utime)? + duration(usage.ru_stime)?;
        Ok(Time { cpu, wall })
    }

    /// Runs it once for its peak resident memory, in bytes.
    ///
    /// The kernel counts the memory that a child has before `exec` too. After `posix_spawn` that
    /// is all of this process; after a plain `fork` it is its few written pages.
    pub(crate) fn peak_memory(&self) -> Outcome<u64> {
        let mut command = self.command();
        // SAFETY: the closure does nothing, so nothing in it is unsafe between fork and exec. That
        // there is one makes the standard library fork.
        unsafe { command.pre_exec(|| Ok(())) };
        let child = command.spawn().map_err(|error| self.not_run(&error))?;
        let kibibytes = u64::try_from(self.end(&child)?.ru_maxrss)?;
        Ok(kibibytes * 1024)
    }

    /// The same environment for both sides, and nothing read or printed.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Waits for its end, which must be a success.
    fn end(&self, child: &Child) -> Outcome<libc::rusage> {
        let (status, usage) = wait(child).map_err(|error| self.not_run(&error))?;
        if libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0 {
            return Ok(usage);
        }
        Err(format!("{} failed with wait status {status:#x}", self.words()).into())
    }

    fn not_run(&self, error: &io::Error) -> String {
        format!("cannot run {}: {error}", self.words())
    }

    fn words(&self) -> String {
        format!("{} {}", self.path.display(), self.arguments.join(" "))
    }
}

/// `wait4(2)`: the status and the resources of this one child. `child` must not be waited for
/// again.
fn wait(child: &Child) -> io::Result<(libc::c_int, libc::rusage)> {
    let pid = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    loop {
        // SAFETY: both pointers are to locals that live through the call.
        let waited = unsafe { libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()) };
        if waited == pid {
            // SAFETY: rusage is plain numbers, zeroed above and filled by the kernel.
            return Ok((status, unsafe { usage.assume_init() }));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

fn duration(time: libc::timeval) -> Outcome<Duration> {
    let micros = u64::try_from(time.tv_usec)?;
    Ok(Duration::from_secs(u64::try_from(time.tv_sec)?) + Duration::from_micros(micros))
}

/// Measures both sides many times, one right after the other; who begins changes with each round.
pub(crate) fn interleaved<T>(
    rounds: usize,
    mut ours: impl FnMut() -> Outcome<T>,
    mut peer: impl FnMut() -> Outcome<T>,
) -> Outcome<Vec<(T, T)>> {
    let mut measured = Vec::with_capacity(rounds);
    for at in 0..WARM_UP + rounds {
        let both = if at % 2 == 0 {
            let ours = ours()?;
            (ours, peer()?)
        } else {
            let peer = peer()?;
            (ours()?, peer)
        };
        if at >= WARM_UP {
            measured.push(both);
        }
    }
    Ok(measured)
}

/// One quantity of what was measured on both sides.
pub(crate) fn rounds<T>(measured: &[(T, T)], quantity: impl Fn(&T) -> f64) -> Vec<Round> {
    let round = |(ours, peer): &(T, T)| Round {
        ours: quantity(ours),
        peer: quantity(peer),
    };
    measured.iter().map(round).collect()
}

/// Binds this thread to the first core that it may use, and with it the threads and programs that
/// it starts from now on. On one core, what others do on the rest disturbs least, and nobody waits
/// for a sleeping core to wake up.
pub(crate) fn bind_to_one_core() -> Outcome {
    let usable = sched_getaffinity(Pid::from_raw(0))?;
    let core = (0..CpuSet::count()).find(|core| usable.is_set(*core) == Ok(true));
    let mut one = CpuSet::new();
    one.set(core.ok_or("no core may be used")?)?;
    sched_setaffinity(Pid::from_raw(0), &one)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(path: &str, arguments: &[&str]) -> Program {
        Program::new(path, arguments)
    }

    #[test]
    fn the_memory_of_a_small_program_is_its_own_and_not_of_this_process() {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let ours = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        let ours: u64 = ours.trim().trim_end_matches(" kB").parse().unwrap();
        let its = program("/bin/true", &[]).peak_memory().unwrap();
        assert!(its > 100 * 1024, "{its}");
        assert!(its < ours * 1024, "{its}");
    }

    #[test]
    fn a_run_takes_its_wall_time_and_little_more_cpu_than_it_uses() {
        let time = program("/bin/sleep", &["0.2"]).time().unwrap();
        assert!(time.wall >= Duration::from_millis(200), "{time:?}");
        assert!(time.cpu > Duration::ZERO, "{time:?}");
        assert!(time.cpu < Duration::from_millis(100), "{time:?}");
    }

    #[test]
    fn a_failing_run_is_no_measurement() {
        let failing = program("/bin/false", &[]);
        assert!(failing.time().is_err());
        assert!(failing.peak_memory().is_err());
        assert!(failing.output().is_err());
        assert!(program("/no/such/program", &[]).time().is_err());
    }

    #[test]
    fn both_sides_run_in_turn_and_the_first_rounds_do_not_count() {
        let order = std::cell::RefCell::new(String::new());
        let side = |name| {
            order.borrow_mut().push(name);
            Ok(order.borrow().len())
        };
        let measured = interleaved(2, || side('o'), || side('p')).unwrap();
        assert_eq!(measured.len(), 2);
        assert_eq!(order.into_inner(), "oppo".repeat(4)[..14]);
        let first = 2 * WARM_UP;
        assert_eq!(measured.first(), Some(&(first + 2, first + 1)));
    }
}
