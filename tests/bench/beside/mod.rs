//! governess and keepalived at scale in the guest: the same pool of real servers for both, in a
//! network namespace each, so that neither sees the other's table.

pub(crate) mod director;
pub(crate) mod farm;
pub(crate) mod kernel;
pub(crate) mod pool;
