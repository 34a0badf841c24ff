//! The command line of `check_director`.

use std::path::PathBuf;

use clap::Parser;
use shared::cli::{Common, Plugin};
use shared::deadline::Deadline;
use shared::verdict::{Condition, Finding, Kind, Verdict};

use super::judgement::{self, Expected};
use super::{NAME, SOCKET, conversation};

/// Checks that a director, `governess run`, does its work.
#[derive(Debug, Parser)]
#[command(name = "check_director", version, args_override_self = true)]
pub struct Arguments {
    /// Ask only whether its checks have answered lately
    #[arg(long)]
    fresh: bool,
    /// Its control socket
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    socket: PathBuf,
    /// Its configuration file, to tell whether it was changed since the director read it
    #[arg(long, value_name = "FILE", conflicts_with = "fresh")]
    config: Option<PathBuf>,
    /// The digest that its configuration must have, such as the other director's
    #[arg(long, value_name = "DIGEST", conflicts_with = "fresh")]
    expect_digest: Option<String>,
    #[command(flatten)]
    common: Common,
}

impl Arguments {
    fn expected(&self) -> Result<Expected, Finding> {
        let file = match &self.config {
            None => None,
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    let summary = format!("cannot read --config {}: {error}", path.display());
                    Finding::new(Condition::Unknown, Kind::Usage, summary)
                })?;
                Some(shared::text::digest(&text))
            }
        };
        Ok(Expected {
            file,
            digest: self.expect_digest.clone(),
        })
    }
}

impl Plugin for Arguments {
    const NAME: &'static str = NAME;
    const USAGE: &'static str = include_str!("usage.txt");
    const MANUAL: &'static str = include_str!("manual.txt");

    fn common(&self) -> &Common {
        &self.common
    }

    fn needs_tls(&self) -> bool {
        false
    }

    async fn check(self, deadline: Deadline) -> Verdict {
        let time = self.common.thresholds();
        let socket = &self.socket;
        let judged = if self.fresh {
            let answer = conversation::freshness(socket, &deadline).await;
            judgement::freshness(socket, answer, &deadline)
        } else {
            match self.expected() {
                Err(finding) => finding.into(),
                Ok(expected) => {
                    let answer = conversation::settled_status(socket, &deadline).await;
                    judgement::status(socket, answer, &expected, &deadline)
                }
            }
        };
        judged.verdict(socket, &time, deadline.elapsed())
    }
}
