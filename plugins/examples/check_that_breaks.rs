//! A check with the shell of every check around it and nothing inside but an outcome, or a way to
//! break down, named by its `--way` or its `--hostname`. Called by the name of the second program it is that one instead.
//!
//! Tests show with it that a host is answered whatever breaks. An example, so that it is never
//! among the programs of a release build.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use clap::Parser;
use shared::cli::{ASSISTANT, Common, Plugin, Request, Server, assist, run};
use shared::deadline::Deadline;
use shared::verdict::{Condition, Finding, Kind, Verdict};

/// It answers under this name, so that hosts see no difference.
const NAME: &str = plugins::x224::NAME;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    server: Server,
    /// The way to break down, where the host itself names the server
    #[arg(long)]
    way: Option<String>,
    /// Break down in the second program
    #[arg(long)]
    tls: bool,
    #[command(flatten)]
    common: Common,
}

impl Arguments {
    fn way(&self) -> &str {
        self.way.as_ref().unwrap_or(&self.server.hostname)
    }
}

impl Plugin for Arguments {
    const NAME: &'static str = NAME;
    const USAGE: &'static str = "check_that_breaks -H WAY -p PORT [--tls]";
    const MANUAL: &'static str = "";

    fn common(&self) -> &Common {
        &self.common
    }

    fn needs_tls(&self) -> bool {
        self.tls
    }

    async fn check(self, _deadline: Deadline) -> Verdict {
        break_down(self.way())
    }
}

fn main() {
    let called = std::env::args_os().next().unwrap_or_default();
    if Path::new(&called).file_name() == Some(ASSISTANT.as_ref()) {
        assist(|request: Request| async move {
            match request.options::<Arguments>() {
                Ok(arguments) => break_down(arguments.way()),
                Err(verdict) => *verdict,
            }
        })
    }
    run::<Arguments>()
}

fn break_down(way: &str) -> Verdict {
    match way {
        "panic" => panic!("injected"),
        "panic-in-a-thread" => {
            std::thread::spawn(|| panic!("injected"));
            std::thread::sleep(Duration::from_secs(3600));
        }
        "abort" => std::process::abort(),
        "stack" => {
            black_box(endless(0));
        }
        "memory" => {
            let mut kept = Vec::new();
            loop {
                kept.push(vec![1_u8; 1 << 20]);
            }
        }
        "spin" => loop {
            black_box(way);
        },
        "hang" => std::thread::sleep(Duration::from_secs(3600)),
        _ => {}
    }
    let (condition, kind, summary) = match way {
        "up" => (Condition::Healthy, Kind::Ok, "it works"),
        "degraded" => (Condition::Degraded, Kind::Insecure, "it works without TLS"),
        "down" => (
            Condition::Failed,
            Kind::Silent,
            "it accepts and says nothing",
        ),
        "unknown" => (
            Condition::Unknown,
            Kind::Resolve,
            "its name does not resolve",
        ),
        _ => (
            Condition::Maintenance,
            Kind::Maintenance,
            "the server says that it is in maintenance",
        ),
    };
    let finding = Finding::new(condition, kind, summary);
    Verdict::new(NAME, "rs1", Some(3389), finding)
}

/// Uses the stack up.
fn endless(depth: u64) -> u64 {
    let room = black_box([depth; 512]);
    match black_box(depth) {
        u64::MAX => 0,
        _ => room.iter().sum::<u64>() + endless(depth + 1),
    }
}
