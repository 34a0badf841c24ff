//! Where verdicts come from: checks that run inside this process, and programs that it starts.

mod exec;
mod pacing;
mod real_path;
pub mod reported;
mod smtp;
mod tcp;
mod watch;

use std::net::SocketAddr;
use std::time::Duration;

use shared::deadline::Deadline;
use shared::dial::Target;
use shared::verdict::Verdict;
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, sleep, sleep_until};

use crate::clock::{Clock, Moment};
use crate::config::{Check, CheckId, Config, Probe, Server, ServerId};
use crate::director::Report;
use crate::health::{Reading, Rules, Streak};
use pacing::Pacing;

pub use watch::start as start_watches;

/// Starts every check on every server that some service needs it for. The first runs are spread,
/// so that many checks do not all start at once.
pub fn start(config: &Config, reports: &Sender<Report>, clock: Clock) {
    let own = needed(config)
        .into_iter()
        .filter(|(_, check)| !config.checks[check.0].is_reported());
    for (at, (server, check)) in own.enumerate() {
        let task = Task {
            ids: (server, check),
            server: config.servers[server.0].clone(),
            check: config.checks[check.0].on(&config.servers[server.0]),
            reports: reports.clone(),
            clock,
        };
        tokio::spawn(task.run(spread(
            at,
            task_count(config),
            config.checks[check.0].interval,
        )));
    }
}

/// Every check on every server that some service needs it for.
pub(crate) fn needed(config: &Config) -> Vec<(ServerId, CheckId)> {
    let mut needed: Vec<(ServerId, CheckId)> = config
        .services
        .iter()
        .flat_map(|service| {
            let pairs = |server: &ServerId| {
                let server = *server;
                service.checks.iter().map(move |check| (server, *check))
            };
            service.servers.iter().flat_map(pairs)
        })
        .collect();
    needed.sort_unstable();
    needed.dedup();
    needed
}

fn task_count(config: &Config) -> usize {
    needed(config).len().max(1)
}

/// When the first run of one of `count` checks begins: a few milliseconds apart while they are
/// few, evenly over the interval when they are many.
fn spread(at: usize, count: usize, interval: Duration) -> Duration {
    let few = Duration::from_millis(5).saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
    few.min(interval).mul_f64(at as f64 / count as f64)
}

struct Task {
    ids: (ServerId, CheckId),
    server: Server,
    check: Check,
    reports: Sender<Report>,
    clock: Clock,
}

impl Task {
    async fn run(self, first: Duration) {
        sleep(first).await;
        let mut streak = Streak::default();
        let mut pacing = Pacing::default();
        loop {
            let began = Instant::now();
            let verdict = probe(&self.check, &self.server, &mut pacing, self.clock)
                .await
                .enforcing(&self.check.enforce);
            streak = streak.after(Reading::from(&verdict), self.clock.now());
            let (server, check) = self.ids;
            if self
                .reports
                .send(Report {
                    server,
                    check,
                    verdict,
                })
                .await
                .is_err()
            {
                return;
            }
            let (ended, now) = (Instant::now(), self.clock.now());
            let next = self.pace().next(began, ended, &streak, &pacing, now);
            sleep_until(next).await;
        }
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

async fn probe(check: &Check, server: &Server, pacing: &mut Pacing, clock: Clock) -> Verdict {
    let deadline = Deadline::after(check.timeout);
    match &check.probe {
        Probe::X224 { port, options } => {
            let target = Target {
                name: server.address.to_string(),
                address: SocketAddr::new(server.address, *port),
                source: None,
            };
            plugins_tls::x224::check(&target, options, deadline).await
        }
        Probe::Tcp(asked) => tcp::check(&check.name, asked, server, deadline).await,
        Probe::Smtp(options) => smtp::check(options, server, pacing, clock, deadline).await,
        Probe::Owa { port, options } => {
            let target = Target {
                name: server.address.to_string(),
                address: SocketAddr::new(server.address, *port),
                source: None,
            };
            plugins_tls::owa::check(&target, options, deadline).await
        }
        Probe::RealPath(path) => real_path::check(&check.name, path, server, deadline).await,
        // Its results come from elsewhere; it has no task.
        Probe::Reported => std::future::pending().await,
        Probe::Exec(program) => exec::check(&check.name, program, Some(server), deadline).await,
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
