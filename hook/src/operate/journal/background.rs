//! Writes the journal in threads of its own: neither a slow disk nor a standard error that nobody
//! reads may hold up the director.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::thread;
use std::time::Duration;

use super::log::Log;

/// Batches that wait for the disk; each is what one verdict led to.
const WAITING: usize = 1024;

/// How long the end of a run waits for the disk, and for a reader of standard error.
const PATIENCE: [Duration; 2] = [Duration::from_secs(5), Duration::from_millis(200)];

/// Lines on their way to the file.
struct Batch {
    lines: Vec<u8>,
    events: u64,
}

/// The writing threads' ends of the channels.
#[derive(Debug)]
pub(super) struct Background {
    file: Option<SyncSender<Batch>>,
    told: Option<SyncSender<Vec<u8>>>,
    ends: [Receiver<()>; 2],
    pub(super) lost: Arc<AtomicU64>,
    unread: AtomicBool,
}

impl Background {
    /// Starts the threads.
    pub(super) fn start(log: Log) -> io::Result<Self> {
        let lost = Arc::new(AtomicU64::new(0));
        let (file, batches) = sync_channel(WAITING);
        let (told, lines) = sync_channel::<Vec<u8>>(WAITING);
        let counter = Arc::clone(&lost);
        let written = spawn("journal", move || write(log, &batches, &counter))?;
        let shown = spawn("stderr", move || {
            for lines in lines {
                let _ = io::stderr().write_all(&lines);
            }
        })?;
        Ok(Self {
            file: Some(file),
            told: Some(told),
            ends: [written, shown],
            lost,
            unread: AtomicBool::new(false),
        })
    }

    /// Events that are lost and not yet accounted for; whoever takes the number has to note it.
    pub(super) fn take_lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }

    /// Hands lines to the file's thread; `events` is how many are lost if they are.
    pub(super) fn write(&self, lines: Vec<u8>, events: u64) {
        let Some(file) = &self.file else { return };
        match file.try_send(Batch { lines, events }) {
            Ok(()) => {}
            Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) => {
                self.lost.fetch_add(batch.events, Ordering::Relaxed);
            }
        }
    }

    /// Hands lines to the thread of standard error. True if that is the first time that they are
    /// lost, since nobody reads it.
    pub(super) fn tell(&self, lines: Vec<u8>) -> bool {
        let full = self
            .told
            .as_ref()
            .is_some_and(|told| matches!(told.try_send(lines), Err(TrySendError::Full(_))));
        full && !self.unread.swap(true, Ordering::Relaxed)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.file = None;
        self.told = None;
        for (end, patience) in self.ends.iter().zip(PATIENCE) {
            // An error is the end of the thread, too.
            let _ = end.recv_timeout(patience);
        }
    }
}

/// Starts a thread; what comes back hears when it ends.
fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<Receiver<()>> {
    let (alive, end) = channel();
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let _alive = alive;
            work();
        })?;
    Ok(end)
}

fn write(mut log: Log, batches: &Receiver<Batch>, lost: &AtomicU64) {
    for batch in batches {
        if log.append(&batch.lines).is_err() {
            lost.fetch_add(batch.events, Ordering::Relaxed);
        }
    }
}
