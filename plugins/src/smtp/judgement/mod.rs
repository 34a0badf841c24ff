//! What the evidence says about each port, and about the server: pure.

mod capabilities;
mod certificate;
mod identity;
mod port;
mod reply;
mod trouble;
mod whole;

pub use port::PortVerdict;
pub(super) use port::judge_port;
pub use whole::combine;
