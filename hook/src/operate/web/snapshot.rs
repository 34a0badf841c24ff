//! The director's state for many readers at the price of one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::Look;
use crate::operate::status::Status;

/// Readers within this time share one reading, so that no number of them holds up the director.
const SHARED: Duration = Duration::from_millis(500);

/// A director that takes longer to answer is not alive.
const PATIENCE: Duration = Duration::from_secs(2);

/// The director's loop did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Silent;

type Answer = Result<Arc<Status>, Silent>;

/// The last reading, and the way to the next.
#[derive(Debug)]
pub(super) struct Snapshot {
    looks: mpsc::Sender<Look>,
    last: Mutex<Option<(Instant, Answer)>>,
}

impl Snapshot {
    /// Nothing is read yet.
    pub(super) fn new(looks: mpsc::Sender<Look>) -> Self {
        Self {
            looks,
            last: Mutex::new(None),
        }
    }

    /// The present state, at most half a second old.
    pub(super) async fn get(&self) -> Answer {
        let mut last = self.last.lock().await;
        if let Some((read, answer)) = &*last
            && read.elapsed() < SHARED
        {
            return answer.clone();
        }
        let answer = self.read().await;
        *last = Some((Instant::now(), answer.clone()));
        answer
    }

    async fn read(&self) -> Answer {
        let (look, seen) = oneshot::channel();
        let asked = async {
            self.looks.send(look).await.ok()?;
            seen.await.ok()
        };
        match timeout(PATIENCE, asked).await {
            Ok(Some(status)) => Ok(Arc::new(status)),
            Ok(None) | Err(_) => Err(Silent),
        }
    }
}
