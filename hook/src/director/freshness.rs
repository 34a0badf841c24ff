//! Whether what a director knows is new enough to be relied upon.

use serde_json::{Value, json};

use super::Director;
use crate::clock::Moment;

impl Director {
    /// The answer to `fresh`: every check of our own has answered within its `stale_after`, or has
    /// not had that long since the start. That another program reports nothing is no fault of this
    /// director's.
    pub fn freshness(&self, now: Moment) -> Value {
        let pairs = self.config.needed_checks();
        let own = pairs
            .iter()
            .filter(|(_, check)| !self.config.checks[check.0].is_reported());
        let mut count = 0;
        let mut stale = Vec::new();
        for (server, check) in own {
            count += 1;
            let probed = self.probes.get(&(*server, *check));
            let last = probed.and_then(|probed| probed.last.as_ref());
            let silence = now.since(last.map_or(self.started, |(at, _)| *at));
            let check = &self.config.checks[check.0];
            if silence > check.stale_after {
                let name = &self.config.servers[server.0].name;
                stale.push(format!("{name}/{}: {} s", check.name, silence.as_secs()));
            }
        }
        json!({ "fresh": stale.is_empty(), "checks": count, "stale": stale })
    }
}
