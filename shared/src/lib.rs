//! What a check found, and how to say it.
//!
//! A check produces one [`verdict::Verdict`]; everything else in governess passes it on, judges
//! by it, or prints it. What does not belong here: the wire format of any protocol (that is in
//! `plugins`), and what follows from a verdict for the kernel (that is in `hook`).

pub mod cli;
pub mod date;
pub mod deadline;
pub mod dial;
pub mod host_mode;
pub mod identity;
pub mod perfdata;
pub mod text;
pub mod threshold;
pub mod tls;
pub mod verdict;
