//! The checks of the configuration, each on every server that needs it.

use std::sync::Arc;

use shared::verdict::{Finding, Verdict};

use super::pace::Pace;
use super::pacing::Pacing;
use super::probe;
use super::timetable::{Question, Timetable, spread_out};
use crate::clock::Clock;
use crate::config::{Check, Config, Server};
use crate::director::Report;

/// The checks that are being run.
pub struct Checks {
    timetable: Timetable<OnServer>,
}

impl Checks {
    /// None yet.
    pub fn new(clock: Clock) -> Self {
        Self {
            timetable: Timetable::new(clock),
        }
    }

    /// Runs every check on every server that some service needs it for, and no other. One that is
    /// the same as before goes on undisturbed; the first runs of others are spread, so that many
    /// checks do not all start at once.
    pub fn follow(&mut self, config: &Config) {
        // What others report needs no run of ours.
        let mut needed = config.needed_checks();
        needed.retain(|(_, check)| !config.checks[check.0].is_reported());
        let shared: Vec<Arc<Check>> = config.checks.iter().cloned().map(Arc::new).collect();
        let questions = needed
            .into_iter()
            .map(|(server, check)| on(&shared[check.0], &config.servers[server.0]));
        self.timetable.follow(spread_out(questions));
    }

    /// What is found next. May be given up at any point without a loss.
    pub async fn next(&mut self) -> Report {
        let (asked, verdict) = self.timetable.next().await;
        Report {
            server: asked.server.name.as_str().into(),
            check: asked.check.name.as_str().into(),
            verdict,
        }
    }
}

/// A check as it is run on one server.
#[derive(Clone)]
pub(super) struct OnServer {
    pub(super) server: Arc<Server>,
    check: Arc<Check>,
}

/// A check on one server. The check is the same for all, if nothing in it is the server's own.
pub(super) fn on(check: &Arc<Check>, server: &Arc<Server>) -> OnServer {
    let own = check.on(server);
    let check = if own == **check {
        Arc::clone(check)
    } else {
        Arc::new(own)
    };
    OnServer {
        server: Arc::clone(server),
        check,
    }
}

impl Question for OnServer {
    fn name(&self) -> (&str, &str) {
        (&self.server.name, &self.check.name)
    }

    /// A server's weight is none of a check's business, and what a check depends on is none of its
    /// own.
    fn asks_the_same(&self, before: &Self) -> bool {
        let (server, check) = (&before.server, &before.check);
        self.server.address == server.address
            && self.server.port == server.port
            && *self.check
                == Check {
                    depends_on: self.check.depends_on.clone(),
                    ..Check::clone(check)
                }
    }

    fn pace(&self) -> Pace {
        Pace {
            interval: self.check.interval,
            retry_interval: self.check.retry_interval,
            rules: self.check.rules,
        }
    }

    async fn ask(self, mut pacing: Pacing, clock: Clock) -> (Verdict, Pacing) {
        let verdict = probe(&self.check, &self.server, &mut pacing, clock).await;
        (verdict.enforcing(&self.check.enforce), pacing)
    }

    fn verdict(&self, finding: Finding) -> Verdict {
        let address = self.server.address.to_string();
        Verdict::new(&self.check.name, &address, None, finding)
    }
}
