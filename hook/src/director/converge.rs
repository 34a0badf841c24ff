//! From what is known to the table: candidates, decision, steps, writes.

use std::time::Duration;

use super::record::Origin;
use super::wanted::{abandoned, wanted};
use super::{About, Director, ServiceState};
use crate::clock::Moment;
use crate::config::{ServerId, ServiceId};
use crate::kernel::KernelError;
use crate::operate::journal::Event;
use crate::operate::plan;
use crate::policy::{self, Candidate, Decision, FailOpenRules};
use crate::reconcile::{Scope, WantedService};
use crate::table::Step;

impl Director {
    /// Decides a service's weights anew and writes what differs. `losses` tells what somebody took
    /// from it since the last reading.
    pub(super) fn converge(&mut self, service: ServiceId, losses: &[String], now: Moment) {
        let decision = self.decide(service, now);
        self.note_pool(service, &decision);
        self.services[service.0]
            .wanted
            .clone_from(&decision.weights);
        self.services[service.0].pool = decision.pool;
        let wanted = self.wanted(service);
        let key = self.config.services[service.0].key;
        let steps = self.scope().steps(key, &wanted, &self.table);
        let about = About::service(service);
        if self.carry_out_all(about, &steps, losses) {
            self.record_judged(service);
        }
    }

    /// Carries steps out until one fails; that one is noted, and the next reading tries again.
    /// True if none failed.
    pub(super) fn carry_out_all(
        &mut self,
        about: About,
        steps: &[Step],
        losses: &[String],
    ) -> bool {
        for step in steps {
            let about = About {
                server: about.server.or(self.server_of(step)),
                ..about
            };
            if let Err(error) = self.carry_out(about, step) {
                let words = format!("{}: {error}", plan::words(step));
                self.note_table_error(about, words);
                return false;
            }
        }
        if !losses.is_empty() {
            let reason = format!("put right: {}", losses.join("; "));
            self.note(Event::Repaired, about, reason);
        }
        true
    }

    pub(super) fn decide(&self, service: ServiceId, now: Moment) -> Decision {
        let candidates = self.candidates(service, now);
        policy::decide(
            &candidates,
            &self.services[service.0].pool,
            self.fail_open_rules(service),
        )
    }

    /// The servers of a service as the policy sees them.
    pub(super) fn candidates(&self, service: ServiceId, now: Moment) -> Vec<Candidate> {
        let ServiceState {
            servers: states, ..
        } = &self.services[service.0];
        let members = &self.config.services[service.0].servers;
        let overdue = now.since(self.started) > self.patience(service);
        let candidate = |(server, state): (&ServerId, &crate::health::State)| {
            let streaks = self.streaks(service, *server);
            Candidate {
                state: *state,
                risen: crate::health::has_risen(&streaks),
                failing_since: streaks
                    .iter()
                    .filter_map(|(streak, _)| streak.failing_since())
                    .min(),
                overdue,
                nominal: self.nominal(service, *server),
                wish: self.standing_wish(service, *server),
                found: self.found_weight(service, *server),
            }
        };
        members.iter().zip(states).map(candidate).collect()
    }

    fn fail_open_rules(&self, service: ServiceId) -> FailOpenRules {
        let checks = self.config.services[service.0].checks.iter();
        let together = checks.map(|id| {
            let check = &self.config.checks[id.0];
            check.interval + check.timeout
        });
        FailOpenRules {
            together: together.max().unwrap_or(Duration::ZERO),
            min_up: self.config.services[service.0].min_up,
        }
    }

    /// How long a first judgement may take before the service stops waiting for it.
    fn patience(&self, service: ServiceId) -> Duration {
        let checks = self.config.services[service.0].checks.iter();
        let own = checks
            .map(|id| &self.config.checks[id.0])
            .filter(|check| !check.is_reported());
        let longest = own.map(|check| {
            let streak = (check.timeout + check.retry_interval).saturating_mul(check.rules.fall);
            check.stale_after.max(streak)
        });
        longest.max().unwrap_or(Duration::ZERO)
    }

    /// Which changes of the table are ours to make.
    pub(super) fn scope(&self) -> Scope {
        self.config.director.backend.scope()
    }

    pub(super) fn wanted(&self, service: ServiceId) -> WantedService {
        let state = &self.services[service.0];
        let service = &self.config.services[service.0];
        wanted(service, &state.wanted, |server| {
            self.config.destination(service, server)
        })
    }

    fn carry_out(&mut self, about: About, step: &Step) -> Result<(), KernelError> {
        self.announce(step).map_err(|source| KernelError::Refused {
            what: "writing `intents` in state_dir".to_owned(),
            source,
        })?;
        self.kernel.apply(step)?;
        // The kernel has it; a full disk only means that a restart sees it as pending.
        let _ = self.acknowledge(step);
        step.follow(&mut self.table);
        self.note(Event::Step, about, plan::words(step));
        Ok(())
    }

    /// Puts on record what is about to be written.
    fn announce(&mut self, step: &Step) -> std::io::Result<()> {
        match (step, written_weight(step)) {
            (Step::AddService { service, .. }, _) => {
                self.records.intents.announce_creation(&service.to_string())
            }
            (_, Some((target, weight))) => self.records.intents.announce(&target, weight),
            _ => Ok(()),
        }
    }

    fn acknowledge(&mut self, step: &Step) -> std::io::Result<()> {
        match (step, written_weight(step)) {
            (Step::DeleteService { service, .. }, _) => self
                .records
                .intents
                .acknowledge_deletion(&service.to_string()),
            (_, Some((target, weight))) => self.records.intents.acknowledge(&target, weight),
            _ => Ok(()),
        }
    }

    /// Deletes services that we created for an earlier configuration and that this one does not
    /// name. What others created is left, and shown.
    pub(super) fn delete_abandoned(&mut self) {
        let steps = abandoned(&self.config, &self.records.intents, &self.table);
        self.carry_out_all(About::default(), &steps, &[]);
    }

    /// Puts weights on record that are as we want them without our having written them, so that
    /// a later change by hand is recognised.
    fn record_judged(&mut self, service: ServiceId) {
        let members = self.config.services[service.0].servers.clone();
        for (at, server) in members.into_iter().enumerate() {
            if self.services[service.0].servers[at] == crate::health::State::Unknown {
                continue;
            }
            let Some(found) = self.found_weight(service, server) else {
                continue;
            };
            let target = self.target(service, server);
            if self.records.intents.entry(&target).origin(found) == Origin::Unrecorded {
                let _ = self.records.intents.acknowledge(&target, found);
            }
        }
    }

    /// The server that a step is about, by its address.
    fn server_of(&self, step: &Step) -> Option<ServerId> {
        let address = step.destination()?.ip();
        self.config
            .servers
            .iter()
            .position(|server| server.address == address)
            .map(ServerId)
    }

    fn note_pool(&mut self, service: ServiceId, decision: &Decision) {
        let before = matches!(self.services[service.0].pool, policy::Pool::FailOpen(_));
        match (before, decision.fail_open()) {
            (false, true) => {
                let kept = self.names_with_weight(service, decision);
                let reason = format!(
                    "ALARM: no server that may serve is known to work; kept so that the pool is not \
                     empty: {kept}"
                );
                self.note(Event::FailOpen, About::service(service), reason);
            }
            (true, false) => {
                let serving = self.names_with_weight(service, decision);
                let reason = format!("serving again: {serving}");
                self.note(Event::FailOpenEnded, About::service(service), reason);
            }
            _ => {}
        }
    }

    fn names_with_weight(&self, service: ServiceId, decision: &Decision) -> String {
        let members = self.config.services[service.0]
            .servers
            .iter()
            .zip(&decision.weights);
        let names = members
            .filter(|(_, weight)| **weight > 0)
            .map(|(server, _)| self.config.servers[server.0].name.as_str());
        names.collect::<Vec<_>>().join(", ")
    }
}

/// The destination and weight that a step writes, if it writes one.
fn written_weight(step: &Step) -> Option<(String, u32)> {
    Some((
        plan::target(step.service(), step.destination()?),
        step.weight()?,
    ))
}
