//! From what is known to the table: candidates, decision, steps, writes.

use std::time::Duration;

use super::record::Origin;
use super::refusals::{Refusal, serves_after};
use super::wanted::abandoned;
use super::{About, Director};
use crate::clock::Moment;
use crate::config::{ServerId, ServiceId};
use crate::health::{self, State};
use crate::kernel::KernelError;
use crate::operate::evidence;
use crate::operate::journal::Event;
use crate::operate::plan;
use crate::policy::{self, Candidate, Decision, Pool, Rules};
use crate::reconcile::{self, Scope, WantedService};
use crate::table::{ServiceKey, Step, Table, Target, together};

impl Director {
    /// Decides a service's weights anew and writes what differs. `losses` tells what somebody took
    /// from it since the last reading.
    pub(super) fn converge(&mut self, service: ServiceId, losses: &[String], now: Moment) {
        let decision = self.decide(service, now);
        self.note_pool(service, &decision);
        let state = &mut self.services[service.0];
        for (member, weight) in state.members.iter_mut().zip(&decision.weights) {
            member.wanted = *weight;
        }
        state.memory = decision.memory;
        let wanted = self.wanted(service);
        let key = self.config.services[service.0].key;
        let steps = self.scope().steps(key, &wanted, &self.table);
        let about = About::service(service);
        let refusal = match self.services[service.0].refusal.take() {
            Some(refusal) if refusal.forbids(&steps, now) => {
                self.note_table_error(about, refusal.words.clone());
                Some(refusal)
            }
            before => match self.carry_out_all(about, &steps, losses) {
                Ok(()) => {
                    self.record_judged(service);
                    None
                }
                Err(words) => Some(Refusal::after(before, steps, words, now)),
            },
        };
        self.services[service.0].refusal = refusal;
    }

    /// Carries steps out. What is refused is noted, and the next reading tries again; a service goes
    /// on then as far as it serves for certain.
    ///
    /// # Errors
    /// The words of the first refusal.
    pub(super) fn carry_out_all(
        &mut self,
        about: About,
        steps: &[Step],
        losses: &[String],
    ) -> Result<(), String> {
        let mut first = None;
        let mut at = 0;
        for group in together(steps) {
            let left = &steps[at..];
            at += group.len();
            let may_go_on = || {
                let service = group.first().map(Step::service);
                service.is_some_and(|service| serves_after(left, service, &self.table))
            };
            if first.is_some() && !may_go_on() {
                continue;
            }
            if let Err((step, error)) = self.carry_out(about, group) {
                let words = format!("{}: {error}", plan::words(step));
                let about = self.about_step(about, step);
                first.get_or_insert_with(|| words.clone());
                self.note_table_error(about, words);
            }
        }
        match first {
            Some(words) => Err(words),
            None => {
                if !losses.is_empty() {
                    let reason = format!("put right: {}", losses.join("; "));
                    self.note(Event::Repaired, about, reason);
                }
                Ok(())
            }
        }
    }

    pub(super) fn decide(&self, service: ServiceId, now: Moment) -> Decision {
        policy::decide(
            &self.candidates(service, now),
            &self.services[service.0].memory,
            &self.rules(service, now),
            now,
        )
    }

    /// The servers of a service as the policy sees them.
    pub(super) fn candidates(&self, service: ServiceId, now: Moment) -> Vec<Candidate> {
        let members = 0..self.services[service.0].members.len();
        members.map(|at| self.candidate(service, at, now)).collect()
    }

    pub(super) fn candidate(&self, service: ServiceId, at: usize, now: Moment) -> Candidate {
        let member = &self.services[service.0].members[at];
        let server = self.config.services[service.0].servers[at];
        let opinions = self.opinions(service, server);
        let found = self.found_weight(service, server);
        let failing = opinions.iter().filter_map(|o| o.streak.failing_since());
        Candidate {
            state: member.state,
            risen: health::has_risen(&opinions, self.config.services[service.0].require),
            refused: health::is_refused(&opinions),
            failing_since: failing.min(),
            overdue: now.since(member.since) > self.patience(service),
            nominal: self.nominal(service, server),
            wish: self.wish(service, server),
            inherited: member.state == State::Unknown
                && found.is_some_and(|weight| weight > 0)
                && !self.services[service.0].memory.pool.keeps(at),
            found,
        }
    }

    pub(super) fn rules(&self, service: ServiceId, now: Moment) -> Rules {
        let state = &self.services[service.0];
        let configured = &self.config.services[service.0];
        let together = configured.checks.iter().map(|id| {
            let check = &self.config.checks[id.0];
            check.interval + check.timeout
        });
        // On an empty table all servers come in, and none of them comes back.
        let fills = |since| now.since(since) <= self.patience(service);
        Rules {
            together: together.max().unwrap_or(Duration::ZERO),
            min_up: configured.min_up,
            sorry_server: configured.sorry_server.is_some(),
            slow_start: configured
                .slow_start
                .filter(|_| !state.created.is_some_and(fills)),
        }
    }

    /// How long a first judgement may take before the service stops waiting for it.
    pub(super) fn patience(&self, service: ServiceId) -> Duration {
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

    /// What somebody took from a service of ours since the reading `before`.
    pub(super) fn losses(
        &self,
        key: ServiceKey,
        wanted: &WantedService,
        before: &Table,
    ) -> Vec<String> {
        match before.get(&key) {
            // What its owner takes is not put right.
            Some(_) if self.scope() == Scope::Weights => Vec::new(),
            Some(known) => reconcile::losses(wanted, known, self.table.get(&key)),
            None => Vec::new(),
        }
    }

    /// Carries out steps that go together. The error is that of the first that failed.
    fn carry_out<'a>(
        &mut self,
        about: About,
        steps: &'a [Step],
    ) -> Result<(), (&'a Step, KernelError)> {
        let unannounced = |source| KernelError::Refused {
            what: "writing `intents` in state_dir".to_owned(),
            source,
        };
        match (self.announce(steps), steps.first()) {
            (Err(error), Some(first)) => return Err((first, unannounced(error))),
            (_, None) => return Ok(()),
            _ => {}
        }
        let outcomes = self.kernel.apply_together(steps);
        // A hand edit that undoes our step would look like the table of before.
        self.stepped = true;
        if !steps.iter().all(|step| step.destination().is_some()) {
            self.fingerprint = None;
        }
        let mut done = Vec::with_capacity(steps.len());
        let mut failure = None;
        for (step, outcome) in steps.iter().zip(outcomes) {
            match outcome {
                Ok(()) => done.push(step),
                Err(error) => failure = failure.or(Some((step, error))),
            }
        }
        // The kernel has them; a full disk only means that a restart sees them as pending.
        let _ = self.acknowledge(&done);
        for step in done {
            step.follow(&mut self.table);
            let weight = step
                .weight()
                .map(|weight| (evidence::WEIGHT.to_owned(), weight.into()));
            let about = self.about_step(about, step);
            self.note_with(Event::Step, about, plan::words(step), weight);
        }
        failure.map_or(Ok(()), Err)
    }

    fn about_step(&self, about: About, step: &Step) -> About {
        About {
            server: about.server.or(self.server_of(step)),
            ..about
        }
    }

    /// Puts on record what is about to be written.
    fn announce(&mut self, steps: &[Step]) -> std::io::Result<()> {
        let intents = &mut self.records.intents;
        for step in steps {
            if let Step::AddService { service, .. } = step {
                intents.announce_creation(*service)?;
            }
        }
        let weights: Vec<_> = steps.iter().filter_map(written_weight).collect();
        intents.announce(&weights)
    }

    fn acknowledge(&mut self, steps: &[&Step]) -> std::io::Result<()> {
        for step in steps {
            self.acknowledge_deletion(step)?;
        }
        let weights = steps.iter().filter_map(|step| written_weight(step));
        let weights: Vec<_> = weights.collect();
        self.records.intents.acknowledge(&weights)
    }

    fn acknowledge_deletion(&mut self, step: &Step) -> std::io::Result<()> {
        match step {
            Step::DeleteService { service, .. } => {
                self.records.intents.acknowledge_deletion(*service)
            }
            Step::DeleteDestination {
                service,
                destination,
                ..
            } if self
                .server_of(step)
                .is_none_or(|id| !self.has_member(*service, id)) =>
            {
                self.records.intents.forget(Target {
                    service: *service,
                    destination: *destination,
                })
            }
            _ => Ok(()),
        }
    }

    fn has_member(&self, key: ServiceKey, server: ServerId) -> bool {
        let mut services = self.config.services.iter();
        services.any(|service| service.key == key && service.servers.contains(&server))
    }

    /// Deletes services that we created for an earlier configuration and that this one does not
    /// name. What others created is left, and shown.
    pub(super) fn delete_abandoned(&mut self) {
        let steps = abandoned(&self.config, &self.records.intents, &self.table);
        // What is refused is on record, and tried again.
        let _ = self.carry_out_all(About::default(), &steps, &[]);
    }

    /// Puts weights on record that are as we want them without our having written them, so that
    /// a later change by hand is recognised.
    fn record_judged(&mut self, service: ServiceId) {
        let members = self.config.services[service.0].servers.clone();
        for (at, server) in members.into_iter().enumerate() {
            if self.services[service.0].members[at].state == State::Unknown {
                continue;
            }
            let Some(found) = self.found_weight(service, server) else {
                continue;
            };
            let target = self.target(service, server);
            if self.records.intents.entry(target).origin(found) == Origin::Unrecorded {
                let _ = self.records.intents.acknowledge(&[(target, found)]);
            }
        }
    }

    /// The server that a step is about, by its address.
    fn server_of(&self, step: &Step) -> Option<ServerId> {
        self.concerns.server_at(step.destination()?.ip())
    }

    fn note_pool(&mut self, service: ServiceId, decision: &Decision) {
        let before = &self.services[service.0].memory.pool;
        let was_open = matches!(before, Pool::FailOpen(_));
        let was_sorry = matches!(before, Pool::Sorry(_));
        let about = About::service(service);
        let serving = self.names_with_weight(service, decision);
        if was_sorry && !decision.sorry() {
            let reason = "the sorry server has done its work".to_owned();
            self.note(Event::SorryServerEnded, about, reason);
        }
        if was_open && !decision.fail_open() {
            let reason = match serving.as_str() {
                "" => "no server may serve any more".to_owned(),
                serving => format!("serving again: {serving}"),
            };
            self.note(Event::FailOpenEnded, about, reason);
        }
        if !was_open && decision.fail_open() {
            let reason = format!(
                "ALARM: no server that may serve is known to work; kept so that the pool is not \
                 empty: {serving}"
            );
            self.note(Event::FailOpen, about, reason);
        }
        if !was_sorry && decision.sorry() {
            let reason = "ALARM: no server accepts connections; the sorry server serves".to_owned();
            self.note(Event::SorryServer, about, reason);
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
fn written_weight(step: &Step) -> Option<(Target, u32)> {
    let target = Target {
        service: step.service(),
        destination: step.destination()?,
    };
    Some((target, step.weight()?))
}
