//! Look-alike servers for faults that no real server makes on request. They encode our reading
//! of the protocols; that real servers are judged rightly is shown with real servers.

pub mod certificate;
pub mod control;
pub mod dns;
pub mod exchange;
pub mod iis;
pub mod rdp;
pub mod smtp;
pub mod switch;
