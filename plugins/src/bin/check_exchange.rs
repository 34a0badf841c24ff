//! The check of a whole Exchange server, or of a pool of them.

fn main() {
    shared::cli::run::<plugins::exchange::Arguments>()
}
