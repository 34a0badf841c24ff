//! What the operator asks for by command, and what becomes of it with time.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::wishes::{ServerWishes, Signed, Stand, Weight};
use super::{About, Director};
use crate::clock::Moment;
use crate::config::{ServerId, ServiceId, nearest};
use crate::operate::evidence;
use crate::operate::journal::Event;
use crate::operate::timestamp::rfc3339;
use crate::policy::{self, Standing, Wish};
use crate::reconcile::Scope;
use crate::table::Target;

/// What is asked of a director for one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The server's name.
    pub server: String,
    /// What is wanted.
    pub want: Want,
    /// Why, in the operator's words.
    pub reason: Option<String>,
    /// Who asks.
    pub author: String,
}

/// What can be wanted of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Want {
    /// No new connections; done when the old ones have ended, or at the deadline.
    Drain {
        /// From now on.
        deadline: Duration,
        /// Even if nobody else serves.
        even_the_last: bool,
    },
    /// No new connections until further notice.
    Disable {
        /// Even if nobody else serves.
        even_the_last: bool,
    },
    /// In again, as its health says.
    Enable,
    /// In, whatever its checks say, for this long.
    Force(Duration),
    /// This weight while it serves; the configured one is no wish.
    Weight(u32),
}

impl Want {
    /// Whether the last server that serves would be taken out, unasked for.
    fn may_empty_a_pool(self) -> bool {
        match self {
            Self::Drain { even_the_last, .. } | Self::Disable { even_the_last } => !even_the_last,
            Self::Weight(weight) => weight == 0,
            Self::Enable | Self::Force(_) => false,
        }
    }
}

impl Order {
    fn signed<T>(&self, wish: T, since: u64) -> Signed<T> {
        Signed {
            wish,
            author: self.author.clone(),
            reason: self.reason.clone(),
            since,
        }
    }

    /// What becomes of a server's wishes, and of the weights set by hand at its destinations.
    fn change(
        &self,
        wishes: &mut ServerWishes,
        by_hand: &mut BTreeMap<Target, u32>,
        nominal: u32,
        since: u64,
    ) {
        let until = |time: Duration| since.saturating_add(time.as_secs());
        let stand = match self.want {
            Want::Weight(weight) => {
                by_hand.clear();
                let asked = (weight != nominal).then_some(Weight { weight });
                wishes.weight = asked.map(|asked| self.signed(asked, since));
                return;
            }
            Want::Drain { deadline, .. } => Some(Stand::Drain {
                until: until(deadline),
                done: false,
            }),
            Want::Disable { .. } => Some(Stand::Disable),
            Want::Force(time) => Some(Stand::Force { until: until(time) }),
            Want::Enable => None,
        };
        if matches!(self.want, Want::Enable | Want::Force(_)) {
            by_hand.retain(|_, weight| *weight > 0);
            wishes.weight = wishes.weight.take().filter(|asked| asked.wish.weight > 0);
        }
        wishes.stand = stand.map(|stand| self.signed(stand, since));
    }

    fn event(&self, nominal: u32) -> Event {
        match self.want {
            Want::Enable => Event::WishCleared,
            Want::Weight(weight) if weight == nominal => Event::WishCleared,
            _ => Event::WishSet,
        }
    }

    fn words(&self, nominal: u32, since: u64) -> String {
        let at = |time: Duration| clock_time(since.saturating_add(time.as_secs()));
        let what = match self.want {
            Want::Drain { deadline, .. } => {
                format!(
                    "drained: done when its connections have ended, or at {}; it stays out until \
                     it is enabled",
                    at(deadline)
                )
            }
            Want::Disable { .. } => "disabled".to_owned(),
            Want::Enable => "enabled; its health counts again".to_owned(),
            Want::Force(time) => format!("enabled whatever its checks say, until {}", at(time)),
            Want::Weight(weight) if weight == nominal => format!("weight {nominal}, as configured"),
            Want::Weight(weight) => format!("weight {weight} instead of {nominal}"),
        };
        let reason = self.reason.as_ref().map(|reason| format!(" ({reason})"));
        let reason = reason.unwrap_or_default();
        format!("{}: {what}, by {}{reason}", self.server, self.author)
    }
}

impl Director {
    /// Does what the operator asks for, on disk before anything is written to the table. Gives what
    /// was done, in words.
    ///
    /// # Errors
    /// Why nothing was done, with what to do about it.
    pub fn obey(&mut self, order: &Order, now: Moment) -> Result<String, String> {
        let server = self.known(&order.server)?;
        if order.want.may_empty_a_pool() {
            self.refuse_the_last(server, now)?;
        }
        self.refuse_less_than_disabled(order)?;
        let nominal = self.config.servers[server.0].weight;
        let since = self.unix(now);
        let address = self.config.servers[server.0].address;
        let targets = self.records.wishes.by_hand_at(address);
        self.records
            .wishes
            .change(&order.server, &targets, |wishes, by_hand| {
                order.change(wishes, by_hand, nominal, since);
            })
            .map_err(|error| {
                format!("the wish could not be kept in wishes.json, so nothing was done: {error}")
            })?;
        let said = order.words(nominal, since);
        let asked = serde_json::to_value(order.want).map(|want| (evidence::ORDER.to_owned(), want));
        self.note_with(
            order.event(nominal),
            About::server(server),
            said.clone(),
            asked.ok(),
        );
        for (service, _) in self.memberships(server) {
            self.converge(service, &[], now);
        }
        self.records.journal.flush();
        match (order.want, self.maintenance_of(server)) {
            (Want::Enable | Want::Force(_), Some((file, _))) => Ok(format!(
                "{said}; it stays out while the maintenance folder has the file {file}"
            )),
            _ => Ok(said),
        }
    }

    fn known(&self, name: &str) -> Result<ServerId, String> {
        self.config.server_named(name).ok_or_else(|| {
            let names = self
                .config
                .servers
                .iter()
                .map(|server| server.name.as_str());
            match nearest(name, names) {
                Some(other) => format!("no server is called {name}; did you mean {other}?"),
                None => format!("no server is called {name}; see `governess status`"),
            }
        })
    }

    fn refuse_the_last(&self, server: ServerId, now: Moment) -> Result<(), String> {
        let last_in = |(service, at): &(ServiceId, usize)| self.is_last(*service, *at, now);
        let Some((service, _)) = self.memberships(server).into_iter().find(last_in) else {
            return Ok(());
        };
        Err(format!(
            "{} is the last server that serves in {}, which would serve nobody then; nothing was \
             done. Enable another server first, or drain or disable it with --force",
            self.config.servers[server.0].name, self.config.services[service.0].name
        ))
    }

    /// Whether nobody else serves in the service, or would be kept once this server is out.
    fn is_last(&self, service: ServiceId, at: usize, now: Moment) -> bool {
        let mut candidates = self.candidates(service, now);
        let others_serve = candidates
            .iter()
            .enumerate()
            .any(|(other, candidate)| other != at && candidate.serves());
        if others_serve || candidates[at].is_out() {
            return false;
        }
        let serves = candidates[at].serves();
        candidates[at].wish.standing = Standing::Drained;
        let memory = &self.services[service.0].memory;
        let without = policy::decide(&candidates, memory, &self.rules(service, now), now);
        serves || without.weights.iter().all(|weight| *weight == 0)
    }

    /// A drain would be less than what was asked for before.
    fn refuse_less_than_disabled(&self, order: &Order) -> Result<(), String> {
        let stand = self
            .records
            .wishes
            .of(&order.server)
            .and_then(|asked| asked.stand.as_ref());
        match (order.want, stand) {
            (
                Want::Drain { .. },
                Some(Signed {
                    wish: Stand::Disable,
                    author,
                    ..
                }),
            ) => Err(format!(
                "{} was disabled by {author}, so it gets no new connections already; enable it first",
                order.server
            )),
            _ => Ok(()),
        }
    }

    /// What the operator wants of a server in a service, from all the ways there are to say so. The
    /// strongest counts.
    pub(super) fn wish(&self, service: ServiceId, server: ServerId) -> Wish {
        let name = &self.config.servers[server.0].name;
        let wishes = &self.records.wishes;
        let asked = wishes.of(name).and_then(|asked| asked.stand.as_ref());
        let asked = asked.map_or(Standing::AsJudged, |asked| asked.wish.standing());
        let by_file = match self.maintenance_in(service, server) {
            Some(_) => Standing::Drained,
            None => Standing::AsJudged,
        };
        // A destination that the owner of the table has removed is as good as drained: it cannot
        // serve, and nobody else is to be let down because of it.
        let removed =
            self.scope() == Scope::Weights && self.found_weight(service, server).is_none();
        let wished = || wishes.weight(name, self.target(service, server));
        Wish {
            standing: asked.max(by_file),
            weight: if removed { Some(0) } else { wished() },
        }
    }

    /// Seconds since 1970.
    pub(super) fn unix(&self, now: Moment) -> u64 {
        let wall = self.epoch + now.since(Moment::default());
        let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        since.as_secs()
    }
}

/// A point in time, as `status` and the journal write it.
pub(super) fn clock_time(unix: u64) -> String {
    rfc3339(UNIX_EPOCH + Duration::from_secs(unix))
}
