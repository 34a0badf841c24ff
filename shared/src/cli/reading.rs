//! Reading what another process says: bounded in bytes and in time.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// A wake-up that comes later than this after the end of the time is our own stall. The other
/// side, stopped with us, then gets a moment to say so.
const STALL: Duration = Duration::from_millis(400);
const AFTER_STALL: Duration = Duration::from_millis(250);

/// Everything that came, and why no more did.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) bytes: Vec<u8>,
    pub(super) end: End,
}

/// Why no more was read.
#[derive(Debug)]
pub(super) enum End {
    /// The other side closed.
    Closed,
    /// The time was over.
    Expired,
    /// More came than was wanted.
    TooMuch,
    /// It could not be read.
    Broken(io::Error),
}

/// Reads until the other side closes, at most `most` bytes within `patience`.
pub(super) fn read_bounded(
    source: &mut (impl Read + AsFd),
    most: usize,
    patience: Duration,
) -> Heard {
    let mut ends = Instant::now() + patience;
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    let end = loop {
        match wait_until_readable(source, ends) {
            Ok(true) => {}
            Ok(false) if ends.elapsed() > STALL => {
                ends = Instant::now() + AFTER_STALL;
                continue;
            }
            Ok(false) => break End::Expired,
            Err(error) => break End::Broken(error),
        }
        match source.read(&mut chunk) {
            Ok(0) => break End::Closed,
            Ok(count) if bytes.len() + count > most => break End::TooMuch,
            Ok(count) => bytes.extend(chunk.iter().take(count)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break End::Broken(error),
        }
    };
    Heard { bytes, end }
}

fn wait_until_readable(source: &impl AsFd, ends: Instant) -> io::Result<bool> {
    loop {
        let left = ends.saturating_duration_since(Instant::now());
        let mut interest = [PollFd::new(source.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut interest, timeout) {
            Ok(0) if Instant::now() >= ends => return Ok(false),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const SOON: Duration = Duration::from_millis(50);

    #[test]
    fn everything_is_read_until_the_other_side_closes() {
        let (mut reader, mut writer) = io::pipe().unwrap();
        let text = vec![b'x'; 10_000];
        writer.write_all(&text).unwrap();
        drop(writer);
        let heard = read_bounded(&mut reader, 10_000, SOON);
        assert!(matches!(heard.end, End::Closed) && heard.bytes == text);
    }

    #[test]
    fn what_never_ends_is_cut_in_bytes() {
        let mut zeros = std::fs::File::open("/dev/zero").unwrap();
        let heard = read_bounded(&mut zeros, 10_000, Duration::from_secs(5));
        assert!(matches!(heard.end, End::TooMuch) && heard.bytes.len() <= 10_000);
    }

    #[test]
    fn what_never_comes_is_given_up_in_time() {
        let (mut reader, _writer) = io::pipe().unwrap();
        let started = Instant::now();
        let heard = read_bounded(&mut reader, 10, SOON);
        assert!(matches!(heard.end, End::Expired) && heard.bytes.is_empty());
        assert!(started.elapsed() >= SOON);
    }
}
