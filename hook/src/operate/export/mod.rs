//! `governess export`: the set-up in the words of other tools, for those who want to carry it out
//! without us, or to see it. Pure.

pub mod hosts;
pub mod iptables;
pub mod ipvsadm;
pub mod nft;
pub mod sysctl;

#[cfg(test)]
mod tests;
