//! Network namespaces with names, and what is done in them.

use std::fs::{self, File};
use std::process::Command;
use std::thread;

use nix::sched::{CloneFlags, setns};

use crate::Outcome;
use crate::process::{Ended, checked, fed, to_the_end};

/// One machine of the topology: a network namespace.
pub(crate) struct Namespace {
    name: &'static str,
    handle: File,
}

impl Namespace {
    /// The namespace that `ip netns add` made under this name.
    pub(crate) fn open(name: &'static str) -> Outcome<Self> {
        let path = format!("/run/netns/{name}");
        let handle = File::open(&path).map_err(|error| format!("{path}: {error}"))?;
        Ok(Self { name, handle })
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Does something on a thread that belongs to this namespace. Sockets opened and programs
    /// started there stay in it.
    pub(crate) fn within<T: Send>(&self, deed: impl FnOnce() -> T + Send) -> Outcome<T> {
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                setns(&self.handle, CloneFlags::CLONE_NEWNET)
                    .map_err(|error| format!("cannot enter namespace {}: {error}", self.name))?;
                Ok(deed())
            });
            thread
                .join()
                .unwrap_or_else(|_| Err("a thread panicked".into()))
        })
    }

    /// Runs a program to its end and gives its standard output.
    pub(crate) fn run(&self, program: &str, args: &[&str]) -> Outcome<String> {
        self.within(|| checked(Command::new(program).args(args)))?
    }

    /// Runs a program to its end, however it ends.
    pub(crate) fn run_to_the_end(&self, command: &mut Command) -> Outcome<Ended> {
        let program = command.get_program().to_string_lossy().into_owned();
        self.within(|| to_the_end(command))?
            .map_err(|error| format!("cannot run {program}: {error}").into())
    }

    /// Runs a program to its end with this text as its standard input.
    pub(crate) fn feed(&self, program: &str, args: &[&str], input: &str) -> Outcome {
        self.within(|| fed(Command::new(program).args(args), input))??;
        Ok(())
    }

    /// Writes a sysctl of this namespace, such as `net.ipv4.ip_forward`.
    pub(crate) fn sysctl(&self, name: &str, value: &str) -> Outcome {
        let path = format!("/proc/sys/{}", name.replace('.', "/"));
        self.within(|| fs::write(&path, value))?
            .map_err(|error| format!("{}: cannot write {path}: {error}", self.name).into())
    }
}
