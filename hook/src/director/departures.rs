//! What comes to its end with time: drains, forced enablings, destinations on their way out.

use super::wishes::{Signed, Stand};
use super::{About, Director};
use crate::clock::Moment;
use crate::config::{ServerId, ServiceId};
use crate::operate::journal::Event;

impl Director {
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
