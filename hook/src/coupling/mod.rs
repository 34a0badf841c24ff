//! Programs beside us. What they tell is shown and, where a check says so, judged; their silence
//! or their faults never move a weight by themselves.

pub mod fifo;
pub mod icinga;
pub mod keepalived;
mod lines;
pub mod nagios;
pub mod partner;
pub mod score;
pub mod vrrp;
