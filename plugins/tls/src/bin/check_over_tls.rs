//! The second program of the checks: carries out what needs TLS, for the check that starts it.

use std::io::Write;

use plugins::{exchange, owa, smtp, x224};
use shared::cli::{ASSISTANT, Request, assist};
use shared::verdict::Verdict;

fn main() {
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == "--version") && words.next().is_none() {
        let (own, openssl) = (env!("CARGO_PKG_VERSION"), openssl::version::version());
        // Who closed the output does not want to know.
        let _ = writeln!(std::io::stdout(), "{ASSISTANT} {own}, {openssl}");
        return;
    }
    assist(carry_out)
}

async fn carry_out(request: Request) -> Verdict {
    plugins_tls::startup::for_one_check();
    match request.check.as_str() {
        x224::NAME => match request.options::<x224::Arguments>() {
            Ok(arguments) => plugins_tls::x224::check_as_asked(arguments, request.deadline).await,
            Err(verdict) => *verdict,
        },
        owa::NAME => match request.options::<owa::Arguments>() {
            Ok(arguments) => plugins_tls::owa::check_as_asked(arguments, request.deadline).await,
            Err(verdict) => *verdict,
        },
        smtp::NAME => match request.options::<smtp::Arguments>() {
            Ok(arguments) => plugins_tls::smtp::check_as_asked(arguments, request.deadline).await,
            Err(verdict) => *verdict,
        },
        exchange::NAME => match request.options::<exchange::Arguments>() {
            Ok(arguments) => {
                plugins_tls::exchange::check_as_asked(arguments, request.deadline).await
            }
            Err(verdict) => *verdict,
        },
        _ => request.unknown_check(),
    }
}
