//! The SMTP check.

fn main() {
    shared::cli::run::<plugins::smtp::Arguments>()
}
