//! Where the figures come from: the commit, the compiler, the machine, the peers' versions.

use std::fs;
use std::process::Command;

use serde::Serialize;

use crate::Outcome;

/// What was measured, and on what.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Origin {
    pub(crate) commit: String,
    /// Whether files differ from the commit, as far as one can tell.
    pub(crate) modified: bool,
    pub(crate) compiler: String,
    pub(crate) kernel: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
}

impl Origin {
    pub(crate) fn find() -> Outcome<Self> {
        let processors = fs::read_to_string("/proc/cpuinfo")?;
        let model = processors.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.trim() == "model name").then(|| value.trim().to_owned())
        });
        Ok(Self {
            // A source archive has no history.
            commit: said_by("git", &["rev-parse", "--short=12", "HEAD"])
                .unwrap_or_else(|_| "unknown".to_owned()),
            modified: !said_by("git", &["status", "--porcelain"])
                .is_ok_and(|changes| changes.is_empty()),
            compiler: said_by("rustc", &["--version"])?,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?
                .trim()
                .to_owned(),
            processor: model.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism()?.get(),
        })
    }
}

/// The name and version of an installed Debian package.
pub(crate) fn package_version(package: &str) -> Outcome<String> {
    said_by(
        "dpkg-query",
        &["-W", "-f", "${Package} ${Version}", package],
    )
}

fn said_by(program: &str, arguments: &[&str]) -> Outcome<String> {
    let words = format!("{program} {}", arguments.join(" "));
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|error| format!("cannot run {words}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("{words}: {}: {}", output.status, complaint.trim()).into())
}
