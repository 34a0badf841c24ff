//! The command line of `governess`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use serde_json::Value;
use shared::verdict::Condition;

use super::control::{self, Request};
use super::events;
use super::export;
use super::plan;
use super::push::{self, Newer};
use super::replay;
use super::sessions;
use super::status::Status;
use super::why;
use super::wish;
use crate::config::Config;
use crate::config::import::{self, Format, Remark};
use crate::director::plan_for_healthy;
use crate::director::wishes::Wishes;
use crate::host;
use crate::intake::reported;
use crate::kernel::{backend, connections};
use crate::setup::Setup;

/// Exit code of a usage error (`EX_USAGE` of sysexits.h).
const USAGE: u8 = 64;

/// Makes the kernel's IPVS table follow what the checks find.
#[derive(Debug, Parser)]
#[command(name = "governess", version, about, max_term_width = 80)]
struct Arguments {
    /// The configuration file
    #[arg(
        short,
        long,
        global = true,
        value_name = "FILE",
        default_value = "/etc/governess/governess.toml"
    )]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

/// The parser, for manual pages and shell completions.
pub fn command() -> clap::Command {
    <Arguments as clap::CommandFactory>::command()
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the director in the foreground until SIGTERM or SIGINT
    Run,
    /// Judge the configuration file and touch nothing
    Verify,
    /// Show what would be changed in the table, and change nothing.
    /// Exit 0: nothing to do; 2: something to do; 1: error
    Plan {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the kernel's connections, by server
    Sessions,
    /// Give a server no new connections; done when the old ones have ended, or at the deadline.
    /// It stays out until it is enabled
    Drain(wish::Drain),
    /// Give a server no new connections until it is enabled
    Disable(wish::Disable),
    /// End a drain or `disable`: the server's health counts again
    Enable(wish::Enable),
    /// Give a server another weight than the configured one
    Weight(wish::Weight),
    /// Write the set-up in another tool's words; needs no director and changes nothing
    Export {
        #[command(subcommand)]
        format: Words,
    },
    /// Show what happened, from the journal
    Events {
        /// Go on as events come, until interrupted
        #[arg(long)]
        follow: bool,
        /// As JSON, one event a line
        #[arg(long)]
        json: bool,
    },
    /// Explain a server: what was found, which rule decided, what to do
    Why {
        /// The server's name in the configuration
        server: String,
    },
    /// Show what this configuration would have done with a history, side by side with what was
    /// done. Exit 0: the same; 2: something else; 1: error
    Replay {
        /// A journal, events.jsonl; the files put aside beside it are read too
        events: PathBuf,
    },
    /// Turn another program's file into a governess.toml, on standard output.
    /// What is not carried over is told with its line, on standard error and at the file's head
    Import {
        /// lvs.cf, ldirectord.cf, the output of `ipvsadm -Sn`, or keepalived.conf; - is standard
        /// input
        file: PathBuf,
        /// Whose file it is; guessed if not given
        #[arg(long, value_name = "PROGRAM")]
        from: Option<Format>,
        /// Packet filter rules of the old set-up, as iptables-save prints them or a script of
        /// iptables commands: they know the ports of a mark, and the masquerade
        #[arg(long, value_name = "FILE")]
        iptables: Option<PathBuf>,
    },
    /// Bring the configuration file to the other director: judged here and there, put in place as
    /// one, taken over by the director that runs there
    Push {
        /// Where, as ssh knows it
        #[arg(value_name = "HOST")]
        host: String,
        /// Also over a file that is newer there
        #[arg(long)]
        force: bool,
    },
    /// The far side of push: takes the file from standard input
    #[command(hide = true)]
    Receive {
        /// When the file sent was changed, in seconds since 1970
        #[arg(long)]
        modified: u64,
        /// Also over a file that is newer here
        #[arg(long)]
        force: bool,
    },
    /// Take in one result that another program found, for a check with `reported = {}`.
    /// For event handlers and for OCSP commands
    Report {
        /// The server's name in the configuration, or its address
        server: String,
        /// The check's name in the configuration
        check: String,
        /// 0 to 3; ok, warning, critical, unknown; or up, down, unreachable
        #[arg(value_parser = state)]
        state: Condition,
        /// What the other program said
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        text: Vec<String>,
        /// Results of the type SOFT are still being repeated, and are not taken
        #[arg(long, value_name = "HARD|SOFT", default_value = "HARD", ignore_case = true,
              value_parser = ["HARD", "SOFT"])]
        state_type: String,
    },
    /// Show what the running director knows
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
        /// Again every second until interrupted
        #[arg(long)]
        watch: bool,
    },
}

/// Whose words an export is in.
#[derive(Debug, Subcommand)]
enum Words {
    /// A script for `nft -f`: marks and masquerade
    Nft {
        /// Instead, a packet filter that lets the traffic through: a proposal
        #[arg(long)]
        filter: bool,
    },
    /// Rules for iptables-restore: marks and masquerade
    Iptables,
    /// Lines for /etc/sysctl.d
    Sysctl,
    /// Rules for `ipvsadm -R`, every server healthy
    Ipvsadm,
    /// keepalived's file for the two directors of a [pair]
    Keepalived,
    /// Lines for /etc/hosts
    Hosts,
}

/// Runs the command line; the exit code is the answer for scripts.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() {
                ExitCode::from(USAGE)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    match carry_out(&arguments) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "governess: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(arguments: &Arguments) -> Result<ExitCode> {
    if let Command::Import {
        file,
        from,
        iptables,
    } = &arguments.command
    {
        return show_import(file, *from, iptables.as_deref());
    }
    if let Command::Receive { modified, force } = arguments.command {
        // There may be no file here yet, or a bad one.
        let told = push::receive(&arguments.config, modified, newer(force))?;
        say(&format!("{told}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = Config::load(&arguments.config)?;
    match &arguments.command {
        Command::Import { .. } => Ok(ExitCode::SUCCESS),
        Command::Events { follow, json } => show_events(&config, *follow, *json),
        Command::Why { server } => show_why(&config, server),
        Command::Replay { events } => show_replay(&config, events),
        Command::Run => crate::run::run(&arguments.config, config).map(|()| ExitCode::SUCCESS),
        Command::Verify => verify(arguments, &config),
        Command::Plan { json } => show_plan(&config, *json),
        Command::Sessions => show_sessions(&config),
        Command::Drain(drain) => drain.carry_out(&config),
        Command::Disable(disable) => disable.carry_out(&config),
        Command::Enable(enable) => enable.carry_out(&config),
        Command::Weight(weight) => weight.carry_out(&config),
        Command::Export { format } => show_export(&config, format),
        Command::Push { host, force } => {
            push::push(&arguments.config, host, newer(*force))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Receive { .. } => Ok(ExitCode::SUCCESS),
        Command::Report {
            server,
            check,
            state,
            text,
            state_type,
        } => {
            let result = reported::Result {
                server: server.clone(),
                check: check.clone(),
                condition: *state,
                text: text.join(" "),
            };
            report(&config, &result, state_type)
        }
        Command::Status { json, watch: false } => show_status(&config, *json),
        Command::Status { json, watch: true } => watch_status(&config, *json),
    }
}

fn show_import(file: &Path, from: Option<Format>, iptables: Option<&Path>) -> Result<ExitCode> {
    let read = |path: &Path| read_any(path).with_context(|| format!("reading {}", path.display()));
    let rules = iptables.map(read).transpose()?;
    let told = |remark: &Remark| {
        let separator = if remark.line > 0 { ":" } else { ": " };
        let words = remark.to_string();
        let words = words.strip_prefix("line ").unwrap_or(&words);
        let _ = writeln!(io::stderr(), "{}{separator}{words}", file.display());
    };
    match import::import(&read(file)?, from, rules.as_deref()) {
        Ok(imported) => {
            imported.remarks.iter().for_each(told);
            say(&imported.toml)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(refusals) => {
            refusals.iter().for_each(told);
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Ends well when nobody reads any more.
fn show_events(config: &Config, follow: bool, json: bool) -> Result<ExitCode> {
    let path = config.director.state_dir.join("events.jsonl");
    let mut follower = events::Follower::new(&path);
    loop {
        let records = follower
            .news()
            .with_context(|| format!("reading {}", path.display()))?;
        let mut text = String::new();
        for record in records {
            if json {
                text += &serde_json::to_string(&record)?;
                text.push('\n');
            } else if record.event != "reading" {
                text += &record.page();
                text.push('\n');
            }
        }
        match say(&text) {
            Ok(()) if follow => std::thread::sleep(events::PERIOD),
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error.into()),
            _ => return Ok(ExitCode::SUCCESS),
        }
    }
}

fn show_why(config: &Config, server: &str) -> Result<ExitCode> {
    let request = Request::Why {
        server: server.to_owned(),
    };
    let reply = match control::ask(&config.director.control, &request) {
        Ok(reply) => Some(reply),
        Err(error) if control::nobody_runs(&error) => None,
        Err(error) => return Err(error).context("asking the running director"),
    };
    let path = config.director.state_dir.join("events.jsonl");
    let records = events::read(&path).with_context(|| format!("reading {}", path.display()))?;
    match why::page(config, server, reply.as_ref(), &records, SystemTime::now()) {
        Ok(page) => {
            say(&page)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(refusal) => bail!(refusal),
    }
}

fn show_replay(config: &Config, path: &Path) -> Result<ExitCode> {
    // `read` takes no file for no event; here one was named.
    File::open(path).with_context(|| format!("reading {}", path.display()))?;
    let history = events::read(path).with_context(|| format!("reading {}", path.display()))?;
    if history.is_empty() {
        bail!("{} holds no event", path.display());
    }
    let comparison = replay::replay(config, &history).context("replaying")?;
    say(&comparison.page())?;
    Ok(match comparison.differences() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(2),
    })
}

/// A file, or standard input for `-`.
fn read_any(path: &Path) -> io::Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    std::fs::read(path)
}

fn newer(force: bool) -> Newer {
    if force { Newer::Replace } else { Newer::Keep }
}

/// The file is judged by then; what this host lacks for it is told and is no fault of the file,
/// which may be meant for another.
fn verify(arguments: &Arguments, config: &Config) -> Result<ExitCode> {
    say(&format!(
        "{}: good; {} services, {} servers, {} checks, digest {}\n",
        arguments.config.display(),
        config.services.len(),
        config.servers.len(),
        config.checks.len(),
        config.digest
    ))?;
    for warning in host::warnings(config) {
        say(&format!("on this host: {warning}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show_plan(config: &Config, json: bool) -> Result<ExitCode> {
    let (remark, plan) = match control::ask(&config.director.control, &Request::Plan) {
        Ok(plan) => (None, plan),
        Err(error) if control::nobody_runs(&error) => (
            Some("no director runs; all servers are assumed to be healthy"),
            plan_without_director(config)?,
        ),
        Err(error) => return Err(error).context("asking the running director"),
    };
    let strings = |key: &str| -> Vec<&str> {
        plan[key]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    };
    let (words, problems) = (strings("words"), strings("problems"));
    if json {
        say(&format!("{}\n", plan["plan"]))?;
    } else {
        say(&plan_page(remark, &words))?;
    }
    for problem in &problems {
        let _ = writeln!(io::stderr(), "governess: {problem}");
    }
    Ok(match (problems.is_empty(), words.is_empty()) {
        (false, _) => ExitCode::FAILURE,
        (true, true) => ExitCode::SUCCESS,
        (true, false) => ExitCode::from(2),
    })
}

fn plan_page(remark: Option<&str>, words: &[&str]) -> String {
    let mut page = remark
        .map(|remark| format!("({remark})\n"))
        .unwrap_or_default();
    if words.is_empty() {
        page.push_str("nothing to do\n");
    }
    for word in words {
        page.push_str(word);
        page.push('\n');
    }
    page
}

fn plan_without_director(config: &Config) -> Result<Value> {
    let path = config.director.state_dir.join("wishes.json");
    let wishes = Wishes::open(&path).with_context(|| format!("reading {}", path.display()))?;
    let table = backend::open(config)
        .dump()
        .context("reading the IPVS table")?;
    let steps = plan_for_healthy(config, &wishes, &table);
    Ok(plan::reply(&steps, &host_plan(config)))
}

/// What the host needs; the table in memory needs nothing of it. A parameter of IPVS that is not
/// there before its module is loaded is no problem of a plan.
fn host_plan(config: &Config) -> plan::HostPlan {
    host::pending(&Setup::of(config))
}

fn show_export(config: &Config, format: &Words) -> Result<ExitCode> {
    let setup = Setup::of(config);
    say(&match format {
        Words::Nft { filter: false } => export::nft::text(&setup.firewall)?,
        Words::Nft { filter: true } => export::filter(config)?,
        Words::Iptables => export::iptables(config)?,
        Words::Sysctl => export::sysctl::text(&setup.sysctls),
        Words::Ipvsadm => export::ipvsadm::text(&export::table(config)),
        Words::Keepalived => export::keepalived(config, check_director())?,
        Words::Hosts => export::hosts(config),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Where `check_director` is: beside this program in a build, else where packages install it.
fn check_director() -> PathBuf {
    const NAME: &str = "check_director";
    let own = std::env::current_exe().ok();
    own.map(|own| own.with_file_name(NAME))
        .filter(|path| path.exists())
        .unwrap_or_else(|| Path::new("/usr/lib/nagios/plugins").join(NAME))
}

fn show_sessions(config: &Config) -> Result<ExitCode> {
    let connections = connections::read().context("reading /proc/net/ip_vs_conn")?;
    say(&sessions::page(config, &connections))?;
    Ok(ExitCode::SUCCESS)
}

/// The words and numbers that monitoring cores have for states.
fn state(word: &str) -> Result<Condition, String> {
    match word.to_ascii_lowercase().as_str() {
        "0" | "ok" | "up" => Ok(Condition::Healthy),
        "1" | "warning" => Ok(Condition::Degraded),
        "2" | "critical" | "down" => Ok(Condition::Failed),
        "3" | "unknown" | "unreachable" => Ok(Condition::Unknown),
        _ => Err("expected 0 to 3, ok, warning, critical, unknown, up, down, unreachable".into()),
    }
}

fn report(config: &Config, result: &reported::Result, state_type: &str) -> Result<ExitCode> {
    if state_type.eq_ignore_ascii_case("SOFT") {
        say("not taken: a soft state is still being repeated\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    let socket = &config.director.control;
    control::ask(socket, &Request::Report(result.clone()))
        .with_context(|| format!("reporting to the director on {}", socket.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn show_status(config: &Config, json: bool) -> Result<ExitCode> {
    say(&status_text(config, json)?)?;
    Ok(ExitCode::SUCCESS)
}

fn watch_status(config: &Config, json: bool) -> Result<ExitCode> {
    // Clears the screen and goes to its upper left corner (ECMA-48: ED, CUP).
    const CLEAR: &str = "\x1b[2J\x1b[H";
    loop {
        let text = status_text(config, json).unwrap_or_else(|error| format!("{error:#}\n"));
        if say(&if json { text } else { format!("{CLEAR}{text}") }).is_err() {
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn status_text(config: &Config, json: bool) -> Result<String> {
    let socket = &config.director.control;
    let reply = control::ask(socket, &Request::Status).with_context(|| nobody_answers(socket))?;
    if json {
        return Ok(format!("{reply}\n"));
    }
    let status: Status = serde_json::from_value(reply).context("reading the director's answer")?;
    Ok(status.page())
}

/// What to say to somebody who asks a director that does not run.
pub(super) fn nobody_answers(socket: &Path) -> String {
    format!(
        "no director answers on {}; is `governess run` running?",
        socket.display()
    )
}

fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
