//! The plugins, run from a director's namespace as a monitoring host would run them.

use crate::Outcome;
use crate::namespace::Namespace;
use crate::process::{Ended, ours};

/// Runs `check_x224` with these arguments.
pub(crate) fn check_x224(place: &Namespace, arguments: &str) -> Outcome<Ended> {
    place.run_to_the_end(ours("check_x224")?.args(arguments.split_whitespace()))
}

/// What `check_x224` tells nanny about a server: its standard output. Anything but exit 0 is an
/// error, since nanny reads no exit code and a failing program means nothing to it.
pub(crate) fn tells_nanny(place: &Namespace, server: &str) -> Outcome<String> {
    let ended = check_x224(place, &format!("-H {server} -m nanny"))?;
    if ended.code() == Some(0) && ended.stderr.is_empty() {
        return Ok(ended.stdout);
    }
    Err(format!("check_x224 -m nanny: expected exit 0 and no stderr: {ended:?}").into())
}
