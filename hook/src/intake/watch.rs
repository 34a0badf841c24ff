//! Watches: asked like checks, of what says nothing about one server's fitness to serve.

use shared::deadline::Deadline;
use shared::verdict::Verdict;
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, sleep_until};

use super::pacing::Pacing;
use super::{Pace, exec, probe};
use crate::clock::Clock;
use crate::config::{Check, Config, Probe, Server, ServerId, Subject, Watch, WatchId};
use crate::director::WatchReport;
use crate::health::{Reading, Streak};

/// Starts every watch.
pub fn start(config: &Config, reports: &Sender<WatchReport>, clock: Clock) {
    for (at, watch) in config.watches.iter().enumerate() {
        for (server, question) in questions(watch, config) {
            let task = Task {
                ids: (WatchId(at), server),
                pace: Pace {
                    interval: watch.interval,
                    retry_interval: watch.retry_interval,
                    rules: watch.rules,
                },
                watch: watch.clone(),
                question,
                reports: reports.clone(),
                clock,
            };
            tokio::spawn(task.run());
        }
    }
}

/// What one task asks.
enum Question {
    Dns(std::sync::Arc<plugins::ad_dns::Options>),
    Server(Box<(Check, Server)>),
    Program(crate::config::Exec),
}

fn questions(watch: &Watch, config: &Config) -> Vec<(Option<ServerId>, Question)> {
    match &watch.subject {
        Subject::Dns(options) => vec![(None, Question::Dns(options.clone()))],
        Subject::Program(exec) => vec![(None, Question::Program(exec.clone()))],
        Subject::EachServer(probe) => {
            let check = as_check(watch, probe);
            let of = |(at, server): (usize, &Server)| {
                let question = Question::Server(Box::new((check.on(server), server.clone())));
                (Some(ServerId(at)), question)
            };
            config.servers.iter().enumerate().map(of).collect()
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
    }
}

struct Task {
    ids: (WatchId, Option<ServerId>),
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
            let (watch, server) = self.ids;
            let report = WatchReport {
                watch,
                server,
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
