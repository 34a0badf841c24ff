//! Watches: asked like checks, of what says nothing about one server's fitness to serve.

use std::sync::Arc;

use shared::deadline::Deadline;
use shared::verdict::Verdict;
use tokio::sync::mpsc::Sender;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use super::pacing::Pacing;
use super::{Pace, exec, probe};
use crate::clock::Clock;
use crate::config::{Check, Config, Probe, Server, Subject, Watch};
use crate::director::WatchReport;
use crate::health::{Reading, Streak};

/// The watches that are being run.
pub struct Watches {
    reports: Sender<WatchReport>,
    clock: Clock,
    /// Of which configuration they are.
    digest: String,
    running: Vec<AbortHandle>,
}

impl Drop for Watches {
    fn drop(&mut self) {
        self.end();
    }
}

impl Watches {
    /// None yet. What they find goes to `reports`.
    pub fn new(reports: Sender<WatchReport>, clock: Clock) -> Self {
        Self {
            reports,
            clock,
            digest: String::new(),
            running: Vec::new(),
        }
    }

    /// Runs every watch of a configuration, and no other. They begin anew if anything in the file
    /// has changed: nothing hangs on the streaks of a watch.
    pub fn follow(&mut self, config: &Config) {
        if self.digest == config.digest {
            return;
        }
        self.end();
        self.digest.clone_from(&config.digest);
        for watch in &config.watches {
            for (server, question) in questions(watch, config) {
                let task = Task {
                    server,
                    pace: Pace {
                        interval: watch.interval,
                        retry_interval: watch.retry_interval,
                        rules: watch.rules,
                    },
                    watch: watch.clone(),
                    question,
                    reports: self.reports.clone(),
                    clock: self.clock,
                };
                self.running.push(tokio::spawn(task.run()).abort_handle());
            }
        }
    }

    fn end(&mut self) {
        for task in self.running.drain(..) {
            task.abort();
        }
    }
}

/// What one task asks.
enum Question {
    Dns(Arc<plugins::ad_dns::Options>),
    Server(Box<(Check, Arc<Server>)>),
    Program(crate::config::Exec),
}

fn questions(watch: &Watch, config: &Config) -> Vec<(Option<Arc<str>>, Question)> {
    match &watch.subject {
        Subject::Dns(options) => vec![(None, Question::Dns(options.clone()))],
        Subject::Program(exec) => vec![(None, Question::Program(exec.clone()))],
        Subject::EachServer(probe) => {
            let check = as_check(watch, probe);
            let of = |server: &Arc<Server>| {
                let question = Question::Server(Box::new((check.on(server), server.clone())));
                (Some(server.name.as_str().into()), question)
            };
            config.servers.iter().map(of).collect()
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

struct Task {
    server: Option<Arc<str>>,
    watch: Watch,
    pace: Pace,
    question: Question,
    reports: Sender<WatchReport>,
    clock: Clock,
}

impl Task {
    async fn run(self) {
        let mut streak = Streak::default();
        let mut pacing = Pacing::default();
        loop {
            let began = Instant::now();
            let verdict = self.ask(&mut pacing).await.enforcing(&self.watch.enforce);
            streak = streak.after(Reading::from(&verdict), self.clock.now());
            let report = WatchReport {
                watch: self.watch.name.as_str().into(),
                server: self.server.clone(),
                verdict,
            };
            if self.reports.send(report).await.is_err() {
                return;
            }
            let (ended, now) = (Instant::now(), self.clock.now());
            let next = self.pace.next(began, ended, &streak, &pacing, now);
            sleep_until(next).await;
        }
    }

    async fn ask(&self, pacing: &mut Pacing) -> Verdict {
        let deadline = Deadline::after(self.watch.timeout);
        match &self.question {
            Question::Dns(options) => plugins::ad_dns::check(options.clone(), deadline).await,
            Question::Server(asked) => probe(&asked.0, &asked.1, pacing, self.clock).await,
            Question::Program(program) => {
                exec::check(&self.watch.name, program, None, deadline).await
            }
        }
    }
}
