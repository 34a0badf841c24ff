//! From reports to the health of servers.

use shared::verdict::Verdict;

use super::{Director, ProbeKey, Report, Told};
use crate::clock::Moment;
use crate::config::{CheckId, ServerId, ServiceId};
use crate::health::{self, Joining, Opinion, Reading, State, Streak};
use crate::policy::{Candidate, Pool};

impl Director {
    /// Takes one check's result in and carries out what follows from it. One about a server or a
    /// check that a reload has removed is for nobody.
    pub fn take(&mut self, report: Report, now: Moment) {
        let server = self.config.server_named(&report.server);
        let check = self.config.check_named(&report.check);
        if let (Some(server), Some(check)) = (server, check) {
            let told = Told {
                server,
                check,
                verdict: &report.verdict,
            };
            self.take_told(told, now);
            self.keep((server, check), report.verdict, now);
            self.records.journal.flush_news();
        }
    }

    /// Keeps a check's last verdict, for `status` and `why`.
    fn keep(&mut self, key: ProbeKey, verdict: Verdict, now: Moment) {
        match &mut self.probes.entry(key).or_default().last {
            Some((at, last)) if **last == verdict => *at = now,
            last => *last = Some((now, Box::new(verdict))),
        }
    }

    fn take_told(&mut self, told: Told<'_>, now: Moment) {
        let key = (told.server, told.check);
        let concerned = self.concerned(key, now);
        let reading = match self.hindrance(key) {
            Some(_) => Reading::Nothing,
            None => Reading::from(told.verdict),
        };
        let probed = self.probes.entry(key).or_default();
        probed.streak = probed.streak.after(reading, now);
        probed.stale = false;
        let fails = probed.streak.failing_since().is_some();
        let before = probed.last.as_ref();
        let before = before.map(|(_, verdict)| (verdict.condition, verdict.kind));
        let same = before == Some((told.verdict.condition, told.verdict.kind));
        let rules = self.config.checks[told.check.0].rules;
        probed.tale = probed.tale.after(before.is_some(), same, rules);
        let tale = probed.tale;
        self.note_verdict(told, tale);
        if fails {
            self.forgive_dependents(key);
        }
        for (service, at, before) in concerned {
            self.judge(service, at, told, now);
            if !self.is_settled(service) || self.candidate(service, at, now) != before {
                self.converge(service, &[], now);
            }
        }
    }

    /// The services that a check on a server is for, with its position there and what the policy
    /// sees of it at present.
    fn concerned(&self, key: ProbeKey, now: Moment) -> Vec<(ServiceId, usize, Candidate)> {
        let (server, check) = key;
        let places = self.concerns.places(server).iter();
        places
            .filter(|place| {
                self.config.services[place.service.0]
                    .checks
                    .contains(&check)
            })
            .map(|place| {
                (
                    place.service,
                    place.at,
                    self.candidate(place.service, place.at, now),
                )
            })
            .collect()
    }

    /// Whether nothing but another view of its servers can make the policy want another table: most
    /// reports say what the one before has said, and there may be hundreds a second.
    fn is_settled(&self, service: ServiceId) -> bool {
        let memory = &self.services[service.0].memory;
        self.troubles.is_empty()
            && memory.ramps.is_empty()
            && matches!(memory.pool, Pool::Working(_))
    }

    /// The check on the same server whose failure keeps this one from being judged.
    pub(super) fn hindrance(&self, (server, check): ProbeKey) -> Option<CheckId> {
        let fails = |other: &CheckId| {
            let probed = self.probes.get(&(server, *other));
            probed.is_some_and(|probed| probed.streak.failing_since().is_some())
        };
        let depends_on = &self.config.checks[check.0].depends_on;
        depends_on.iter().copied().find(fails)
    }

    /// A streak against a server that was not decided when a check it depends on began to fail was
    /// most likely the beginning of that same failure.
    fn forgive_dependents(&mut self, (server, failing): ProbeKey) {
        for (at, check) in self.config.checks.iter().enumerate() {
            if !check.depends_on.contains(&failing) {
                continue;
            }
            if let Some(probed) = self.probes.get_mut(&(server, CheckId(at)))
                && probed.streak.is_undecided(&check.rules)
            {
                probed.streak = Streak::default();
            }
        }
    }

    fn judge(&mut self, service: ServiceId, at: usize, told: Told<'_>, now: Moment) {
        let opinions = self.opinions(service, told.server);
        let require = self.config.services[service.0].require;
        let joining = self.joining(service, at, now);
        let member = &mut self.services[service.0].members[at];
        let next = health::judge(member.state, &opinions, require, joining);
        let before = std::mem::replace(&mut member.state, next);
        if next == before {
            return;
        }
        if next == State::Down {
            member.flaps.fell(now);
        }
        self.note_health(service, told, next);
    }

    /// What a service's checks have found on one server. A reported check of which nothing was ever
    /// reported has no say: event handlers tell of changes, and a server that works has none.
    pub(super) fn opinions(&self, service: ServiceId, server: ServerId) -> Vec<Opinion> {
        let service = &self.config.services[service.0];
        let opinion = |check: &CheckId| {
            let probed = self.probes.get(&(server, *check));
            Opinion {
                streak: probed.map(|probed| probed.streak).unwrap_or_default(),
                rules: self.config.checks[check.0].rules,
                voice: self.config.voice(service, *check),
            }
        };
        let has_a_say = |check: &&CheckId| {
            !self.config.checks[check.0].is_reported()
                || self.probes.contains_key(&(server, **check))
        };
        service
            .checks
            .iter()
            .filter(has_a_say)
            .map(opinion)
            .collect()
    }

    fn joining(&self, service: ServiceId, at: usize, now: Moment) -> Joining {
        let members = 0..self.services[service.0].members.len();
        if members
            .filter(|other| *other != at)
            .all(|other| !self.candidate(service, other, now).serves())
        {
            return Joining::AtOnce;
        }
        Joining::AfterRise(self.flap_factor(service, at, now))
    }

    /// How many times `rise` successes a server needs, since it keeps falling.
    pub(super) fn flap_factor(&self, service: ServiceId, at: usize, now: Moment) -> u32 {
        let member = &self.services[service.0].members[at];
        let window = self.config.services[service.0].flap_window;
        window.map_or(1, |window| member.flaps.factor(window, now))
    }

    /// Looks for checks that fell silent.
    pub(super) fn find_stale(&mut self, now: Moment) {
        let mut fallen_silent = Vec::new();
        for ((server, check), probed) in &mut self.probes {
            let limit = self.config.checks[check.0].stale_after;
            let Some((last, _)) = probed.last else {
                continue;
            };
            if !probed.stale && now.since(last) > limit {
                probed.stale = true;
                fallen_silent.push((*server, *check, now.since(last)));
            }
        }
        for (server, check, silence) in fallen_silent {
            self.note_stale(server, check, silence);
        }
    }
}
