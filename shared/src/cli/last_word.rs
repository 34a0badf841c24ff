//! The failing answer for the moments in which nothing else works any more: a panic, memory that
//! is used up, a limit of CPU time, code that hangs.
//!
//! Death by a signal counts as "healthy" for ldirectord and for nanny, so the signals that this
//! process can bring upon itself are caught and end in the failing answer. SIGTERM and SIGINT
//! keep their default action: they come from outside, and hosts expect it.

use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use super::asker::Asker;
use super::delivery;
use crate::host_mode::Answer;
use crate::text::quoted;
use crate::verdict::Kind;

/// Signals that a process brings upon itself: abort (memory used up), faults, the limit of CPU
/// time, and the alarm of [`set_alarm`].
const OWN_SIGNALS: [libc::c_int; 7] = [
    libc::SIGABRT,
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGXCPU,
    libc::SIGALRM,
];

/// The words for EMFILE, ENFILE, ENOMEM and EAGAIN (of starting a thread or a process).
const SHORTAGES: [&str; 4] = [
    "Too many open files",
    "Cannot allocate memory",
    "out of memory",
    "Resource temporarily unavailable",
];

/// How long the second alarm comes after the first.
const SECOND_ALARM: Duration = Duration::from_millis(500);

static LAST_WORD: OnceLock<Answer> = OnceLock::new();
static ALARMS: AtomicU32 = AtomicU32::new(0);
static SPOKEN: AtomicBool = AtomicBool::new(false);
static STDOUT_WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Prepares the failing answer for `asker`, silences stderr for good, and makes panics and the
/// signals that this process can bring upon itself end in that answer.
pub(super) fn arm(asker: Asker, check: &'static str) {
    LAST_WORD.get_or_init(|| {
        let summary = "this check broke down or hung, by a defect of its own or a limit of this \
                       machine; nothing is known of the server";
        asker.failing(check, Kind::Internal, summary, &[])
    });
    silence_stderr();
    std::panic::set_hook(Box::new(move |panic| leave_panicking(asker, check, panic)));
    catch_own_signals();
}

/// From here on the answer is being written; a last word must not be mixed into it.
pub(super) fn mark_spoken() {
    SPOKEN.store(true, Ordering::SeqCst);
}

/// Whether this process was started without a stdout. The standard library puts /dev/null in its
/// place before `main`, so that it cannot be seen later.
pub(super) fn stdout_was_closed() -> bool {
    STDOUT_WAS_CLOSED.load(Ordering::SeqCst)
}

fn leave_panicking(asker: Asker, check: &str, panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let what = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let place = panic.location().map(ToString::to_string);
    let what = quoted(what.as_bytes(), 300);
    let (kind, summary) = if SHORTAGES.iter().any(|shortage| what.contains(shortage)) {
        // Libraries panic where they could have told.
        let summary = format!(
            "this machine ran short of something: {what}; raise the limits of open files and \
             memory of the program that starts this check; nothing is known of the server"
        );
        (Kind::Resources, summary)
    } else {
        let summary = format!(
            "this check has a defect, please report it: {what} at {}; nothing is known of the \
             server",
            place.unwrap_or_default()
        );
        (Kind::Internal, summary)
    };
    let answer = asker.failing(check, kind, &summary, &[]);
    // Whether it was heard or not, the code is the failing one.
    let _ = delivery::deliver(&answer.stdout, Duration::from_millis(100));
    std::process::exit(i32::from(answer.code));
}

/// Icinga 2 reads stderr into the status line. Closing first makes room for the descriptor even
/// where the limit of open files leaves none.
fn silence_stderr() {
    let _ = nix::unistd::close(libc::STDERR_FILENO);
    if let Ok(null) = nix::fcntl::open("/dev/null", OFlag::O_WRONLY, Mode::empty()) {
        // It is descriptor 2 now, for the rest of this process.
        std::mem::forget(null);
    }
}

/// Ends this process with the failing answer some time after `budget`: at the second alarm, not
/// the first, because a process that was stopped past its time and continued gets the first
/// alarm at once and must still be able to look at what came meanwhile.
pub(super) fn set_alarm(budget: Duration) {
    let timer = libc::itimerval {
        it_value: timeval(budget),
        it_interval: timeval(SECOND_ALARM),
    };
    // SAFETY: both pointers are valid for the call: one to a local, one null, which is allowed.
    unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) };
}

fn timeval(duration: Duration) -> libc::timeval {
    libc::timeval {
        tv_sec: libc::time_t::try_from(duration.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_usec: libc::suseconds_t::from(duration.subsec_micros().cast_signed()),
    }
}

fn catch_own_signals() {
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
    // A host may block signals around its fork, and a blocked alarm would never ring.
    let _ = SigSet::all().thread_unblock();
    let catch = SigAction::new(
        SigHandler::Handler(speak_and_leave),
        SaFlags::SA_ONSTACK | SaFlags::SA_RESTART,
        SigSet::empty(),
    );
    let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    let own = OWN_SIGNALS
        .into_iter()
        .filter_map(|number| Signal::try_from(number).ok());
    for signal in own {
        // SAFETY: speak_and_leave uses atomics and async-signal-safe calls only.
        let _ = unsafe { sigaction(signal, &catch) };
    }
    // Past the limit of file size, write(2) shall return EFBIG instead of killing.
    // SAFETY: ignoring a signal runs no code of ours.
    let _ = unsafe { sigaction(Signal::SIGXFSZ, &ignore) };
}

/// The handler: writes the prepared answer unless one is on its way, and leaves.
extern "C" fn speak_and_leave(signal: libc::c_int) {
    if signal == libc::SIGALRM && ALARMS.fetch_add(1, Ordering::SeqCst) == 0 {
        return;
    }
    let (bytes, code) = match LAST_WORD.get() {
        Some(answer) => (answer.stdout.as_slice(), i32::from(answer.code)),
        None => (&[][..], 3),
    };
    let unspoken = !SPOKEN.swap(true, Ordering::SeqCst);
    let mut stdout = libc::pollfd {
        fd: libc::STDOUT_FILENO,
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: poll, write and _exit are async-signal-safe; the pointers refer to a local and to
    // a static that is never changed once it is set.
    unsafe {
        if unspoken && libc::poll(&raw mut stdout, 1, 0) == 1 {
            libc::write(libc::STDOUT_FILENO, bytes.as_ptr().cast(), bytes.len());
        }
        libc::_exit(code)
    }
}

/// Run by the C library before `main` and before the standard library touches descriptor 1.
#[used]
// SAFETY: the section holds pointers to C functions, and the function is one.
#[unsafe(link_section = ".init_array")]
static LOOK_AT_STDOUT: extern "C" fn() = look_at_stdout;

extern "C" fn look_at_stdout() {
    // SAFETY: fcntl with F_GETFD only reports whether the descriptor is open.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
    STDOUT_WAS_CLOSED.store(flags == -1, Ordering::SeqCst);
}
