//! Writing the answer: once, completely, and never waiting for a reader that does not read.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::last_word;

/// A pipe that can be written to takes at least this much without blocking (`PIPE_BUF`).
const CHUNK: usize = 4096;

/// Writes `bytes` to stdout within `patience`. An error means that the answer was not heard; an
/// answer of no bytes is always heard.
pub(super) fn deliver(bytes: &[u8], patience: Duration) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    if last_word::stdout_was_closed() {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    last_word::mark_spoken();
    let ends = Instant::now() + patience;
    // The lock is a LineWriter; each chunk is flushed through it at once.
    let mut stdout = io::stdout().lock();
    for chunk in bytes.chunks(CHUNK) {
        wait_until_writable(&stdout, ends)?;
        stdout.write_all(chunk)?;
        stdout.flush()?;
    }
    Ok(())
}

fn wait_until_writable(stdout: &impl AsFd, ends: Instant) -> io::Result<()> {
    let left = ends.saturating_duration_since(Instant::now());
    let mut interest = [PollFd::new(stdout.as_fd(), PollFlags::POLLOUT)];
    let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
    match poll(&mut interest, timeout) {
        Ok(0) => Err(io::ErrorKind::TimedOut.into()),
        // A reader that has gone shows itself in the write that follows.
        Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
