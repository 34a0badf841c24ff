//! Checks of mail: neither keepalived nor ldirectord speaks TLS there.

use super::draft::Pace;

/// What is to be said of one.
pub(super) const REMARK: &str = "the check `smtp` takes its place: it goes on to MAIL FROM, so that \
     maintenance, back pressure and limits are seen; name the port without /plain where the server \
     offers STARTTLS";

/// A healthy Exchange server takes 5 s before it refuses a sender, on purpose: the usual patience
/// is the least.
pub(super) fn pace(pace: Pace) -> Pace {
    const TIMEOUT: u64 = 12_000;
    Pace {
        timeout: pace.timeout.filter(|timeout| *timeout > TIMEOUT),
        ..pace
    }
}
