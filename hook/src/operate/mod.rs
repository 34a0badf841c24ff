//! How people and programs operate a director: command line, control socket, event journal.

pub mod cli;
pub mod control;
pub mod export;
pub mod journal;
pub mod plan;
pub mod push;
pub mod sessions;
pub mod status;
pub(crate) mod timestamp;
pub mod web;
mod wish;
