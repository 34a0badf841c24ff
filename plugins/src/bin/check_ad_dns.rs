//! The AD DNS check.

fn main() {
    shared::cli::run::<plugins::ad_dns::Arguments>()
}
