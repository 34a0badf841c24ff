//! What the evidence says about each port, and about the server: pure.

mod port;
mod reply;
mod whole;

pub use port::PortVerdict;
pub(super) use port::judge_port;
pub use whole::combine;
