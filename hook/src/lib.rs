//! The hook: makes the kernel's IPVS table follow what the checks find.
//!
//! Data flows one way: `intake`, `health`, `policy`, `reconcile`, `kernel`. The middle three are
//! pure functions of their inputs, time included; `director` joins them.

pub mod clock;
pub mod config;
pub mod coupling;
pub mod director;
pub mod health;
pub mod host;
pub mod intake;
pub(crate) mod jitter;
pub mod kernel;
pub mod operate;
pub mod policy;
pub mod reconcile;
pub mod run;
pub mod setup;
pub mod table;
