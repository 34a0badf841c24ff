//! Where verdicts come from: checks that run inside this process, and programs that it starts.

mod exec;
mod pacing;
mod real_path;
pub mod reported;
mod smtp;
mod tcp;
mod watch;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use shared::deadline::Deadline;
use shared::dial::Target;
use shared::verdict::Verdict;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::SendError;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use crate::clock::{Clock, Moment};
use crate::config::{Check, Config, Probe, Server};
use crate::director::Report;
use crate::health::{Reading, Rules, Streak};
use pacing::Pacing;

pub use watch::Watches;

/// The checks that are being run, each on one server, by their names.
pub struct Checks {
    reports: Sender<Report>,
    clock: Clock,
    running: BTreeMap<Names, Running>,
}

/// Of a server and of a check: they outlive a reload.
type Names = (Arc<str>, Arc<str>);

struct Running {
    server: Arc<Server>,
    check: Arc<Check>,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Checks {
    /// None yet. What they find goes to `reports`.
    pub fn new(reports: Sender<Report>, clock: Clock) -> Self {
        Self {
            reports,
            clock,
            running: BTreeMap::new(),
        }
    }

    /// Runs every check on every server that some service needs it for, and no other. One that is
    /// the same as before goes on undisturbed; the first runs of others are spread, so that many
    /// checks do not all start at once.
    pub fn follow(&mut self, config: &Config) {
        // What others report needs no run of ours.
        let mut needed = config.needed_checks();
        needed.retain(|(_, check)| !config.checks[check.0].is_reported());
        let mut before = std::mem::take(&mut self.running);
        let shared: Vec<Arc<Check>> = config.checks.iter().cloned().map(Arc::new).collect();
        let check_names: Vec<Arc<str>> = config
            .checks
            .iter()
            .map(|check| check.name.as_str().into())
            .collect();
        let running = needed.iter().enumerate().map(|(at, (server, check))| {
            let server = &config.servers[server.0];
            let names = (
                server.name.as_str().into(),
                Arc::clone(&check_names[check.0]),
            );
            let check = on(&shared[check.0], server);
            let running = match before.remove(&names) {
                Some(running) if running.is(server, &check) => running,
                _ => {
                    let first = spread(at, needed.len(), check.interval);
                    self.start(&names, server, check, first)
                }
            };
            (names, running)
        });
        // Collected, the map's nodes are full.
        self.running = running.collect();
    }

    fn start(
        &self,
        names: &Names,
        server: &Arc<Server>,
        check: Arc<Check>,
        first: Duration,
    ) -> Running {
        let server = Arc::clone(server);
        let task = Task {
            names: names.clone(),
            server: Arc::clone(&server),
            check: Arc::clone(&check),
            reports: self.reports.clone(),
            clock: self.clock,
        };
        Running {
            server,
            check,
            task: tokio::spawn(task.run(first)).abort_handle(),
        }
    }
}

/// A check as it is run on one server; the same for all, if nothing in it is the server's own.
fn on(check: &Arc<Check>, server: &Server) -> Arc<Check> {
    let own = check.on(server);
    if own == **check {
        Arc::clone(check)
    } else {
        Arc::new(own)
    }
}

impl Running {
    /// Whether this is that check on that server. Its weight is none of a check's business, and
    /// what a check depends on is none of its own.
    fn is(&self, server: &Server, check: &Check) -> bool {
        let depends_on = self.check.depends_on.clone();
        self.server.address == server.address
            && self.server.port == server.port
            && self.server.name == server.name
            && *self.check
                == Check {
                    depends_on,
                    ..check.clone()
                }
    }
}

/// When the first run of one of `count` checks begins: a few milliseconds apart while they are
/// few, evenly over the interval when they are many.
fn spread(at: usize, count: usize, interval: Duration) -> Duration {
    let few = Duration::from_millis(5).saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
    few.min(interval).mul_f64(at as f64 / count as f64)
}

struct Task {
    names: Names,
    server: Arc<Server>,
    check: Arc<Check>,
    reports: Sender<Report>,
    clock: Clock,
}

impl Task {
    /// Not an `async fn`: that would keep its arguments twice, in each of thousands of tasks.
    fn run(self, first: Duration) -> impl Future<Output = ()> {
        let mut next = Instant::now() + first;
        async move {
            let mut streak = Streak::default();
            let mut pacing = Pacing::default();
            loop {
                sleep_until(next).await;
                let began = Instant::now();
                // On the heap for as long as it runs: thousands of checks wait, few are under way.
                if Box::pin(self.once(&mut streak, &mut pacing)).await.is_err() {
                    return;
                }
                let (ended, now) = (Instant::now(), self.clock.now());
                next = self.pace().next(began, ended, &streak, &pacing, now);
            }
        }
    }

    /// One run; an error if nobody takes what it found.
    async fn once(
        &self,
        streak: &mut Streak,
        pacing: &mut Pacing,
    ) -> Result<(), SendError<Report>> {
        let verdict = probe(&self.check, &self.server, pacing, self.clock)
            .await
            .enforcing(&self.check.enforce);
        *streak = streak.after(Reading::from(&verdict), self.clock.now());
        let (server, check) = (self.names.0.clone(), self.names.1.clone());
        let report = Report {
            server,
            check,
            verdict,
        };
        self.reports.send(report).await
    }

    fn pace(&self) -> Pace {
        Pace {
            interval: self.check.interval,
            retry_interval: self.check.retry_interval,
            rules: self.check.rules,
        }
    }
}

/// How often something is asked.
#[derive(Clone, Copy)]
struct Pace {
    interval: Duration,
    retry_interval: Duration,
    rules: Rules,
}

impl Pace {
    /// When the run after one that `began` and `ended` starts: start to start in general, soon
    /// after a failure while the streak is undecided, or as soon as what failed may be asked again,
    /// and never without a pause, so that a slow server is not asked twice in a breath. `now` is
    /// `ended` by the director's clock.
    fn next(
        &self,
        began: Instant,
        ended: Instant,
        streak: &Streak,
        pacing: &Pacing,
        now: Moment,
    ) -> Instant {
        let pause = ended + self.retry_interval.min(self.interval);
        if streak.is_undecided(&self.rules) {
            let decisive = pacing.next_decisive().map(|at| ended + at.since(now));
            decisive.map_or(pause, |decisive| pause.max(decisive))
        } else {
            pause.max(began + self.interval)
        }
    }
}

/// The large ones are on a heap of their own: room for the largest would cost the small ones more
/// than they do.
async fn probe(check: &Check, server: &Server, pacing: &mut Pacing, clock: Clock) -> Verdict {
    let deadline = Deadline::after(check.timeout);
    match &check.probe {
        Probe::X224 { port, options } => {
            let target = Target {
                name: server.address.to_string(),
                address: SocketAddr::new(server.address, *port),
                source: None,
            };
            Box::pin(plugins_tls::x224::check(&target, options, deadline)).await
        }
        Probe::Tcp(asked) => tcp::check(&check.name, asked, server, deadline).await,
        Probe::Smtp(options) => {
            Box::pin(smtp::check(options, server, pacing, clock, deadline)).await
        }
        Probe::Owa { port, options } => {
            let target = Target {
                name: server.address.to_string(),
                address: SocketAddr::new(server.address, *port),
                source: None,
            };
            Box::pin(plugins_tls::owa::check(&target, options, deadline)).await
        }
        Probe::RealPath(path) => {
            Box::pin(real_path::check(&check.name, path, server, deadline)).await
        }
        // Its results come from elsewhere; it has no task.
        Probe::Reported => std::future::pending().await,
        Probe::Exec(program) => {
            Box::pin(exec::check(&check.name, program, Some(server), deadline)).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_checks_start_at_once_and_many_are_spread_over_the_interval() {
        let interval = Duration::from_secs(5);
        assert_eq!(spread(0, 2, interval), Duration::ZERO);
        assert!(spread(1, 2, interval) <= Duration::from_millis(5));
        let last = spread(36_999, 37_000, interval);
        assert!(last < interval && last > interval.mul_f64(0.99));
    }
}
