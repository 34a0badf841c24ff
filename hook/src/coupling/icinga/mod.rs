//! Results exchanged with Icinga 2 by its API (Icinga 2 documentation, chapter 12): those that it
//! found come in by the event stream and by its objects, ours go out as passive results.
//!
//! A thread of its own does both. An Icinga that is slow, away, hostile or wrong costs the director
//! nothing: it is told, tried again at most a minute apart, and moves no weight.

mod attempts;
mod give;
mod http;
mod link;
mod take;
mod told;
mod wire;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use shared::verdict::Verdict;
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;

use crate::config::{self, Config, Object};
use crate::host::HostEvent;
use crate::intake::reported;
use crate::operate::worker::Worker;
use give::{Given, Outbox};

/// A result is valid for so long at least: a restart of Icinga must not make ours look lost.
const VALID: Duration = Duration::from_secs(60);

/// What Icinga's services are here.
type Subjects = BTreeMap<Object, Subject>;

/// A reported check on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Subject {
    server: String,
    check: String,
    /// A result older than this is no news.
    stale_after: Duration,
}

/// The exchange with one Icinga. Dropping it ends the exchange.
#[derive(Debug)]
pub struct Icinga {
    settings: config::Icinga,
    source: String,
    outbox: Arc<Outbox>,
    subjects: watch::Sender<Subjects>,
    _worker: Worker,
}

impl Icinga {
    /// Begins it. What Icinga found goes to `results`, what is wrong with it to `tell`; `machine`
    /// is what we call ourselves there.
    ///
    /// # Errors
    /// The operating system gave no thread.
    pub fn start(
        config: &Config,
        mut settings: config::Icinga,
        machine: String,
        results: Sender<reported::Result>,
        tell: Sender<HostEvent>,
    ) -> io::Result<Self> {
        if let Some(director) = &mut settings.director {
            director.host = director.host.replace("{machine}", &machine);
        }
        let outbox = Arc::new(Outbox::default());
        let (subjects, follow) = watch::channel(subjects(config, &settings));
        let (to, outgoing, name) = (settings.clone(), Arc::clone(&outbox), machine.clone());
        let worker = Worker::start("icinga", move || async move {
            let taking = take::follow(&to, &name, follow, results, tell.clone());
            let giving = give::follow(&to, &outgoing, tell.clone());
            tokio::join!(taking, giving);
        })?;
        Ok(Self {
            settings,
            source: machine,
            outbox,
            subjects,
            _worker: worker,
        })
    }

    /// Takes up what another configuration calls servers and checks.
    pub fn follow(&self, config: &Config) {
        let now = subjects(config, &self.settings);
        self.subjects.send_if_modified(|before| {
            let differs = *before != now;
            *before = now;
            differs
        });
    }

    /// Gives a server's newest result of a check, if that is asked for; one that was not yet sent
    /// is replaced. The next one is due within `valid`.
    pub fn give(&self, server: &str, check: &str, verdict: &Verdict, valid: Duration) {
        if self.settings.give {
            self.post(self.settings.object(server, check), verdict, valid);
        }
    }

    /// Gives the verdict on this director, if that is asked for.
    pub fn give_director(&self, verdict: impl FnOnce() -> Verdict) {
        if let Some(object) = &self.settings.director {
            self.post(object.clone(), &verdict(), VALID);
        }
    }

    fn post(&self, object: Object, verdict: &Verdict, valid: Duration) {
        let given = Given::of(verdict, SystemTime::now(), valid.max(VALID), &self.source);
        self.outbox.put(object, given);
    }
}

/// The services of Icinga whose results are taken: every check that is taken, on every server that
/// some service needs it for.
fn subjects(config: &Config, settings: &config::Icinga) -> Subjects {
    let needed = config.needed_checks().into_iter();
    let taken = needed.filter_map(|(server, check)| {
        let server = &config.servers[server.0].name;
        let check = &config.checks[check.0];
        let subject = Subject {
            server: server.clone(),
            check: check.name.clone(),
            stale_after: check.stale_after,
        };
        let wanted = check.is_reported() && settings.take.contains(&check.name);
        wanted.then(|| (settings.object(server, &check.name), subject))
    });
    taken.collect()
}
