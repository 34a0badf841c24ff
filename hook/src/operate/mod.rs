//! How people and programs operate a director: command line, control socket, event journal.

pub mod cli;
pub mod control;
pub mod events;
pub mod evidence;
pub mod export;
pub mod journal;
pub mod plan;
pub mod replay;
pub mod sessions;
pub mod status;
pub(crate) mod timestamp;
pub mod why;
mod wish;
