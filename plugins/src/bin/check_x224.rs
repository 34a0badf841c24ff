//! The RDP check.

fn main() {
    shared::cli::run::<plugins::x224::Arguments>()
}
