//! What is watched: reported and told, without a say in the weights.

use std::sync::Arc;

use shared::verdict::Verdict;

use super::{About, Director};
use crate::clock::Moment;
use crate::config::{ServerId, Watch, WatchId};
use crate::health::Reading;
use crate::operate::journal::Event;
use crate::operate::status::WatchStatus;

/// What one watch found.
#[derive(Debug)]
pub struct WatchReport {
    /// The watch, by its name: indices change with a reload.
    pub watch: Arc<str>,
    /// The server, if it asks each of them, by its name.
    pub server: Option<Arc<str>>,
    /// What it found.
    pub verdict: Verdict,
}

impl Director {
    /// Takes one watch's result in. One of a watch or a server that a reload has removed is for
    /// nobody.
    pub fn take_watch(&mut self, report: WatchReport, now: Moment) {
        let mut watches = self.config.watches.iter();
        let Some(watch) = watches.position(|watch| *watch.name == *report.watch) else {
            return;
        };
        let server = match &report.server {
            None => None,
            Some(name) => match self.config.server_named(name) {
                None => return,
                known => known,
            },
        };
        let reading = Reading::from(&report.verdict);
        let watched = self.watched.entry((WatchId(watch), server)).or_default();
        watched.streak = watched.streak.after(reading, now);
        watched.stale = false;
        let found = (report.verdict.condition, report.verdict.kind);
        let words = report.verdict.summary.clone();
        let before = watched.last.replace((now, Box::new(report.verdict)));
        if before.is_none_or(|(_, before)| (before.condition, before.kind) != found) {
            let reason = format!("watch {}: {words}", report.watch);
            self.note(Event::Verdict, about(server), reason);
        }
        self.records.journal.flush();
    }

    pub(super) fn find_stale_watches(&mut self, now: Moment) {
        let mut fallen_silent = Vec::new();
        for ((watch, server), watched) in &mut self.watched {
            let watch = &self.config.watches[watch.0];
            let Some((last, _)) = watched.last else {
                continue;
            };
            let silence = now.since(last);
            if !watched.stale && silence > watch.stale_after {
                watched.stale = true;
                let seconds = silence.as_secs();
                let words = format!("watch {} has not answered for {seconds} s", watch.name);
                fallen_silent.push((*server, words));
            }
        }
        for (server, words) in fallen_silent {
            self.note(Event::Stale, about(server), words);
        }
    }

    /// What each watch said last.
    pub(super) fn watch_status(&self) -> Vec<WatchStatus> {
        let watches = self.config.watches.iter().enumerate();
        watches
            .flat_map(|(at, watch)| self.statuses(WatchId(at), watch))
            .collect()
    }

    fn statuses(&self, id: WatchId, watch: &Watch) -> Vec<WatchStatus> {
        let of_this = self.watched.iter().filter(|((of, _), _)| *of == id);
        let statuses: Vec<WatchStatus> = of_this
            .map(|((_, server), watched)| WatchStatus {
                name: watch.name.clone(),
                server: server.map(|server| self.config.servers[server.0].name.clone()),
                alarm: watched.streak.failing_since().is_some()
                    && !watched.streak.is_undecided(&watch.rules),
                stale: watched.stale,
                verdict: watched
                    .last
                    .as_ref()
                    .map(|(_, verdict)| shared::host_mode::json::value(verdict)),
            })
            .collect();
        if !statuses.is_empty() {
            return statuses;
        }
        vec![WatchStatus {
            name: watch.name.clone(),
            server: None,
            alarm: false,
            stale: false,
            verdict: None,
        }]
    }
}

fn about(server: Option<ServerId>) -> About {
    server.map_or(About::default(), About::server)
}
