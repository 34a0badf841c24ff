//! How people and programs operate a director: command line, control socket, event journal, status
//! page, alert mail.

pub mod alert;
pub mod cli;
pub mod control;
pub mod events;
pub mod evidence;
pub mod export;
pub mod journal;
pub mod plan;
pub mod push;
pub mod replay;
pub mod sessions;
pub mod status;
pub(crate) mod timestamp;
pub mod web;
pub mod why;
mod wish;
pub mod worker;

/// This machine's name.
pub fn host_name() -> String {
    let name = nix::unistd::gethostname().ok();
    name.map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}
