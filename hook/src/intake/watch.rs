//! Watches: asked like checks, of what says nothing about one server's fitness to serve.

use std::sync::Arc;

use shared::deadline::Deadline;
use shared::verdict::{Finding, Verdict};

use super::checks::{OnServer, on};
use super::exec;
use super::pace::Pace;
use super::pacing::Pacing;
use super::timetable::{Question, Timetable, spread_out};
use crate::clock::Clock;
use crate::config::{Check, Config, Exec, Probe, Server, Subject, Watch};
use crate::director::WatchReport;

/// The watches that are being run.
pub struct Watches {
    timetable: Timetable<Watching>,
    /// Of which configuration they are.
    digest: String,
}

impl Watches {
    /// None yet.
    pub fn new(clock: Clock) -> Self {
        Self {
            timetable: Timetable::new(clock),
            digest: String::new(),
        }
    }

    /// Runs every watch of a configuration, and no other. They begin anew if anything in the file
    /// has changed: nothing hangs on the streaks of a watch.
    pub fn follow(&mut self, config: &Config) {
        if self.digest == config.digest {
            return;
        }
        self.digest.clone_from(&config.digest);
        let watches = config.watches.iter().cloned().map(Arc::new);
        let all: Vec<Watching> = watches.flat_map(|watch| each(&watch, config)).collect();
        self.timetable.follow(spread_out(all.into_iter()));
    }

    /// What is found next. May be given up at any point without a loss.
    pub async fn next(&mut self) -> WatchReport {
        let (asked, verdict) = self.timetable.next().await;
        WatchReport {
            watch: asked.watch.name.as_str().into(),
            server: asked.server().map(|server| server.name.as_str().into()),
            verdict,
        }
    }
}

#[derive(Clone)]
struct Watching {
    watch: Arc<Watch>,
    asked: Asked,
}

#[derive(Clone)]
enum Asked {
    Dns(Arc<plugins::ad_dns::Options>),
    Program(Exec),
    Server(OnServer),
}

fn each(watch: &Arc<Watch>, config: &Config) -> Vec<Watching> {
    let watching = |asked| Watching {
        watch: Arc::clone(watch),
        asked,
    };
    match &watch.subject {
        Subject::Dns(options) => vec![watching(Asked::Dns(options.clone()))],
        Subject::Program(exec) => vec![watching(Asked::Program(exec.clone()))],
        Subject::EachServer(probe) => {
            let check = Arc::new(as_check(watch, probe));
            let servers = config.servers.iter();
            let asked = servers.map(|server| Asked::Server(on(&check, server)));
            asked.map(watching).collect()
        }
    }
}

fn as_check(watch: &Watch, probe: &Probe) -> Check {
    Check {
        name: watch.name.clone(),
        probe: probe.clone(),
        interval: watch.interval,
        timeout: watch.timeout,
        retry_interval: watch.retry_interval,
        stale_after: watch.stale_after,
        rules: watch.rules,
        enforce: watch.enforce.clone(),
        depends_on: Vec::new(),
    }
}

impl Watching {
    fn server(&self) -> Option<&Server> {
        match &self.asked {
            Asked::Server(asked) => Some(&asked.server),
            Asked::Dns(_) | Asked::Program(_) => None,
        }
    }
}

impl Question for Watching {
    fn name(&self) -> (&str, &str) {
        let server = self.server().map_or("", |server| &server.name);
        (&self.watch.name, server)
    }

    /// All begin anew once anything in the file has changed.
    fn asks_the_same(&self, _before: &Self) -> bool {
        false
    }

    fn pace(&self) -> Pace {
        Pace {
            interval: self.watch.interval,
            retry_interval: self.watch.retry_interval,
            rules: self.watch.rules,
        }
    }

    async fn ask(self, pacing: Pacing, clock: Clock) -> (Verdict, Pacing) {
        let deadline = Deadline::after(self.watch.timeout);
        let verdict = match self.asked {
            Asked::Server(asked) => return asked.ask(pacing, clock).await,
            Asked::Dns(options) => plugins::ad_dns::check(options, deadline).await,
            Asked::Program(program) => {
                exec::check(&self.watch.name, &program, None, deadline).await
            }
        };
        (verdict.enforcing(&self.watch.enforce), pacing)
    }

    fn verdict(&self, finding: Finding) -> Verdict {
        match &self.asked {
            Asked::Server(asked) => asked.verdict(finding),
            Asked::Dns(_) | Asked::Program(_) => Verdict::new(&self.watch.name, "", None, finding),
        }
    }
}
