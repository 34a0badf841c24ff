//! Does a director of ours do its work?
//!
//! Asked on its control socket, one JSON request and one JSON reply a line. What the director
//! found on servers is for other checks; this one judges the director itself.

mod arguments;
mod conversation;
mod judgement;
mod wire;

use std::path::Path;
use std::time::Duration;

use shared::deadline::Deadline;
use shared::threshold::Thresholds;
use shared::verdict::Verdict;

pub use arguments::Arguments;

/// The check's name.
pub const NAME: &str = "director";

/// Where a director listens unless its configuration says otherwise.
pub const SOCKET: &str = "/run/governess/control.sock";

/// The verdict of a director on itself, from what it would answer on its control socket.
pub fn judge(status: &[u8]) -> Verdict {
    let answer = wire::decode(status).map_err(conversation::Fault::Nonsense);
    let deadline = Deadline::after(Duration::from_secs(10));
    let (socket, expected) = (Path::new(SOCKET), judgement::Expected::default());
    let judged = judgement::status(socket, answer, &expected, &deadline);
    judged.verdict(socket, &Thresholds::default(), Duration::ZERO)
}
