//! Our verdicts as passive results of Icinga's services, by the action `process-check-result`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use shared::host_mode::{HostMode, Wishes};
use shared::verdict::Verdict;
use tokio::sync::Notify;
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, sleep};

use super::attempts::Attempts;
use super::http::{Fault, Question, ask_whole};
use super::link::{self, Link};
use super::take::named;
use super::told::Told;
use crate::config::{Icinga, Object};
use crate::host::HostEvent;
use crate::jitter::Jitter;

/// A result as it is sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Given {
    body: Value,
    /// Nobody needs it after this.
    until: SystemTime,
}

impl Given {
    /// What Icinga would have stored, had it run the check itself at this moment.
    pub(super) fn of(verdict: &Verdict, now: SystemTime, valid: Duration, source: &str) -> Self {
        let answer = HostMode::Nagios.answer(verdict, &Wishes::default());
        let said = String::from_utf8_lossy(&answer.stdout);
        let line = said.lines().next().unwrap_or_default();
        let (text, perfdata) = line.split_once(" | ").unwrap_or((line, ""));
        let ended = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            body: json!({
                "type": "Service",
                "exit_status": answer.code,
                "plugin_output": text,
                "performance_data": perfdata,
                "check_source": source,
                "execution_start": ended.as_secs_f64(),
                "execution_end": ended.as_secs_f64(),
                // Icinga's own, active check is due after so many seconds without a result.
                "ttl": valid.as_secs(),
            }),
            until: now + valid,
        }
    }

    fn question(&self, object: &Object) -> Question {
        let mut body = self.body.clone();
        body["service"] = object.to_string().into();
        Question {
            path: "/v1/actions/process-check-result",
            is_get: false,
            body,
        }
    }
}

/// Of each service the newest result that was not sent yet.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    newest: Mutex<BTreeMap<Object, Given>>,
    filled: Notify,
}

impl Outbox {
    /// Puts a result in; one before it is not sent any more.
    pub(super) fn put(&self, object: Object, given: Given) {
        self.lock().insert(object, given);
        self.filled.notify_one();
    }

    /// Puts back what could not be sent, unless there is a newer one.
    fn put_back(&self, unsent: BTreeMap<Object, Given>) {
        let mut newest = self.lock();
        for (object, given) in unsent {
            newest.entry(object).or_insert(given);
        }
    }

    /// All of it, waited for.
    async fn take(&self) -> BTreeMap<Object, Given> {
        loop {
            let taken = std::mem::take(&mut *self.lock());
            if !taken.is_empty() {
                return taken;
            }
            self.filled.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Object, Given>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends for ever what comes in.
pub(super) async fn follow(to: &Icinga, outbox: &Outbox, tell: Sender<HostEvent>) {
    let at = format!("Icinga at {}:{}", to.host, to.port);
    let mut giving = Giving {
        to,
        link: None,
        refused: BTreeMap::new(),
        trouble: Told::about(format!("results for {at}"), tell.clone()),
        services: Told::about(format!("passive services of {at}"), tell),
    };
    let mut attempts = Attempts::new(Jitter::random());
    let mut began = Instant::now();
    loop {
        let mut waiting = outbox.take().await;
        let sent = giving.send(&mut waiting).await;
        giving.name_the_refused().await;
        match sent {
            Ok(()) => giving.trouble.say(None).await,
            Err(fault) => {
                outbox.put_back(waiting);
                attempts.worked_for(began.elapsed());
                let words = fault.words("actions/process-check-result");
                let kept = "the newest of each check waits, and no weight depends on it";
                giving.trouble.say(Some(format!("{words}; {kept}"))).await;
                sleep(attempts.failed()).await;
                began = Instant::now();
            }
        }
    }
}

struct Giving<'a> {
    to: &'a Icinga,
    link: Option<Link>,
    /// Services that Icinga takes no result for, and why.
    refused: BTreeMap<Object, String>,
    trouble: Told,
    services: Told,
}

impl Giving<'_> {
    /// Sends what is waiting; what is left in it at a fault was not taken.
    async fn send(&mut self, waiting: &mut BTreeMap<Object, Given>) -> Result<(), Fault> {
        while let Some(entry) = waiting.first_entry() {
            if entry.get().until < SystemTime::now() {
                entry.remove();
                continue;
            }
            let question = entry.get().question(entry.key());
            match self.post(&question).await {
                Ok(()) => {
                    self.refused.remove(entry.key());
                }
                Err(Fault::Refused(status, said)) if is_about_the_service(status.as_u16()) => {
                    let words = format!("{} {said}", status.as_u16());
                    self.refused.insert(entry.key().clone(), words);
                }
                Err(fault) => return Err(fault),
            }
            entry.remove();
        }
        Ok(())
    }

    /// Over the connection of before, if it still holds: Icinga ends those that are idle.
    async fn post(&mut self, question: &Question) -> Result<(), Fault> {
        if let Some(mut link) = self.link.take().filter(|link| !link.sender.is_closed()) {
            match ask_whole(&mut link, question).await {
                Err(Fault::Link(_)) => {}
                answer => return self.keep(link, answer),
            }
        }
        let mut link = link::open(self.to).await?;
        let answer = ask_whole(&mut link, question).await;
        self.keep(link, answer)
    }

    fn keep(&mut self, link: Link, answer: Result<Vec<u8>, Fault>) -> Result<(), Fault> {
        if !matches!(answer, Err(Fault::Link(_))) {
            self.link = Some(link);
        }
        answer.map(|_| ())
    }

    async fn name_the_refused(&mut self) {
        let words = self.refused.first_key_value().map(|(_, why)| {
            let objects: Vec<&Object> = self.refused.keys().collect();
            let names = named(&objects);
            format!("no result is taken for {names}: {why}; is it defined, with passive checks?")
        });
        self.services.say(words).await;
    }
}

/// 404: there is no such service; 409 and 500: it takes no result, or no older one.
fn is_about_the_service(status: u16) -> bool {
    matches!(status, 404 | 409 | 500)
}

#[cfg(test)]
mod tests {
    use shared::perfdata::Value as Measured;
    use shared::verdict::{Condition, Finding, Kind};

    use super::*;

    fn verdict() -> Verdict {
        let finding = Finding::new(Condition::Failed, Kind::Silent, "it hangs | restart it");
        let mut verdict = Verdict::new("x224", "10.0.1.1", Some(3389), finding);
        verdict.perfdata = vec![Measured::seconds("time", Duration::from_millis(250))];
        verdict
    }

    fn object() -> Object {
        Object {
            host: "ex1".to_owned(),
            service: "rdp".to_owned(),
        }
    }

    fn given(seconds: u64) -> Given {
        let at = UNIX_EPOCH + Duration::from_secs(seconds);
        Given::of(&verdict(), at, Duration::from_secs(60), "lb1")
    }

    #[test]
    fn a_result_has_text_and_performance_data_apart_and_a_time_to_live() {
        let body = given(1000).question(&object()).body;
        assert_eq!(body["service"], "ex1!rdp");
        assert_eq!(body["exit_status"], 2);
        assert_eq!(
            body["plugin_output"],
            "X224 CRITICAL: it hangs ! restart it"
        );
        let perfdata = body["performance_data"].as_str().unwrap();
        assert!(perfdata.starts_with("time=0.25"), "{perfdata}");
        assert_eq!(body["check_source"], "lb1");
        assert_eq!(body["execution_end"], 1000.0);
        assert_eq!(body["ttl"], 60);
    }

    #[tokio::test]
    async fn what_could_not_be_sent_gives_way_to_what_is_newer() {
        let outbox = Outbox::default();
        outbox.put(object(), given(1));
        let unsent = outbox.take().await;
        outbox.put(object(), given(2));
        outbox.put_back(unsent);
        assert_eq!(outbox.take().await, BTreeMap::from([(object(), given(2))]));
        outbox.put_back(BTreeMap::from([(object(), given(1))]));
        assert_eq!(outbox.take().await.len(), 1);
    }
}
