//! The decision about addresses, played through on a simulated segment and clock; and the thread.

mod alone;
mod rivals;
mod segment;
mod thread;
