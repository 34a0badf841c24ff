//! What a director writes into the journal, and in which words.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{About, Director, Told};
use crate::config::{CheckId, ServerId, ServiceId};
use crate::health::{Rules, State};
use crate::operate::evidence;
use crate::operate::journal::{Entry, Event};

/// Which verdicts are worth an event: the one that differs from the last, and the first ones like
/// it, for streaks are made of them. A streak that takes more is made up by `replay`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tale {
    repeats: u32,
    most: u32,
}

impl Tale {
    /// So many after a change.
    const MOST: u32 = 20;

    /// The next verdict; `known` tells whether there was one before, `same` whether it was alike.
    pub(super) fn after(self, known: bool, same: bool, rules: Rules) -> Self {
        if same {
            let repeats = self.repeats.saturating_add(1);
            return Self { repeats, ..self };
        }
        // Thousands of checks have their first verdict at once, and it is the last for long.
        let most = if known {
            Self::MOST
        } else {
            rules.fall.max(rules.rise)
        };
        Self { repeats: 0, most }
    }
}

impl Director {
    pub(super) fn note(&mut self, event: Event, about: About, reason: String) {
        self.note_with(event, about, reason, Map::new());
    }

    /// Notes an event with further keys for `why` and `replay`.
    pub(super) fn note_with(
        &mut self,
        event: Event,
        about: About,
        reason: String,
        facts: impl IntoIterator<Item = (String, Value)>,
    ) {
        let service = about
            .service
            .map(|id| self.config.services[id.0].name.as_str());
        let server = about
            .server
            .map(|id| self.config.servers[id.0].name.as_str());
        let entry = Entry {
            event,
            service,
            server,
            reason,
        };
        self.records
            .journal
            .note_with(&entry, facts.into_iter().collect());
    }

    pub(super) fn note_start(&mut self) {
        let reason = format!(
            "governess {} with backend {}, {} services, {} servers, config {}",
            env!("CARGO_PKG_VERSION"),
            self.config.director.backend.name(),
            self.config.services.len(),
            self.config.servers.len(),
            self.config.digest
        );
        let digest = self.config.digest.clone().into();
        let facts = Map::from_iter([("config_digest".to_owned(), digest)]);
        self.note_with(Event::Started, About::default(), reason, facts);
    }

    /// Notes a verdict that differs from the last one with all its evidence, and the first ones
    /// after it in short: streaks are made of them.
    pub(super) fn note_verdict(&mut self, report: Told<'_>, tale: Tale) {
        let event = match tale.repeats {
            0 => Event::Verdict,
            repeats if repeats <= tale.most => Event::Reading,
            _ => return,
        };
        let check = &self.config.checks[report.check.0].name;
        let mut facts = match event {
            Event::Verdict => evidence::full(check, report.verdict),
            _ => evidence::short(check, report.verdict),
        };
        if tale.repeats == tale.most {
            facts.insert(evidence::AND_SO_ON.to_owned(), Value::Bool(true));
        }
        let reason = format!("check {check}: {}", report.verdict.summary);
        self.note_with(event, About::server(report.server), reason, facts);
    }

    pub(super) fn note_health(&mut self, service: ServiceId, report: Told<'_>, state: State) {
        let event = match state {
            State::Up => Event::ServerUp,
            State::Down => Event::ServerDown,
            State::Maintenance => Event::ServerMaintenance,
            State::Unknown => return,
        };
        let check = &self.config.checks[report.check.0];
        let reason = format!("check {}: {}", check.name, report.verdict.summary);
        self.note(event, About::member(service, report.server), reason);
    }

    pub(super) fn note_stale(&mut self, server: ServerId, check: CheckId, silence: Duration) {
        let name = &self.config.checks[check.0].name;
        let reason = format!(
            "check {name} has not answered for {} s; no weight changes",
            silence.as_secs()
        );
        self.note(Event::Stale, About::server(server), reason);
    }

    /// Notes an error of the table once, however often it is met again.
    pub(super) fn note_table_error(&mut self, about: About, words: String) {
        if self.troubles.add(words.clone()) {
            self.note(Event::StepFailed, about, words);
        }
    }
}
