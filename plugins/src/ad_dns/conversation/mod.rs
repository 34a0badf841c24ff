//! Asking: every question to every server at once, within one deadline. A server that does not
//! answer holds up no other one.

mod discovery;
mod exchange;

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use shared::deadline::Deadline;
use shared::dial::Target;
use shared::verdict::Finding;
use tokio::task::JoinSet;

use super::evidence::{Answer, Evidence, Witness};
use super::name::Name;
use super::options::{Options, Servers};
use super::questions;
use super::wire::{Question, Recursion};

/// How many questions are open to one server at a time; each holds a descriptor.
const OPEN_MOST: usize = 32;

/// A server and what it is asked at first.
struct Interview {
    server: Target,
    questions: Vec<Question>,
}

/// Asks what `options` want to know. `nobody` is a label that no record has.
///
/// # Errors
/// The servers to ask could not be found; the server's fault it is not.
pub(super) async fn ask(
    options: &Arc<Options>,
    nobody: &str,
    deadline: Deadline,
) -> Result<Evidence, Finding> {
    let interviews = interviews(options, nobody, deadline).await?;
    let count = interviews.len();
    let mut running = JoinSet::new();
    for (at, interview) in interviews.into_iter().enumerate() {
        let options = Arc::clone(options);
        running.spawn(async move { (at, interview.carry_out(&options, deadline).await) });
    }
    let mut witnesses: BTreeMap<usize, Witness> = BTreeMap::new();
    while let Some(ended) = running.join_next().await {
        witnesses.extend(ended.ok());
    }
    debug_assert_eq!(witnesses.len(), count);
    Ok(Evidence {
        witnesses: witnesses.into_values().collect(),
        total: deadline.elapsed(),
    })
}

/// Whom to ask what at first.
async fn interviews(
    options: &Options,
    nobody: &str,
    deadline: Deadline,
) -> Result<Vec<Interview>, Finding> {
    let direct = questions::direct(options);
    match &options.servers {
        Servers::Named(servers) => {
            let aside = questions::aside(options, servers.len(), nobody);
            let mut questions: Vec<Question> = direct
                .into_iter()
                .chain(aside)
                .map(|(_, question)| question)
                .collect();
            questions.sort();
            questions.dedup();
            let interview = |server: &Target| Interview {
                server: server.clone(),
                questions: questions.clone(),
            };
            Ok(servers.iter().map(interview).collect())
        }
        Servers::OfTheZone(discovery) => {
            let mut bases: Vec<Name> = direct.iter().map(|(base, _)| base.clone()).collect();
            bases.sort();
            bases.dedup();
            let mut interviews: Vec<Interview> = Vec::new();
            for base in bases {
                let servers = discovery::servers_for(&base, discovery, &deadline).await?;
                let aside = questions::aside(options, servers.len(), nobody);
                let asked = direct.iter().chain(&aside).filter(|(of, _)| *of == base);
                let asked: Vec<Question> = asked.map(|(_, question)| question.clone()).collect();
                for server in servers {
                    give(&mut interviews, server, &asked);
                }
            }
            Ok(interviews)
        }
    }
}

/// Gives a server more to answer.
fn give(interviews: &mut Vec<Interview>, server: Target, questions: &[Question]) {
    let known = interviews
        .iter_mut()
        .find(|known| known.server.address == server.address);
    let interview = match known {
        Some(known) => known,
        None => {
            interviews.push(Interview {
                server,
                questions: Vec::new(),
            });
            let Some(last) = interviews.last_mut() else {
                return;
            };
            last
        }
    };
    for question in questions {
        if !interview.questions.contains(question) {
            interview.questions.push(question.clone());
        }
    }
}

impl Interview {
    /// Asks, and asks on for what the answers lead to, until they lead to nothing new.
    async fn carry_out(self, options: &Options, deadline: Deadline) -> Witness {
        let mut witness = Witness {
            server: self.server,
            answers: BTreeMap::new(),
        };
        let mut questions = self.questions;
        while !questions.is_empty() {
            let answers = ask_all(&witness.server, questions, deadline).await;
            witness.answers.extend(answers);
            questions = questions::following(options, &witness);
            questions.retain(|question| !witness.answers.contains_key(question));
        }
        witness
    }
}

/// Asks one server many questions, some at a time.
async fn ask_all(
    server: &Target,
    questions: Vec<Question>,
    deadline: Deadline,
) -> Vec<(Question, Answer)> {
    let mut waiting = questions.into_iter();
    let mut open = JoinSet::new();
    let mut answers = Vec::new();
    loop {
        while open.len() < OPEN_MOST {
            let Some(question) = waiting.next() else {
                break;
            };
            let server = server.clone();
            open.spawn(async move {
                let answer = exchange::ask(&server, &question, Recursion::No, &deadline).await;
                (question, answer)
            });
        }
        match open.join_next().await {
            None => return answers,
            Some(ended) => answers.extend(ended.ok()),
        }
    }
}

/// A label that no record has, for nobody could have guessed it.
pub(super) fn nobody() -> String {
    let number = RandomState::new().build_hasher().finish();
    format!("nobody-{number:016x}")
}
