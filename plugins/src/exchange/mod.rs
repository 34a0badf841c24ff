//! Does a whole Exchange server work, and do the servers of a pool agree?
//!
//! A real server whose ports share one firewall mark is taken in or out as one, so one verdict on
//! all of its parts is wanted: RDP, mail, the web, and what DNS says of it. The parts are the
//! checks of those names, with their judgement, asked at once. What only the pool can show is a
//! judgement over their verdicts.
//!
//! Nothing here links a TLS library: who carries the parts out is given to [`check`].

mod arguments;
mod judgement;
mod part;
mod plan;
mod policy;
mod pool;
mod prefixed;

use shared::deadline::Deadline;
use shared::verdict::Verdict;

pub use arguments::Arguments;
pub use part::Part;
pub use plan::{Plan, Question};

use judgement::Examined;

/// The check's name.
pub const NAME: &str = "exchange";

/// Asks all parts of all servers at once, by `ask`, and judges what they say. Every connection is
/// closed before this returns.
pub async fn check(
    plan: Plan,
    ask: impl AsyncFn(Question, Deadline) -> Verdict,
    deadline: Deadline,
) -> Verdict {
    let mut questions = Vec::new();
    let mut rule = plan.rule;
    let mut servers = Vec::new();
    for server in plan.servers {
        let parts = match server.questions {
            Err(finding) => Err(finding),
            Ok(asked) => Ok(asked
                .into_iter()
                .map(|(part, question)| {
                    questions.push(question);
                    part
                })
                .collect::<Vec<_>>()),
        };
        servers.push((server.name, parts));
    }
    let answers = questions
        .into_iter()
        .map(|question| ask(question, deadline));
    let mut answers = crate::all::all(answers).await.into_iter();
    rule.took = deadline.elapsed();
    let servers: Vec<Examined> = servers
        .into_iter()
        .map(|(name, parts)| Examined {
            name,
            parts: parts.map(|parts| parts.into_iter().zip(answers.by_ref()).collect()),
        })
        .collect();
    match servers.as_slice() {
        [server] => judgement::judge(&rule, server),
        [servers @ .., way] if plan.last_is_the_way => pool::judge(&rule, servers, Some(way)),
        servers => pool::judge(&rule, servers, None),
    }
}
