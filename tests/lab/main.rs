//! The kernel lab: scenarios on a real IPVS, in network namespaces. Started by `tests/lab/run`
//! in its guest; on a machine whose own kernel has IPVS, `lab run` works as root too.

mod cluster;
mod director;
mod exchange;
mod health;
mod host;
mod ipvs;
mod keepalived;
mod ldirectord;
mod machine;
mod namespace;
mod pair;
mod plugin;
mod process;
mod runner;
mod scenarios;
mod servers;
mod ssh;
mod story;
mod topology;
mod traffic;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

/// What a step of a scenario gives: its value, or the reason why the scenario ends here.
type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Parser)]
#[command(name = "lab", about = "Scenarios on a real kernel's IPVS")]
enum Command {
    /// Prints the names of the scenarios.
    List,
    /// Runs the named scenarios, or all of them, each in namespaces of its own.
    Run { names: Vec<String> },
    /// Tells the story of a server that hangs and comes back, for people who see it for the first time.
    Story,
    /// Runs one scenario right here; `run` calls this in fresh namespaces.
    One { name: String },
}

fn main() -> ExitCode {
    match Command::parse() {
        Command::List => {
            for scenario in scenarios::ALL {
                println!("{}", scenario.name);
            }
            ExitCode::SUCCESS
        }
        Command::Run { names } => runner::run(&names),
        Command::Story => runner::tell(),
        Command::One { name } => runner::one(&name),
    }
}
