//! A socket that is kept as long as nothing about it is doubtful.

use super::{Channel, Failure};

/// A channel of the netlink family `PROTOCOL`: opened when first needed, kept, and thrown away after
/// any doubt; then the next call opens another.
#[derive(Debug, Default)]
pub(in crate::kernel) struct Kept<const PROTOCOL: isize> {
    channel: Option<Channel>,
}

impl<const PROTOCOL: isize> Kept<PROTOCOL> {
    /// Lends the channel out.
    pub(in crate::kernel) fn converse<T>(
        &mut self,
        question: impl FnOnce(&mut Channel) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut channel = match self.channel.take() {
            Some(channel) => channel,
            None => Channel::open(PROTOCOL).map_err(|error| {
                Failure::Doubt(format!("cannot open a netlink socket: {error}"))
            })?,
        };
        let outcome = question(&mut channel);
        if !matches!(outcome, Err(Failure::Doubt(_))) {
            self.channel = Some(channel);
        }
        outcome
    }
}
