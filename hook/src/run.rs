//! A running director: joins the checks, the clock, the control socket and the signals.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::fcntl::{Flock, FlockArg};
use serde_json::{Value, json};
use tokio::net::UnixListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::clock::Clock;
use crate::config::Config;
use crate::coupling::fifo::{self, Heard};
use crate::coupling::nagios::CommandFile;
use crate::director::record::Intents;
use crate::director::wishes::Wishes;
use crate::director::{Director, Records, Report, WatchReport};
use crate::host::{self, HostEvent, Keepers, Parts};
use crate::intake;
use crate::intake::reported::{self, Reported};
use crate::kernel::backend;
use crate::operate::control::{self, Asked, Request};
use crate::operate::journal::Journal;
use crate::operate::plan;
use crate::operate::web::{self, Look};
use crate::operate::worker::Worker;
use crate::operate::{alert, host_name};
use crate::setup::Setup;

/// Runs until SIGTERM or SIGINT. Nothing is touched before everything that can be refused has
/// been: the state folder, the lock, the control socket, the table.
///
/// # Errors
/// What could not be had, with what to do about it.
pub fn run(config: Config) -> Result<()> {
    let setup = Setup::of(&config);
    let mut parts = Parts::of(config.director.backend);
    let obstacles = host::preflight(&setup, &mut parts);
    if !obstacles.is_empty() {
        bail!(
            "nothing was touched, since the set-up cannot be carried out:\n  {}",
            obstacles.join("\n  ")
        );
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let ended = runtime.block_on(direct(config, setup, parts));
    runtime.shutdown_background();
    ended
}

async fn direct(config: Config, setup: Setup, parts: Parts) -> Result<()> {
    let clock = Clock::start();
    let _lock = lock(&config.director.state_dir)?;
    let socket = config.director.control.clone();
    let listener = control::listen(&socket)
        .with_context(|| format!("opening the control socket {}", socket.display()))?;
    let _socket = SocketFile(socket);
    let (tell, told) = mpsc::channel(64);
    let mut records = records(&config)?;
    let _mail = mail(&config, &mut records, &tell, clock)?;
    backend::prepare(&config)
        .with_context(|| format!("creating {}", config.keepalived.files.display()))?;
    let kernel = backend::open(&config);
    let mut director = Director::start(config, kernel, records, clock.now())?;
    let period = director.config().director.reconcile_interval;
    let (look, looks) = mpsc::channel::<Look>(4);
    let _web = match director.config().director.status {
        Some(at) => Some(web::start(at, look, tell.clone()).context("starting a thread")?),
        None => None,
    };
    let keepers =
        Keepers::start(setup, parts, (tell, told), period, clock).context("starting a thread")?;
    let beside = Beside::start(&mut director, clock)?;
    follow(&mut director, listener, looks, keepers, beside, clock).await
}

/// What comes from programs beside us, and goes to them.
struct Beside {
    reported: Reported,
    command_file: Option<CommandFile>,
    command_file_events: mpsc::Receiver<HostEvent>,
    keepalived: mpsc::Receiver<Heard>,
}

impl Beside {
    /// Takes up what was reported before, and begins to listen.
    fn start(director: &mut Director, clock: Clock) -> Result<Self> {
        let path = director.config().director.state_dir.join("reported.json");
        let reported =
            Reported::open(&path).with_context(|| format!("opening {}", path.display()))?;
        for report in reported.reports(director.config()) {
            director.take(&report, clock.now());
        }
        let (tell, keepalived) = mpsc::channel(64);
        if let Some(fifo) = director.config().keepalived.fifo.clone() {
            tokio::spawn(fifo::read(fifo, tell));
        }
        let (events, command_file_events) = mpsc::channel(16);
        let command_file = director.config().command_file.clone();
        let command_file = command_file
            .map(|path| CommandFile::start(path, events))
            .transpose()
            .context("starting a thread")?;
        Ok(Self {
            reported,
            command_file,
            command_file_events,
            keepalived,
        })
    }

    /// Gives a verdict to the monitoring core that is to have it.
    fn give(&self, config: &Config, report: &Report) {
        if let Some(file) = &self.command_file {
            let server = &config.servers[report.server.0].name;
            let check = &config.checks[report.check.0].name;
            file.give(server, check, &report.verdict);
        }
    }

    /// Takes in what another program found.
    fn take(&mut self, director: &mut Director, result: &reported::Result, clock: Clock) -> Value {
        let report = match result.report(director.config()) {
            Ok(report) => report,
            Err(why) => return json!({ "error": why }),
        };
        director.take(&report, clock.now());
        match self.reported.keep(result) {
            Ok(()) => json!({ "taken": true }),
            Err(error) => json!({ "error": format!(
                "taken, but not kept for the next start: reported.json in state_dir: {error}") }),
        }
    }
}

/// The control socket's file, gone with the director.
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// One director a state folder: two would take each other's weights for a human's.
fn lock(folder: &Path) -> Result<Flock<File>> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("creating state_dir {}", folder.display()))?;
    let path = folder.join("lock");
    let file = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| {
        anyhow::Error::new(error).context(format!(
            "another governess runs with state_dir {}",
            folder.display()
        ))
    })
}

fn records(config: &Config) -> Result<Records> {
    let folder = &config.director.state_dir;
    let identity = backend::identity(config.director.backend).context("reading /proc")?;
    let open = |name: &str| format!("opening {}", folder.join(name).display());
    Ok(Records {
        intents: Intents::open(&folder.join("intents"), identity)
            .with_context(|| open("intents"))?,
        wishes: Wishes::open(&folder.join("wishes.json")).with_context(|| open("wishes.json"))?,
        journal: Journal::open(&folder.join("events.jsonl"))
            .with_context(|| open("events.jsonl"))?,
    })
}

/// Starts to mail alerts, if that is asked for.
fn mail(
    config: &Config,
    records: &mut Records,
    tell: &mpsc::Sender<HostEvent>,
    clock: Clock,
) -> Result<Option<Worker>> {
    let Some(mail) = config.mail.clone() else {
        return Ok(None);
    };
    let (alerts, events) = mpsc::channel(256);
    records.journal.alert(alerts);
    alert::start(mail, host_name(), events, tell.clone(), clock)
        .map(Some)
        .context("preparing alert mail")
}

async fn follow(
    director: &mut Director,
    listener: UnixListener,
    mut looks: mpsc::Receiver<Look>,
    mut keepers: Keepers,
    mut beside: Beside,
    clock: Clock,
) -> Result<()> {
    let mut signals = Signals::listen()?;
    let (reports_in, mut reports) = mpsc::channel::<Report>(1024);
    let (asked_in, mut asked) = mpsc::channel::<Asked>(16);
    let (watched_in, mut watched) = mpsc::channel::<WatchReport>(64);
    intake::start(director.config(), &reports_in, clock);
    intake::start_watches(director.config(), &watched_in, clock);
    tokio::spawn(control::serve(listener, asked_in));
    let mut ticks = tokio::time::interval(director.config().director.reconcile_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(report) = reports.recv() => {
                beside.give(director.config(), &report);
                director.take(&report, clock.now());
            }
            Some(heard) = beside.keepalived.recv() => director.hear_keepalived(heard),
            Some(event) = beside.command_file_events.recv() => director.host_event(event),
            Some(report) = watched.recv() => director.take_watch(report, clock.now()),
            _ = ticks.tick() => director.tick(clock.now()),
            Some((request, answer)) = asked.recv() => {
                let _ = answer.send(reply(director, &mut beside, &request, clock));
            }
            Some(seen) = looks.recv() => {
                let _ = seen.send(director.status(clock.now()));
            }
            event = keepers.next() => director.host_event(event),
            stop = signals.next() => match stop {
                Asking::Stop(name) => {
                    director.stop(name);
                    return Ok(());
                }
                Asking::Reload => director.refuse_reload(
                    "SIGHUP: reloading is not yet supported; restart governess, it keeps the table"),
            },
            else => bail!("all checks have ended"),
        }
    }
}

fn reply(director: &mut Director, beside: &mut Beside, request: &Request, clock: Clock) -> Value {
    match request {
        Request::Status => serde_json::to_value(director.status(clock.now()))
            .unwrap_or_else(|error| json!({ "error": error.to_string() })),
        Request::Fresh => director.freshness(clock.now()),
        Request::Report(result) => beside.take(director, result, clock),
        Request::Plan => match director.pending(clock.now()) {
            Ok(steps) => plan::reply(&steps, &host::pending(&Setup::of(director.config()))),
            Err(error) => json!({ "error": error.to_string() }),
        },
    }
}

enum Asking {
    Stop(&'static str),
    Reload,
}

/// What the system and its operator ask by signal.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    reload: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).context("listening for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            reload: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Asking {
        tokio::select! {
            _ = self.terminate.recv() => Asking::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Asking::Stop("SIGINT"),
            _ = self.reload.recv() => Asking::Reload,
        }
    }
}
