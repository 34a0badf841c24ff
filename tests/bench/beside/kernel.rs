//! What `/proc/net/ip_vs` says of a namespace's table, and waiting for it to say something.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::Outcome;

/// A table in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    pub(crate) services: usize,
    pub(crate) destinations: usize,
    /// The sum of all weights.
    pub(crate) weight: u64,
}

impl Census {
    /// Of the namespace that a process is in.
    pub(crate) fn of(pid: u32) -> Outcome<Self> {
        match fs::read_to_string(format!("/proc/{pid}/net/ip_vs")) {
            Ok(text) => Ok(Self::count(&text)),
            // Before the first request, the module is not there.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    fn count(text: &str) -> Self {
        let mut census = Self::default();
        for line in text.lines().skip(3) {
            match line.strip_prefix("  -> ") {
                None => census.services += 1,
                Some(rest) => {
                    census.destinations += 1;
                    let weight = rest.split_whitespace().nth(2);
                    census.weight += weight.and_then(|word| word.parse().ok()).unwrap_or(0);
                }
            }
        }
        census
    }
}

/// How long `done` takes to become true from now; none if it is not within `patience`. Looking
/// takes at most half of the time, so that whoever works is not held up.
pub(crate) fn until(
    patience: Duration,
    mut done: impl FnMut() -> Outcome<bool>,
) -> Outcome<Option<Duration>> {
    let began = Instant::now();
    loop {
        let looked = Instant::now();
        if done()? {
            // What was true when the look began.
            return Ok(Some(began.elapsed()));
        }
        if began.elapsed() > patience {
            return Ok(None);
        }
        thread::sleep(looked.elapsed().max(Duration::from_millis(10)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_destinations_and_weights_are_counted() {
        let text = "IP Virtual Server version 1.2.1 (size=4096)\n\
                    Prot LocalAddress:Port Scheduler Flags\n  \
                    -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n\
                    FWM  00000050 wlc \n  \
                    -> 0A000102:0000      Masq    3      7          9         \n  \
                    -> 0A000101:0000      Masq    1      0          0         \n";
        let counted = Census::count(text);
        assert_eq!(
            (counted.services, counted.destinations, counted.weight),
            (1, 2, 4)
        );
    }

    #[test]
    fn what_does_not_come_is_not_waited_for() {
        let mut looks = 0;
        let found = until(Duration::from_millis(30), || {
            looks += 1;
            Ok(false)
        });
        assert_eq!(found.unwrap(), None);
        assert!(looks > 1);
    }
}
