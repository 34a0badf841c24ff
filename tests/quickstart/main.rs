//! The story that `packaging/quickstart` tells: two look-alike Exchange servers on loopback,
//! governess on the table in memory, one server that falls ill and comes back.
//!
//! It says only what it has seen in `governess status`, and ends with failure if something that
//! should happen is not seen.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use lookalike::control;
use lookalike::exchange::{Exchange, Names, Ports};
use lookalike::switch::HEALTHY;
use serde_json::Value;

/// Tells the story of a server that falls ill and comes back.
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

/// The servers listen on the same ports, each on an address of its own, as real ones do.
const PORTS: Ports = Ports {
    rdp: 33_890,
    https: 34_430,
    mail_offset: 20_000,
};

/// Where the faults of a server are switched.
const CONTROL_PORT: u16 = 33_800;

const EX1: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 77, 0, 1));
const EX2: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 77, 0, 2));

/// The checks of both servers, as the config file has them.
const CHECKS: &[(&str, &str)] = &[
    ("rdp", "x224 = { port = 33890, tls = true }"),
    ("mail", "smtp = { ports = [20025] }"),
    (
        "owa",
        "owa = { port = 34430, host = \"mail.exch.test\", vdirs = [\"owa\", \"ews\"] }",
    ),
];

/// How often, so that the story does not take long.
const PACE: &str = "interval = \"1s\"\ntimeout = \"1s\"\nretry_interval = \"500ms\"";

/// What happens to ex1 in the story, one after the other; it gets well after each.
const SCENES: &[Scene] = &[
    Scene {
        told: "The RDP service of ex1 hangs now: its port still accepts connections, but nobody\n  \
               answers. A check that only connects would stay green.",
        service: "rdp",
        behaviour: "hangs",
        health: "down",
        consequence: "Established sessions on ex1 were not cut; new ones go to ex2.",
    },
    Scene {
        told: "An administrator puts the mail service of ex1 into maintenance. The server says so\n  \
               itself (421 4.3.2), and governess takes its word at once.",
        service: "smtp/25",
        behaviour: "maintenance_banner",
        health: "maintenance",
        consequence: "Nobody is woken: maintenance is no failure, and ex2 serves meanwhile.",
    },
    Scene {
        told: "Outlook on the web is taken offline on ex1: the server closes a request for its health\n  \
               page without an answer. That could be chance, so governess believes the third one.",
        service: "owa",
        behaviour: "offline",
        health: "maintenance",
        consequence: "A check that only asks for a certificate or a logon page would have seen nothing.",
    },
];

/// One illness of ex1.
struct Scene {
    told: &'static str,
    service: &'static str,
    behaviour: &'static str,
    /// What governess must make of it.
    health: &'static str,
    consequence: &'static str,
}

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
    let ex1 = server(EX1, "EX1")?;
    server(EX2, "EX2")?;
    say(&format!(
        "Two look-alike Exchange servers answer on {EX1} and {EX2}."
    ));
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

fn story(governess: &Governess, ex1: &Exchange) -> Outcome {
    governess.wait_for("both servers up, weight 1", |server| {
        server("ex1") == ("up", 1) && server("ex2") == ("up", 1)
    })?;
    governess.show()?;
    for scene in SCENES {
        say(scene.told);
        ex1.switch(scene.service, scene.behaviour)?;
        let seen = format!("ex1 {} with weight 0, ex2 serving alone", scene.health);
        governess.wait_for(&seen, |server| {
            server("ex1") == (scene.health, 0) && server("ex2") == ("up", 1)
        })?;
        governess.show()?;
        say(&format!("{} Now ex1 is well again.", scene.consequence));
        ex1.switch(scene.service, HEALTHY)?;
        governess.wait_for("ex1 up again with its weight", |server| {
            server("ex1") == ("up", 1) && server("ex2") == ("up", 1)
        })?;
        governess.show()?;
    }
    say("That is the main job: a check decided, and the table obeyed, both ways.");
    Ok(())
}

fn stay(governess: &Governess) -> Outcome {
    say(&format!(
        "It goes on until Ctrl-C. In a browser: http://{PAGE}/, or from another terminal:\n    \
         {} status -c {}\n  \
         Make ex1 ill yourself, in bash, and well again:\n    \
         echo 'rdp closes' >/dev/tcp/{EX1}/{CONTROL_PORT}\n    \
         echo 'rdp {HEALTHY}' >/dev/tcp/{EX1}/{CONTROL_PORT}",
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

/// A server in health, whose faults are switched by the story and over its control port.
fn server(address: IpAddr, name: &str) -> Outcome<Arc<Exchange>> {
    let names = Names {
        name: name.to_owned(),
        host: "mail.exch.test".to_owned(),
    };
    let exchange = Exchange::listen(address, &names, PORTS).map_err(|error| error.to_string())?;
    let exchange = Arc::new(exchange);
    let listener = TcpListener::bind((address, CONTROL_PORT))
        .map_err(|error| format!("cannot take commands on {address}: {error}"))?;
    control::obey(listener, Arc::clone(&exchange));
    Ok(exchange)
}

fn write_config(folder: &Path) -> Outcome<PathBuf> {
    let state = folder.display();
    let checks: String = CHECKS
        .iter()
        .map(|(name, what)| format!("[checks.{name}]\n{what}\n{PACE}\n\n"))
        .collect();
    let names: Vec<&str> = CHECKS.iter().map(|(name, _)| *name).collect();
    let text = format!(
        r#"[director]
backend = "memory"
state_dir = "{state}/state"
control = "{state}/control.sock"
status = "{PAGE}"

{checks}[servers.ex1]
address = "{EX1}"

[servers.ex2]
address = "{EX2}"

[services.exchange]
fwmark = 80
persistence = "600s"
servers = ["ex1", "ex2"]
checks = {names:?}
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
        Some("maintenance") => "maintenance",
        _ => "not judged",
    };
    (health, server["weight_kernel"].as_i64().unwrap_or(-1))
}

fn say(words: &str) {
    println!("\n* {words}");
}
