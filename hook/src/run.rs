//! A running director: joins the checks, the clock, the control socket and the signals.

mod beside;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::fcntl::{Flock, FlockArg};
use serde_json::{Value, json};
use tokio::net::UnixListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior};

use crate::clock::{Clock, Moment};
use crate::config::{Config, Faults};
use crate::director::record::Intents;
use crate::director::wishes::Wishes;
use crate::director::{Director, Order, Records, Want, maintenance};
use crate::host::{self, Happened, HostEvent, Keepers, Parts};
use crate::intake::{Checks, Watches};
use crate::kernel::backend;
use crate::operate::control::{self, Asked, Request};
use crate::operate::journal::Journal;
use crate::operate::plan;
use crate::operate::web::{self, Look};
use crate::operate::worker::Worker;
use crate::operate::{alert, host_name};
use crate::setup::Setup;
use beside::Beside;

/// Runs until SIGTERM or SIGINT; SIGHUP reads `path` anew. Nothing is touched before everything
/// that can be refused has been: the state folder, the lock, the control socket, the table.
///
/// # Errors
/// What could not be had, with what to do about it.
pub fn run(path: &Path, config: Config) -> Result<()> {
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
    let ended = runtime.block_on(direct(path, config, setup, parts));
    runtime.shutdown_background();
    ended
}

async fn direct(path: &Path, config: Config, setup: Setup, parts: Parts) -> Result<()> {
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
    let mut run = Run {
        path,
        clock,
        director,
        checks: Checks::new(clock),
        watches: Watches::new(clock),
        keepers,
        beside,
        ticks: ticks(period),
        told_all: false,
        gave_back: Moment::default(),
    };
    // What the maintenance folder says counts before the first success.
    run.tick();
    run.checks.follow(run.director.config());
    run.watches.follow(run.director.config());
    give_memory_back();
    run.follow(listener, looks).await
}

/// A file of thousands of servers, and what `status` says of them, takes more memory for a moment
/// than all that is known of them. The C library would keep that for the next time.
fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) may be called at any time and takes no pointers.
    unsafe {
        libc::malloc_trim(0);
    }
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
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

/// A director with everything that it works with.
struct Run<'a> {
    path: &'a Path,
    clock: Clock,
    director: Director,
    checks: Checks,
    watches: Watches,
    keepers: Keepers,
    beside: Beside,
    ticks: Interval,
    /// The whole state was told since the last tick, in words that took much memory.
    told_all: bool,
    /// When spare memory was last given back.
    gave_back: Moment,
}

/// Spare memory is given back at least so often: the first verdicts of thousands of checks, and an
/// outage, take more than what is kept of them.
const GIVE_BACK_EVERY: Duration = Duration::from_secs(60);

impl Run<'_> {
    async fn follow(
        mut self,
        listener: UnixListener,
        mut looks: mpsc::Receiver<Look>,
    ) -> Result<()> {
        let mut signals = Signals::listen()?;
        let (asked_in, mut asked) = mpsc::channel::<Asked>(16);
        tokio::spawn(control::serve(listener, asked_in));
        loop {
            tokio::select! {
                report = self.checks.next() => {
                    self.beside.give(&report, self.director.config());
                    self.director.take(report, self.clock.now());
                }
                report = self.watches.next() => {
                    self.director.take_watch(report, self.clock.now());
                }
                Some(heard) = self.beside.keepalived.recv() => self.director.hear_keepalived(heard),
                Some(heard) = self.beside.vrrp.recv() => self.director.hear_vrrp(&heard),
                Some(answer) = self.beside.partner.recv() => self.director.take_partner(answer),
                Some(event) = self.beside.told.recv() => self.director.host_event(event),
                Some(result) = self.beside.results.recv() => {
                    // What a reload removed meanwhile is for nobody, and what could not be kept for
                    // the next start is read from Icinga then.
                    self.beside.take(&mut self.director, &result, self.clock);
                }
                _ = self.ticks.tick() => self.tick(),
                Some(asked) = asked.recv() => {
                    let reply = self.reply(&asked);
                    let _ = asked.answer.send(reply);
                }
                Some(seen) = looks.recv() => {
                    self.told_all = true;
                    let _ = seen.send(self.director.status(self.clock.now()));
                }
                told = self.keepers.next() => match told {
                    Happened::SetUp(event) => self.director.host_event(event),
                    Happened::Fitness(score) => self.director.take_score(score),
                },
                stop = signals.next() => match stop {
                    Asking::Stop(name) => {
                        self.director.stop(name);
                        return Ok(());
                    }
                    Asking::Reload => if let Err(refusal) = self.reload() {
                        let reason = format!("nothing was changed: {refusal}");
                        self.director.refuse_reload(&reason);
                    },
                },
            }
        }
    }

    fn tick(&mut self) {
        if let Some(folder) = &self.director.config().director.maintenance_dir {
            let files = maintenance::read(folder);
            self.director.take_maintenance(files, self.clock.now());
        }
        let now = self.clock.now();
        self.director.tick(now);
        if std::mem::take(&mut self.told_all) || now.since(self.gave_back) >= GIVE_BACK_EVERY {
            give_memory_back();
            self.gave_back = now;
        }
        self.beside
            .give_director(&mut self.director, self.clock.now());
    }

    /// Reads the file anew. Everything that can be refused is, before anything is touched.
    fn reload(&mut self) -> Result<(), String> {
        let config = Config::load(self.path).map_err(|faults| on_one_line(&faults))?;
        let before = self.director.config();
        let (old, new) = (&before.director, &config.director);
        for (key, same) in [
            ("backend", old.backend == new.backend),
            ("state_dir", old.state_dir == new.state_dir),
            ("control", old.control == new.control),
            ("status", old.status == new.status),
            ("[keepalived]", before.keepalived == config.keepalived),
            (
                "fifo or partner_status of [pair]",
                ears(before) == ears(&config),
            ),
            ("[alert]", before.mail == config.mail),
            ("[nagios]", before.command_file == config.command_file),
            ("[icinga]", before.icinga == config.icinga),
        ] {
            if !same {
                return Err(format!(
                    "{}: another {key} takes a restart; governess keeps the table meanwhile",
                    self.path.display()
                ));
            }
        }
        let setup = Setup::of(&config);
        if !self.keepers.keeps(&setup) {
            let obstacles = host::preflight(&setup, &mut Parts::of(new.backend));
            if !obstacles.is_empty() {
                return Err(format!(
                    "the set-up cannot be carried out: {}",
                    obstacles.join("; ")
                ));
            }
        }
        self.carry_out(config, setup);
        Ok(())
    }

    fn carry_out(&mut self, config: Config, setup: Setup) {
        let director = &config.director;
        let (period, backend) = (director.reconcile_interval, director.backend);
        let told = director.maintenance_dir.is_none();
        let faster = period != self.ticks.period();
        if let Err(error) = self.director.reload(config, self.clock.now()) {
            self.director.table_unread(&error);
        }
        if told {
            let nothing = Ok(BTreeMap::new());
            self.director.take_maintenance(nothing, self.clock.now());
        }
        self.checks.follow(self.director.config());
        self.watches.follow(self.director.config());
        self.beside.follow(self.director.config());
        if faster {
            self.ticks = ticks(period);
        }
        let events = self.keepers.follow(setup, Parts::of(backend), period);
        for event in events {
            self.director.host_event(event);
        }
        give_memory_back();
    }

    fn reply(&mut self, asked: &Asked) -> Value {
        let now = self.clock.now();
        if let Some(order) = order(asked) {
            return match self.director.obey(&order, now) {
                Ok(done) => json!({ "schema": 1, "server": order.server, "done": done }),
                Err(refusal) => json!({ "error": refusal }),
            };
        }
        self.told_all |= !matches!(asked.request, Request::Fresh | Request::Report(_));
        match &asked.request {
            Request::Plan => self.plan(),
            Request::Fresh => self.director.freshness(now),
            Request::Report(result) => self.beside.take(&mut self.director, result, self.clock),
            Request::Why { server } => json!({
                "schema": 1,
                "status": self.director.status(now),
                "checks": self.director.evidence(server, now),
            }),
            _ => serde_json::to_value(self.director.status(now))
                .unwrap_or_else(|error| json!({ "error": error.to_string() })),
        }
    }

    fn plan(&mut self) -> Value {
        match self.director.pending(self.clock.now()) {
            Ok(steps) => {
                let setup = Setup::of(self.director.config());
                plan::reply(&steps, &host::pending(&setup))
            }
            Err(error) => json!({ "error": error.to_string() }),
        }
    }
}

/// Where a director of a pair listens for as long as it runs.
fn ears(config: &Config) -> Option<(Option<&Path>, Option<u16>)> {
    let pair = config.pair.as_ref()?;
    Some((pair.fifo.as_deref(), pair.partner_status))
}

/// For the journal, which has one line an event.
fn on_one_line(faults: &Faults) -> String {
    let faults = faults.to_string();
    let lines: Vec<&str> = faults.lines().map(str::trim).collect();
    lines.join("; ")
}

/// What a request wants of a server, if it is about one.
fn order(asked: &Asked) -> Option<Order> {
    let (server, signature, want) = match &asked.request {
        Request::Status
        | Request::Plan
        | Request::Fresh
        | Request::Why { .. }
        | Request::Report(_) => return None,
        Request::Drain {
            server,
            deadline,
            force,
            signature,
        } => {
            let deadline = Duration::from_secs(*deadline);
            let even_the_last = *force;
            let want = Want::Drain {
                deadline,
                even_the_last,
            };
            (server, signature, want)
        }
        Request::Disable {
            server,
            force,
            signature,
        } => {
            let even_the_last = *force;
            (server, signature, Want::Disable { even_the_last })
        }
        Request::Enable {
            server,
            force_for,
            signature,
        } => {
            let force = force_for.map(Duration::from_secs).map(Want::Force);
            (server, signature, force.unwrap_or(Want::Enable))
        }
        Request::Weight {
            server,
            weight,
            signature,
        } => (server, signature, Want::Weight(*weight)),
    };
    Some(Order {
        server: server.clone(),
        want,
        reason: signature.reason(),
        author: signature.author(asked.peer),
    })
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
