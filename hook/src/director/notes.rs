//! What a director writes into the journal, and in which words.

use std::time::Duration;

use shared::verdict::{Condition, Kind};

use super::{About, Director, Told};
use crate::config::{CheckId, ServerId, ServiceId};
use crate::health::State;
use crate::operate::journal::{Entry, Event};

impl Director {
    pub(super) fn note(&mut self, event: Event, about: About, reason: String) {
        let service = about
            .service
            .map(|id| self.config.services[id.0].name.as_str());
        let server = about
            .server
            .map(|id| self.config.servers[id.0].name.as_str());
        self.records.journal.note(&Entry {
            event,
            service,
            server,
            reason,
        });
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
        self.note(Event::Started, About::default(), reason);
    }

    pub(super) fn note_verdict(&mut self, report: Told<'_>, before: Option<(Condition, Kind)>) {
        let verdict = report.verdict;
        if before == Some((verdict.condition, verdict.kind)) {
            return;
        }
        let check = &self.config.checks[report.check.0].name;
        let reason = format!("check {check}: {}", verdict.summary);
        self.note(Event::Verdict, About::server(report.server), reason);
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
        if self.noted_error.as_ref() != Some(&words) {
            self.note(Event::StepFailed, about, words.clone());
        }
        self.noted_error = Some(words.clone());
        self.table_error = Some(words);
    }
}
