//! The story that `packaging/quickstart` tells: two look-alike RDP servers on loopback, governess
//! on the table in memory, one server that hangs and comes back.
//!
//! It says only what it has seen in `governess status`, and ends with failure if something that
//! should happen is not seen.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

use clap::Parser;
use lookalike::rdp::{Behaviour, Rdp};
use serde_json::Value;

/// Tells the story of a server that hangs and comes back.
#[derive(Parser)]
struct Arguments {
    /// End after the story; otherwise stay until Ctrl-C
    #[arg(long)]
    once: bool,
    /// The governess program to run
    #[arg(long)]
    governess: PathBuf,
}

/// How long each step of the story may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The port that both servers listen on, each on an address of its own, as real servers do.
const PORT: u16 = 33_890;

/// Where governess shows its page: an address that no other governess takes.
const PAGE: &str = "127.77.0.1:3636";

fn main() -> ExitCode {
    match tell(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\nThe story ended badly: {error}");
            ExitCode::FAILURE
        }
    }
}

type Outcome<T = ()> = Result<T, String>;

fn tell(arguments: &Arguments) -> Outcome {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let ex1 = server([127, 77, 0, 1])?;
    let _ex2 = server([127, 77, 0, 2])?;
    say("Two servers answer RDP on 127.77.0.1 and 127.77.0.2, port 33890 (look-alikes).");
    let config = write_config(folder.path())?;
    say(
        "governess starts. It checks both every second and drives a table in memory;\n  \
         on a director it would be the kernel's IPVS table. Its own words are shown as they come.",
    );
    let governess = Governess::start(&arguments.governess, config)?;
    story(&governess, &ex1)?;
    if !arguments.once {
        stay(&governess)?;
    }
    Ok(())
}

fn story(governess: &Governess, ex1: &Rdp) -> Outcome {
    governess.wait_for("both servers up, weight 1", |server| {
        server("ex1") == ("up", 1) && server("ex2") == ("up", 1)
    })?;
    governess.show()?;
    say(
        "ex1 hangs now: its port still accepts connections, but nobody answers.\n  \
         A check that only connects would stay green.",
    );
    ex1.behave(Behaviour::Hangs);
    governess.wait_for("ex1 down with weight 0, ex2 serving alone", |server| {
        server("ex1") == ("down", 0) && server("ex2") == ("up", 1)
    })?;
    governess.show()?;
    say("Established sessions on ex1 were not cut; new ones go to ex2. Now ex1 answers again.");
    ex1.behave(Behaviour::Confirms);
    governess.wait_for("ex1 up again with its weight", |server| {
        server("ex1") == ("up", 1) && server("ex2") == ("up", 1)
    })?;
    governess.show()?;
    say("That is the main job: a check decided, and the table obeyed, both ways.");
    Ok(())
}

fn stay(governess: &Governess) -> Outcome {
    say(&format!(
        "It goes on until Ctrl-C. In a browser: http://{PAGE}/, or from another terminal:\n    \
         {} status -c {}",
        governess.program.display(),
        governess.config.display()
    ));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime
        .block_on(tokio::signal::ctrl_c())
        .map_err(|error| error.to_string())
}

fn server(address: [u8; 4]) -> Outcome<Rdp> {
    let address = SocketAddr::from((address, PORT));
    Rdp::listen(address).map_err(|error| format!("cannot listen on {address}: {error}"))
}

fn write_config(folder: &Path) -> Outcome<PathBuf> {
    let state = folder.display();
    let text = format!(
        r#"[director]
backend = "memory"
state_dir = "{state}/state"
control = "{state}/control.sock"
status = "{PAGE}"

[checks.rdp]
x224 = {{ port = {PORT} }}
interval = "1s"
timeout = "1s"
retry_interval = "500ms"

[servers.ex1]
address = "127.77.0.1"

[servers.ex2]
address = "127.77.0.2"

[services.exchange]
fwmark = 80
persistence = "600s"
servers = ["ex1", "ex2"]
checks = ["rdp"]
"#
    );
    let path = folder.join("governess.toml");
    fs::write(&path, text).map_err(|error| error.to_string())?;
    Ok(path)
}

/// A running governess; it is stopped with the story.
struct Governess {
    program: PathBuf,
    config: PathBuf,
    child: Child,
}

impl Governess {
    fn start(program: &Path, config: PathBuf) -> Outcome<Self> {
        let child = Command::new(program)
            .args(["run", "-c"])
            .arg(&config)
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        Ok(Self {
            program: program.to_owned(),
            config,
            child,
        })
    }

    fn status(&self, options: &[&str]) -> Outcome<String> {
        let output = Command::new(&self.program)
            .args(["status", "-c"])
            .arg(&self.config)
            .args(options)
            .output()
            .map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn show(&self) -> Outcome {
        println!("\n$ governess status");
        for line in self.status(&[])?.lines() {
            println!("  {line}");
        }
        Ok(())
    }

    /// Waits until health and weight of the servers are as the story says.
    fn wait_for(
        &self,
        what: &str,
        seen: impl Fn(&dyn Fn(&str) -> (&'static str, i64)) -> bool,
    ) -> Outcome {
        let began = Instant::now();
        loop {
            let status = self.status(&["--json"]);
            if let Ok(text) = &status {
                let status: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
                if seen(&|name| of_server(&status, name)) {
                    println!("\n  seen in status: {what}");
                    return Ok(());
                }
            }
            if began.elapsed() > PATIENCE {
                return Err(format!(
                    "not seen within {PATIENCE:?}: {what}; status: {status:?}"
                ));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Governess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn of_server(status: &Value, name: &str) -> (&'static str, i64) {
    let servers = status["services"][0]["servers"].as_array();
    let Some(server) = servers
        .into_iter()
        .flatten()
        .find(|server| server["name"] == name)
    else {
        return ("absent", -1);
    };
    let health = match server["health"].as_str() {
        Some("up") => "up",
        Some("down") => "down",
        _ => "not judged",
    };
    (health, server["weight_kernel"].as_i64().unwrap_or(-1))
}

fn say(words: &str) {
    println!("\n* {words}");
}
