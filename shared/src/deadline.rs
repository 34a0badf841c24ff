//! One budget of time for a whole check, however many steps it takes.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use crate::verdict::{Condition, Finding, Kind};

/// A wake-up that comes later than this after the end of the budget is our own stall.
const STALL: Duration = Duration::from_millis(500);

/// The point in time at which a check must be over.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    started: Instant,
    budget: Duration,
}

/// Why a step was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// The budget is spent and the peer did not answer.
    Timeout,
    /// We ourselves woke up `late` after the end of the budget: stopped, starved or suspended.
    /// The peer may have done its part; nothing is known of it.
    OwnStall {
        /// How long after the end of the budget.
        late: Duration,
    },
}

impl Deadline {
    /// A budget that starts now.
    pub fn after(budget: Duration) -> Self {
        Self {
            started: Instant::now(),
            budget,
        }
    }

    /// The whole budget.
    pub fn budget(&self) -> Duration {
        self.budget
    }

    /// What is spent of it.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// What is left of it; zero when it is spent.
    pub fn remaining(&self) -> Duration {
        self.budget.saturating_sub(self.elapsed())
    }

    /// Drives `step` until it is ready or the budget is spent.
    ///
    /// When the budget is spent the step is polled once more, after the runtime has looked for
    /// news: an answer that came while this process was stopped is an answer.
    pub async fn run<F: Future>(&self, step: F) -> Result<F::Output, Expired> {
        let mut step = pin!(step);
        // One too far away to be told as a time never comes.
        let Some(end) = self.started.checked_add(self.budget) else {
            return Ok(step.await);
        };
        if let Ok(output) = tokio::time::timeout_at(end.into(), step.as_mut()).await {
            return Ok(output);
        }
        let late = self.elapsed().saturating_sub(self.budget);
        tokio::task::yield_now().await;
        match tokio::time::timeout(Duration::ZERO, step).await {
            Ok(output) => Ok(output),
            Err(_) if late > STALL => Err(Expired::OwnStall { late }),
            Err(_) => Err(Expired::Timeout),
        }
    }
}

impl Expired {
    /// The finding: `timed_out` where the peer is to blame, Unknown where we are.
    pub fn finding(self, timed_out: impl FnOnce() -> Finding) -> Finding {
        match self {
            Self::Timeout => timed_out(),
            Self::OwnStall { late } => Finding::new(
                Condition::Unknown,
                Kind::OwnStall,
                format!(
                    "this check was not scheduled for {:.1} s beyond its time, so nothing is known \
                     of the server; look for load, stopped processes or a suspended machine here",
                    late.as_secs_f64()
                ),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn a_step_that_is_ready_gives_its_output() {
        let deadline = Deadline::after(Duration::from_secs(1));
        assert_eq!(deadline.run(ready(7)).await, Ok(7));
    }

    #[tokio::test]
    async fn a_step_that_never_ends_times_out_in_time() {
        let deadline = Deadline::after(Duration::from_millis(30));
        assert_eq!(deadline.run(pending::<()>()).await, Err(Expired::Timeout));
        assert!(deadline.elapsed() < Duration::from_millis(500));
        assert_eq!(deadline.remaining(), Duration::ZERO);
    }

    #[tokio::test]
    async fn steps_share_one_budget() {
        let deadline = Deadline::after(Duration::from_millis(60));
        let nap = Duration::from_millis(40);
        assert_eq!(deadline.run(tokio::time::sleep(nap)).await, Ok(()));
        assert_eq!(
            deadline.run(tokio::time::sleep(nap)).await,
            Err(Expired::Timeout)
        );
    }

    #[tokio::test]
    async fn waking_long_after_the_end_is_our_own_stall() {
        let deadline = Deadline::after(Duration::from_millis(20));
        let stalled = async {
            tokio::task::yield_now().await;
            std::thread::sleep(Duration::from_millis(700));
            pending::<()>().await;
        };
        match deadline.run(stalled).await {
            Err(Expired::OwnStall { late }) => assert!(late > STALL, "{late:?}"),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn an_answer_that_came_during_our_own_stall_counts() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let deadline = Deadline::after(Duration::from_millis(20));
        let answered = deadline.run(async {
            let mut byte = [0];
            let first_look = tokio::time::timeout(Duration::ZERO, client.read(&mut byte)).await;
            assert!(first_look.is_err(), "nothing was sent yet");
            server.write_all(b"x").await.unwrap();
            std::thread::sleep(Duration::from_millis(700));
            client.read(&mut byte).await.unwrap()
        });
        assert_eq!(answered.await, Ok(1));
    }
}
