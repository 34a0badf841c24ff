//! Keeps the wanted addresses: [`duties`] decides, without input, output or a clock; [`work`]
//! carries it out on a thread of its own.

mod duties;
mod duty;
mod fitness;
mod held;
mod work;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io::{self, PipeReader, PipeWriter};
use std::net::IpAddr;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::mpsc::Sender;

use super::{Addresses, Claim, Mac};
use crate::clock::{Clock, Moment};
use crate::coupling::score::{self, ScoreFile};

use crate::jitter::Jitter;
use duties::Duties;
use fitness::Fitness;
use work::Work;

/// What a keeper tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeeperEvent {
    /// What became of a wanted address.
    Address(AddressEvent),
    /// What became of this director's score in a pair.
    Score(score::Told),
}

/// What a keeper is to do.
#[derive(Clone, Debug, Default)]
pub struct Charge {
    /// Addresses to hold while this director is fit.
    pub claims: Vec<Claim>,
    /// What its fitness depends on.
    pub watched: Watched,
    /// Where keepalived is told how fit it is.
    pub score: Option<ScoreFile>,
}

/// What became of a wanted address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressEvent {
    /// Its interface's name.
    pub interface: String,
    /// The address.
    pub address: IpNet,
    /// Why it is wanted, in words.
    pub purpose: String,
    /// What happened.
    pub change: Change,
}

/// What happened to a wanted address. Nothing is told twice in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The interface had it already when first looked at, or somebody else added it.
    Found,
    /// It was added: nobody else holds it.
    Added,
    /// Somebody had deleted it, and it was added again.
    Repaired,
    /// Another machine holds it, so it is not taken. It is asked for again every 10 s.
    Conflict {
        /// The other machine.
        holder: Mac,
    },
    /// This machine and another one hold it both. It is kept and defended, but not refreshed.
    Contested {
        /// The other machine.
        holder: Mac,
    },
    /// The other machine has gone silent.
    ConflictEnded,
    /// It cannot be taken or announced; the words say why and what to do.
    Failed {
        /// Without the address's name.
        words: String,
    },
    /// What failed works again; the address is held and announced.
    FailureEnded,
    /// It was given up: this director is unfit. It is taken again when that is over.
    Withdrawn {
        /// What is wrong with the director.
        why: String,
    },
}

/// What this director's fitness depends on; nothing, if both are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// Interfaces, each of which must carry frames.
    pub links: Vec<String>,
    /// Real servers, one of which must answer, as far as they are neighbours.
    pub servers: Vec<IpAddr>,
    /// The inside addresses of a pair's directors: an answer of the other one does as well.
    pub directors: Vec<IpAddr>,
}

impl Watched {
    fn neighbours(&self) -> impl Iterator<Item = &IpAddr> {
        self.servers.iter().chain(&self.directors)
    }
}

/// How often the keeper looks and speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The interfaces are read this often.
    pub period: Duration,
    /// Held addresses are announced this often, so that a neighbour with an old entry learns.
    pub refresh: Duration,
    /// After a conflict or a failure the address is tried again after this time. It is also the
    /// least time between two defences (RFC 5227 section 2.4, `DEFEND_INTERVAL`).
    pub retry: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            period: Duration::from_secs(2),
            refresh: Duration::from_secs(60),
            retry: Duration::from_secs(10),
        }
    }
}

/// A running keeper. Dropping it ends its thread; the addresses stay.
#[derive(Debug)]
pub struct Keeper {
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts to take and keep addresses. Sockets belong to the network namespace of the calling
    /// thread. Events wait in the keeper while `events` is full.
    ///
    /// # Errors
    /// The operating system gave no thread or no pipe.
    pub fn start(
        charge: Charge,
        addresses: impl Addresses + Send + 'static,
        timing: Timing,
        clock: Clock,
        events: Sender<KeeperEvent>,
    ) -> io::Result<Self> {
        let (waker, stop): (PipeReader, PipeWriter) = io::pipe()?;
        let duties = Duties::new(charge.claims, timing, Jitter::random());
        let before = charge.score.as_ref().map(ScoreFile::left_behind);
        let fitness = Fitness::new(
            charge.watched,
            before.unwrap_or_default().unfit,
            &timing,
            clock.now(),
        );
        let mut work = Work {
            duties,
            fitness,
            score: charge.score,
            addresses,
            view: None,
            next_read: Moment::default(),
            timing,
            clock,
            events,
            unsent: VecDeque::new(),
        };
        let thread = thread::Builder::new()
            .name("addresses".to_owned())
            .spawn(move || work.run(&waker))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was told when it happened.
            let _ = thread.join();
        }
    }
}
