//! What a check found, and how to say it.
//!
//! A check produces one [`verdict::Verdict`]; everything else in governess passes it on, judges
//! by it, or prints it. What does not belong here: the wire format of any protocol (that is in
//! `plugins`), and what follows from a verdict for the kernel (that is in `hook`).

pub mod perfdata;
pub mod verdict;
