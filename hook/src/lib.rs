//! The hook: makes the kernel's IPVS table follow what the checks find.
//!
//! Data flows one way: intake, health, policy, reconcile, kernel.

pub mod kernel;
pub mod table;
