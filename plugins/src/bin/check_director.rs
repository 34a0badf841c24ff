//! The check of a director of ours: the monitor monitored.

fn main() {
    shared::cli::run::<plugins::director::Arguments>()
}
