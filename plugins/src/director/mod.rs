//! Does a director of ours do its work?
//!
//! Asked on its control socket, one JSON request and one JSON reply a line. What the director
//! found on servers is for other checks; this one judges the director itself.

mod arguments;
mod conversation;
mod judgement;
mod wire;

pub use arguments::Arguments;

/// The check's name.
pub const NAME: &str = "director";

/// Where a director listens unless its configuration says otherwise.
pub const SOCKET: &str = "/run/governess/control.sock";
