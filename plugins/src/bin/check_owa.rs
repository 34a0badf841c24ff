//! The web check.

fn main() {
    shared::cli::run::<plugins::owa::Arguments>()
}
