//! The command line of `check_x224`.

use clap::Parser;
use shared::cli::{Common, Plugin, Server};
use shared::deadline::Deadline;
use shared::verdict::Verdict;

use super::{NAME, Options, PORT, Require, check};

/// Checks that an RDP server answers, and with what security
#[derive(Debug, Parser)]
#[command(name = "check_x224", version)]
pub struct Arguments {
    #[command(flatten)]
    server: Server,
    /// The least security that the server must choose
    #[arg(long, value_name = "LAYER")]
    require: Option<Require>,
    #[command(flatten)]
    common: Common,
}

impl Plugin for Arguments {
    const NAME: &'static str = NAME;

    fn common(&self) -> &Common {
        &self.common
    }

    async fn check(self, deadline: Deadline) -> Verdict {
        let options = Options {
            require: self.require,
            warning: self.common.warning,
            critical: self.common.critical,
        };
        match self.server.target(PORT, &self.common, &deadline) {
            Ok(target) => check(&target, &options, deadline).await,
            Err(finding) => {
                let port = self.server.port.unwrap_or(PORT);
                Verdict::new(NAME, &self.server.hostname, Some(port), finding)
            }
        }
    }
}
