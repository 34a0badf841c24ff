//! What the operator asks for by command, and what becomes of it with time.

use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::record::Target;
use super::wishes::{ServerWishes, Signed, Stand, Weight};
use super::{About, Director};
use crate::clock::Moment;
use crate::config::{ServerId, ServiceId, nearest};
use crate::operate::evidence;
use crate::operate::journal::Event;
use crate::operate::timestamp::rfc3339;
use crate::policy::{self, Standing, Wish};

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
        let signed = |stand| Signed {
            wish: stand,
            author: order.author.clone(),
            reason: order.reason.clone(),
            since,
        };
        let until = |time: Duration| since.saturating_add(time.as_secs());
        let targets = self.targets(server);
        let change = |wishes: &mut ServerWishes,
                      by_hand: &mut std::collections::BTreeMap<Target, u32>| {
            match order.want {
                Want::Drain { deadline, .. } => {
                    let until = until(deadline);
                    let done = false;
                    wishes.stand = Some(signed(Stand::Drain { until, done }));
                }
                Want::Disable { .. } => wishes.stand = Some(signed(Stand::Disable)),
                Want::Enable | Want::Force(_) => {
                    wishes.stand = match order.want {
                        Want::Force(time) => Some(signed(Stand::Force { until: until(time) })),
                        _ => None,
                    };
                    by_hand.retain(|_, weight| *weight > 0);
                    wishes.weight = wishes.weight.take().filter(|asked| asked.wish.weight > 0);
                }
                Want::Weight(weight) => {
                    by_hand.clear();
                    let asked = Signed {
                        wish: Weight { weight },
                        author: order.author.clone(),
                        reason: order.reason.clone(),
                        since,
                    };
                    wishes.weight = (weight != nominal).then_some(asked);
                }
            }
        };
        self.records
            .wishes
            .change(&order.server, &targets, change)
            .map_err(|error| {
                format!("the wish could not be kept in wishes.json, so nothing was done: {error}")
            })?;
        let mut said = self.words_for(order, nominal, since);
        let event = match order.want {
            Want::Enable => Event::WishCleared,
            Want::Weight(weight) if weight == nominal => Event::WishCleared,
            _ => Event::WishSet,
        };
        let asked = serde_json::to_value(order.want).map(|want| (evidence::ORDER.to_owned(), want));
        self.note_with(event, About::server(server), said.clone(), asked.ok());
        for (service, _) in self.memberships(server) {
            self.converge(service, &[], now);
        }
        self.records.journal.flush();
        if let (Want::Enable | Want::Force(_), Some((file, _))) =
            (order.want, self.maintenance_of(server))
        {
            let _ = write!(
                said,
                "; it stays out while the maintenance folder has the file {file}"
            );
        }
        Ok(said)
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

    fn words_for(&self, order: &Order, nominal: u32, since: u64) -> String {
        let at = |time: Duration| clock_time(since.saturating_add(time.as_secs()));
        let what = match order.want {
            Want::Drain { deadline, .. } => {
                format!("drained, until {} at the latest", at(deadline))
            }
            Want::Disable { .. } => "disabled".to_owned(),
            Want::Enable => "enabled; its health counts again".to_owned(),
            Want::Force(time) => format!("enabled whatever its checks say, until {}", at(time)),
            Want::Weight(weight) if weight == nominal => format!("weight {nominal}, as configured"),
            Want::Weight(weight) => format!("weight {weight} instead of {nominal}"),
        };
        let reason = order.reason.as_ref().map(|reason| format!(" ({reason})"));
        format!(
            "{}: {what}, by {}{}",
            order.server,
            order.author,
            reason.unwrap_or_default()
        )
    }

    /// A server's destinations, by their names in the state files.
    fn targets(&self, server: ServerId) -> Vec<Target> {
        let memberships = self.memberships(server).into_iter();
        memberships
            .map(|(service, _)| self.target(service, server))
            .collect()
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
        Wish {
            standing: asked.max(by_file),
            weight: wishes.weight(name, &self.target(service, server)),
        }
    }

    /// Seconds since 1970.
    pub(super) fn unix(&self, now: Moment) -> u64 {
        let wall = self.epoch + now.since(Moment::default());
        let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        since.as_secs()
    }

    /// Ends what was asked for a time, tells of drains that are done, and deletes destinations on
    /// their way out that have no connections left.
    pub(super) fn attend_to_departures(&mut self, now: Moment) {
        let leaving: Vec<ServiceId> = self
            .service_ids()
            .filter(|id| !self.leaving(*id, &self.table).is_empty())
            .collect();
        let pending = self.pending_stands();
        if leaving.is_empty() && pending.is_empty() {
            return;
        }
        let counted = match self.kernel.dump() {
            Ok(table) => {
                self.count_connections(&table);
                true
            }
            Err(_) => false,
        };
        if counted {
            self.remove_idle(&leaving, now);
        }
        for (server, stand) in pending {
            match stand {
                Stand::Force { until } if self.unix(now) >= until => self.end_force(server, now),
                Stand::Drain { until, .. } => self.follow_drain(server, until, counted, now),
                _ => {}
            }
        }
    }

    /// Forces, and drains that are not done.
    fn pending_stands(&self) -> Vec<(ServerId, Stand)> {
        let stands = self.records.wishes.servers().filter_map(|(name, asked)| {
            let stand = asked.stand.as_ref()?.wish;
            let pending = !matches!(stand, Stand::Disable | Stand::Drain { done: true, .. });
            pending.then_some((self.config.server_named(name)?, stand))
        });
        stands.collect()
    }

    fn remove_idle(&mut self, leaving: &[ServiceId], now: Moment) {
        for id in leaving {
            let key = self.config.services[id.0].key;
            let idle = self
                .leaving(*id, &self.table)
                .into_iter()
                .filter(|(_, there)| {
                    let connections = there.connections;
                    there.settings.weight == 0
                        && connections.active == 0
                        && connections.inactive == 0
                });
            self.idle = idle.map(|(at, _)| (key, at)).collect();
            self.converge(*id, &[], now);
            self.idle.clear();
        }
    }

    fn end_force(&mut self, server: ServerId, now: Moment) {
        let name = self.config.servers[server.0].name.clone();
        let kept = self
            .records
            .wishes
            .change(&name, &[], |wishes, _| wishes.stand = None);
        if let Err(error) = kept {
            let words = format!("wishes.json: {error}");
            self.note_table_error(About::server(server), words);
            return;
        }
        let reason =
            format!("{name}: the time of the forced enabling is over; its health counts again");
        self.note(Event::WishCleared, About::server(server), reason);
        for (service, _) in self.memberships(server) {
            self.converge(service, &[], now);
        }
    }

    fn follow_drain(&mut self, server: ServerId, until: u64, counted: bool, now: Moment) {
        let left: u32 = self
            .memberships(server)
            .into_iter()
            .map(|(service, _)| self.connections(service, server).active)
            .sum();
        let quiesced = self
            .memberships(server)
            .into_iter()
            .all(|(service, _)| self.found_weight(service, server).unwrap_or(0) == 0);
        let reason = match (counted && quiesced && left == 0, self.unix(now) >= until) {
            (true, _) => "drained: no active connections are left".to_owned(),
            (false, true) => {
                format!("the deadline of the drain has come; {left} active connections are left")
            }
            (false, false) => return,
        };
        let name = self.config.servers[server.0].name.clone();
        let done = self.records.wishes.change(&name, &[], |wishes, _| {
            if let Some(Signed {
                wish: Stand::Drain { done, .. },
                ..
            }) = &mut wishes.stand
            {
                *done = true;
            }
        });
        // Told again after a restart, if the disk did not take it.
        let _ = done;
        self.note(Event::Drained, About::server(server), reason);
    }
}

/// A point in time, as `status` and the journal write it.
pub(super) fn clock_time(unix: u64) -> String {
    rfc3339(UNIX_EPOCH + Duration::from_secs(unix))
}
