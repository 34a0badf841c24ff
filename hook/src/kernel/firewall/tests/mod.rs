mod complaints;
mod kernel;
mod script;

use std::net::IpAddr;

use crate::setup::{Firewall, MarkRule, Masquerade, Traffic};
use crate::table::Protocol;

/// The rules of the original set-up.
pub(crate) fn original() -> Firewall {
    Firewall {
        marks: vec![
            tcp("192.168.1.35", &[25, 80, 443, 465, 587, 717, 2525], 80),
            everything("192.168.1.36", 1),
            everything("192.168.1.37", 2),
        ],
        masquerade: vec![masquerade("10.0.1.0/24", "eth0")],
    }
}

pub(crate) fn tcp(vip: &str, ports: &[u16], mark: u32) -> MarkRule {
    let traffic = Traffic::Ports {
        protocol: Protocol::Tcp,
        ports: ports.to_vec(),
    };
    MarkRule {
        traffic,
        ..everything(vip, mark)
    }
}

pub(crate) fn everything(vip: &str, mark: u32) -> MarkRule {
    MarkRule {
        vip: vip.parse::<IpAddr>().unwrap(),
        traffic: Traffic::Everything,
        mark,
    }
}

pub(crate) fn masquerade(source: &str, outside: &str) -> Masquerade {
    Masquerade {
        source: source.parse().unwrap(),
        outside: outside.to_owned(),
        bears: None,
    }
}

/// Calls `test` in a network namespace of its own, which ends with it.
pub(crate) fn in_namespace<T: Send>(test: impl FnOnce() -> T + Send) -> T {
    let within = || {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET)
            .expect("a network namespace of its own: this test needs root");
        test()
    };
    std::thread::scope(|scope| {
        scope
            .spawn(within)
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Runs a tool with some input, and gives what it printed if it succeeded.
pub(crate) fn tool(program: &str, arguments: &[&str], input: &str) -> String {
    let limits = super::command::Limits {
        time: std::time::Duration::from_secs(60),
        output: 64 << 20,
    };
    let outcome = super::command::run(program, arguments, input, limits);
    let outcome = outcome.unwrap_or_else(|failure| panic!("{program}: {failure:?}"));
    assert!(
        outcome.status.success(),
        "{program} {arguments:?} ended with {}: {}\nafter this input:\n{input}",
        outcome.status,
        outcome.stderr
    );
    outcome.stdout
}

pub(crate) fn nft(script: &str) -> String {
    tool("nft", &["-f", "-"], script)
}
