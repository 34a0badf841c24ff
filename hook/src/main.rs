//! The governess daemon and its command line.
fn main() {}
