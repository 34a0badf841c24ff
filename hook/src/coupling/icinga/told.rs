//! What is wrong with Icinga, told once and taken back once it is over.

use tokio::sync::mpsc::Sender;

use crate::host::{HostEvent, Problem};
use crate::operate::journal::Event;

/// One thing that may be wrong.
pub(super) struct Told {
    thing: String,
    tell: Sender<HostEvent>,
    words: Option<String>,
}

impl Told {
    /// Nothing is wrong yet with this thing.
    pub(super) fn about(thing: String, tell: Sender<HostEvent>) -> Self {
        Self {
            thing,
            tell,
            words: None,
        }
    }

    /// What is wrong from now on; `None` if nothing is. The same words are told once.
    pub(super) async fn say(&mut self, words: Option<String>) {
        let before = std::mem::replace(&mut self.words, words);
        if self.words == before {
            return;
        }
        let words = self.words.clone();
        let (event, reason) = match &words {
            Some(words) => (Event::StepFailed, format!("{}: {words}", self.thing)),
            None => (Event::Repaired, format!("{}: as wanted again", self.thing)),
        };
        let thing = self.thing.clone();
        let problem = Problem { thing, words };
        let told = HostEvent {
            event,
            reason,
            problem,
        };
        let _ = self.tell.send(told).await;
    }
}
