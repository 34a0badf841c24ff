//! ldirectord in a director's namespace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::namespace::Namespace;
use crate::process::{Process, ours};
use crate::story::Story;

/// Where its configuration, its log and the links to our checks are.
const FOLDER: &str = "/tmp/ldirectord";

/// A link to one of our programs, by the name that ldirectord calls.
pub(crate) fn link(program: &str, called: &str) -> Outcome<PathBuf> {
    fs::create_dir_all(FOLDER)?;
    let link = Path::new(FOLDER).join(called);
    std::os::unix::fs::symlink(ours(program)?.get_program(), &link)?;
    Ok(link)
}

/// Starts it in the foreground. It ends with what is returned.
pub(crate) fn start(story: &Story, place: &Namespace, config: &str) -> Outcome<Process> {
    fs::create_dir_all(FOLDER)?;
    let file = Path::new(FOLDER).join("ldirectord.cf");
    let log = Path::new(FOLDER).join("log");
    fs::write(&file, config)?;
    let shown = log.clone();
    story.on_failure("ldirectord: its log", move || {
        fs::read_to_string(&shown).unwrap_or_default()
    });
    let mut command = Command::new("ldirectord");
    command.args(["-d", &file.to_string_lossy(), "start"]);
    Process::start(place, &mut command, &log)
}
