//! The RDP check.
fn main() {}
