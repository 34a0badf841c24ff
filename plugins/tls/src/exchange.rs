//! All parts of a server, or of a pool, over TLS where they need it.

use plugins::ad_dns;
use plugins::exchange::{Arguments, Question, check};
use shared::deadline::Deadline;
use shared::verdict::Verdict;

use crate::{owa, smtp, x224};

/// Checks the servers that a command line names, every part at once.
pub async fn check_as_asked(arguments: Arguments, deadline: Deadline) -> Verdict {
    match arguments.plan(&deadline) {
        Ok(plan) => check(plan, carry_out, deadline).await,
        Err(verdict) => *verdict,
    }
}

async fn carry_out(question: Question, deadline: Deadline) -> Verdict {
    match question {
        Question::Rdp(target, options) => x224::check(&target, &options, deadline).await,
        Question::Smtp(target, options) => smtp::check(&target, &options, deadline).await,
        Question::Owa(target, options) => owa::check(&target, &options, deadline).await,
        Question::Dns(options) => ad_dns::check(options, deadline).await,
        Question::Known(verdict) => *verdict,
    }
}
