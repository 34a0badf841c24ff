//! No peer makes a check large: the peak of both programs, whatever is sent to them.

use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use lookalike::rdp::Behaviour;

use crate::host::{built, check};
use crate::servers::behaving;

/// The most that a run may take, in bytes.
const MOST: u64 = 16 * 1024 * 1024;

/// The peers that send as much as they can, and the healthy one to compare with.
const PEERS: [Behaviour; 6] = [
    Behaviour::Confirms,
    Behaviour::Floods,
    Behaviour::TlsFloods,
    Behaviour::TlsPlainText,
    Behaviour::NlaFloods,
    Behaviour::NlaMalformed,
];

#[test]
fn no_peer_makes_a_check_larger_than_16_mib() {
    for depth in ["", "--tls", "--nla"] {
        for behaviour in PEERS {
            let peak = peak(behaving(behaviour), depth);
            println!(
                "{:6} {behaviour:?}: {:.1} MiB",
                depth,
                peak as f64 / 1024.0 / 1024.0
            );
            assert!(
                peak > 500_000,
                "{peak} bytes are not the peak of a program that ran"
            );
            assert!(peak <= MOST, "{depth} {behaviour:?}: {peak} bytes");
        }
    }
}

/// The larger peak of the check and of the second program, which the check has waited for: the
/// kernel gives the maximum over both (getrusage(2), `RUSAGE_CHILDREN`).
fn peak(server: SocketAddr, depth: &str) -> u64 {
    let options: Vec<&str> = depth.split_whitespace().chain(["-t", "5"]).collect();
    let mut command: Command = check(&built("check_x224"), server, &options);
    command.stdout(Stdio::null());
    // SAFETY: the closure does nothing. That there is one makes the standard library fork rather
    // than share this process's memory with the child, which would count as the child's own.
    unsafe { command.pre_exec(|| Ok(())) };
    peak_of(&command.spawn().unwrap())
}

/// `wait4(2)`; the child must not be waited for again.
fn peak_of(child: &Child) -> u64 {
    let pid = libc::pid_t::try_from(child.id()).unwrap();
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: a null status is allowed, and usage lives through the call.
    let waited = unsafe { libc::wait4(pid, std::ptr::null_mut(), 0, usage.as_mut_ptr()) };
    assert_eq!(waited, pid);
    // SAFETY: plain numbers, zeroed above and filled by the kernel.
    let kibibytes = unsafe { usage.assume_init() }.ru_maxrss;
    u64::try_from(kibibytes).unwrap() * 1024
}
