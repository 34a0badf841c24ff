//! The packet filter: marks on packets to VIPs, masquerade for what real servers send.
//!
//! All of it is in one nftables table of our own, which is replaced as a whole in one transaction.
//! Everything but [`nft`], `command`, `generation` and the reading of the host's own rules is pure.

mod command;
pub mod foreign;
mod generation;
pub mod memory;
pub mod nft;
pub mod script;

#[cfg(test)]
pub(crate) mod tests;

pub use self::memory::MemoryFirewall;
pub use self::nft::Nft;
use self::script::UnwritableInterface;
use crate::setup::Firewall;

/// How our table stands to what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is as wanted; also when nothing is wanted and there is no table.
    Current,
    /// It is wanted and not there.
    Absent,
    /// It is there and is not as wanted: altered by somebody, or of another configuration.
    Other,
}

/// A packet filter that holds one table of ours: the kernel's, or its twin in memory.
pub trait Firewalls: Send {
    /// Compares our table, as it is now, with what is wanted.
    ///
    /// # Errors
    /// It cannot be read.
    fn standing(&mut self, wanted: &Firewall) -> Result<Standing, FirewallError>;

    /// Replaces our table in one transaction: packets meet the old rules or the new ones.
    ///
    /// # Errors
    /// It cannot be written; then it is as it was.
    fn replace(&mut self, wanted: &Firewall) -> Result<(), FirewallError>;

    /// Finds out whether [`replace`](Self::replace) would be accepted, and changes nothing.
    ///
    /// # Errors
    /// It would not.
    fn check(&mut self, wanted: &Firewall) -> Result<(), FirewallError>;

    /// Whether our table is as wanted.
    ///
    /// # Errors
    /// It cannot be read.
    fn is_current(&mut self, wanted: &Firewall) -> Result<bool, FirewallError> {
        Ok(self.standing(wanted)? == Standing::Current)
    }
}

/// Why our table could not be read or written, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum FirewallError {
    /// There is no `nft`.
    #[error(
        "{what}: there is no program `nft`; install the package nftables, or leave marks and \
         masquerade out of the configuration and set them by other means"
    )]
    NotInstalled {
        /// What was tried.
        what: &'static str,
    },
    /// We may not.
    #[error("{what}: permission denied; run governess as root or with CAP_NET_ADMIN")]
    Permission {
        /// What was tried.
        what: &'static str,
    },
    /// The kernel lacks nf_tables, or a part of it that our rules need.
    #[error(
        "{what}: this kernel lacks a part of nf_tables ({said}); try `modprobe -a nf_tables \
         nft_chain_nat nft_masq`, or install the kernel's package of modules"
    )]
    Unsupported {
        /// What was tried.
        what: &'static str,
        /// What `nft` said.
        said: String,
    },
    /// `nft` refused.
    #[error("{what}: nft says: {said}")]
    Refused {
        /// What was tried.
        what: &'static str,
        /// What `nft` said.
        said: String,
    },
    /// `nft` could not be run to its end.
    #[error("{what}: {reason}")]
    Stalled {
        /// What was tried.
        what: &'static str,
        /// What happened.
        reason: String,
    },
    /// The listing of the host's rules makes no sense.
    #[error("{what}: {program} gave a listing that cannot be read: {reason}")]
    Unreadable {
        /// What was tried.
        what: &'static str,
        /// Whose listing.
        program: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// An interface's name cannot be written in a rule.
    #[error(transparent)]
    Interface(#[from] UnwritableInterface),
}
