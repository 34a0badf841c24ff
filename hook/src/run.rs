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
use crate::director::record::Intents;
use crate::director::wishes::Wishes;
use crate::director::{Director, Records, Report};
use crate::host::{self, Keepers, Keeping, Parts};
use crate::intake;
use crate::kernel::backend;
use crate::operate::control::{self, Asked, Request};
use crate::operate::journal::Journal;
use crate::operate::plan;
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
    let records = records(&config)?;
    let kernel = backend::open(config.director.backend);
    let mut director = Director::start(config, kernel, records, clock.now())?;
    let period = director.config().director.reconcile_interval;
    let (tell, told) = mpsc::channel(64);
    let keeping =
        Keeping::start(setup.clone(), parts, period, tell).context("starting a thread")?;
    let keepers =
        Keepers::start(&setup, keeping, told, period, clock).context("starting a thread")?;
    follow(&mut director, listener, keepers, clock).await
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
        journal: Journal::in_background(&folder.join("events.jsonl"), config.director.journal)
            .with_context(|| open("events.jsonl"))?,
    })
}

async fn follow(
    director: &mut Director,
    listener: UnixListener,
    mut keepers: Keepers,
    clock: Clock,
) -> Result<()> {
    let mut signals = Signals::listen()?;
    let (reports_in, mut reports) = mpsc::channel::<Report>(1024);
    let (asked_in, mut asked) = mpsc::channel::<Asked>(16);
    intake::start(director.config(), &reports_in, clock);
    tokio::spawn(control::serve(listener, asked_in));
    let mut ticks = tokio::time::interval(director.config().director.reconcile_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(report) = reports.recv() => director.take(&report, clock.now()),
            _ = ticks.tick() => director.tick(clock.now()),
            Some((request, answer)) = asked.recv() => {
                let _ = answer.send(reply(director, &request, clock));
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

fn reply(director: &mut Director, request: &Request, clock: Clock) -> Value {
    match request {
        Request::Status => serde_json::to_value(director.status())
            .unwrap_or_else(|error| json!({ "error": error.to_string() })),
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
