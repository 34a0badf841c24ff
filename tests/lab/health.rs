//! A check whose answers the scenario decides, where no real server gives them on request.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::Outcome;
use crate::director::{CONFIG, altered};

const FOLDER: &str = "/tmp/health";

/// Answers with the exit code in the first line of a server's file, and says the rest.
const SCRIPT: &str = "#!/bin/sh\n{ read -r code; cat; } < /tmp/health/$1\nexit $code\n";

/// The check, and what it says of ex1 and ex2.
pub(crate) struct Health;

impl Health {
    /// Both servers work. To be called before governess is prepared.
    pub(crate) fn begin() -> Outcome<Self> {
        fs::create_dir_all(FOLDER)?;
        let script = Path::new(FOLDER).join("check");
        fs::write(&script, SCRIPT)?;
        fs::set_permissions(&script, Permissions::from_mode(0o755))?;
        let health = Self;
        health.works("ex1")?;
        health.works("ex2")?;
        Ok(health)
    }

    /// The lab's configuration with this check instead of RDP.
    pub(crate) fn config() -> Outcome<String> {
        let check = "exec = [\"/tmp/health/check\", \"{server}\"]";
        altered(CONFIG, &[("x224 = { port = 3389 }", check)])
    }

    pub(crate) fn works(&self, server: &str) -> Outcome {
        self.says(server, 0, "OK - as the scenario says")
    }

    pub(crate) fn fails(&self, server: &str) -> Outcome {
        self.says(server, 2, "CRITICAL - as the scenario says")
    }

    /// What a plugin of ours says in mode `json`.
    pub(crate) fn is_in_maintenance(&self, server: &str) -> Outcome {
        let verdict = "{\"schema\":1,\"check\":\"smtp\",\"condition\":\"maintenance\",\"kind\":\
                       \"maintenance\",\"summary\":\"421 4.3.2 Service not active\"}";
        self.says(server, 1, verdict)
    }

    fn says(&self, server: &str, code: i32, words: &str) -> Outcome {
        // By renaming: a check may be reading.
        let file = Path::new(FOLDER).join(server);
        let beside = file.with_extension("new");
        fs::write(&beside, format!("{code}\n{words}\n"))?;
        Ok(fs::rename(beside, file)?)
    }
}
