//! The program `exchange_lookalike`: one server on one address, its faults switched over a
//! control port.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use lookalike::control;
use lookalike::exchange::{Exchange, Names, Ports};

/// A look-alike of one Exchange server, with every fault on request
#[derive(Parser)]
#[command(name = "exchange_lookalike", version, after_long_help = include_str!("manual.txt"))]
struct Arguments {
    /// The address that its services listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    address: IpAddr,
    /// Where commands are taken
    #[arg(long, value_name = "ADDRESS:PORT")]
    control: SocketAddr,
    #[command(flatten)]
    names: Names,
    #[command(flatten)]
    ports: Ports,
}

fn main() -> ExitCode {
    match serve(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("exchange_lookalike: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: &Arguments) -> io::Result<()> {
    let exchange = Exchange::listen(arguments.address, &arguments.names, arguments.ports)?;
    let listener = TcpListener::bind(arguments.control).map_err(|error| {
        let what = format!("cannot take commands on {}: {error}", arguments.control);
        io::Error::new(error.kind(), what)
    })?;
    println!("commands on {}", listener.local_addr()?);
    control::obey(listener, Arc::new(exchange));
    loop {
        std::thread::park();
    }
}
