//! A real server on which everything is Exchange's: the program `exchange_lookalike`.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use crate::Outcome;
use crate::namespace::Namespace;
use crate::process::{Process, ours};
use crate::story::Story;

/// Where the faults of a server are switched, inside it.
const CONTROL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 4000);

/// RDP, mail and web of one real server.
pub(crate) struct Exchange {
    server: Namespace,
    _process: Process,
}

impl Exchange {
    /// Starts it on the server's address and waits until it takes commands; then it serves.
    pub(crate) fn begin(story: &Story, server: Namespace, address: &str) -> Outcome<Self> {
        let name = server.name();
        let log = PathBuf::from(format!("/tmp/exchange-{name}.log"));
        let mut command = ours("exchange_lookalike")?;
        command.args(["--address", address, "--control", &CONTROL.to_string()]);
        command.args(["--name", &name.to_uppercase()]);
        command.args(["--host", "mail.example.test"]);
        let mut process = Process::start(&server, &mut command, &log)?;
        story.on_failure(&format!("Exchange on {name}: its log"), move || {
            fs::read_to_string(&log).unwrap_or_default()
        });
        story.until_some(&format!("Exchange on {name} serves"), || {
            match process.still_runs() {
                Ok(()) => connect(&server).map(|_| Ok(())),
                Err(ended) => Ok(Err(ended)),
            }
        })??;
        Ok(Self {
            server,
            _process: process,
        })
    }

    /// From now on a service, such as `smtp/25`, behaves so.
    pub(crate) fn switch(&self, service: &str, behaviour: &str) -> Outcome {
        let mut control = connect(&self.server)?;
        writeln!(control, "{service} {behaviour}")?;
        let mut answer = String::new();
        BufReader::new(control).read_line(&mut answer)?;
        match answer.trim_end() {
            "ok" => Ok(()),
            refusal => Err(format!("{service} {behaviour}: {refusal}").into()),
        }
    }
}

fn connect(server: &Namespace) -> Outcome<TcpStream> {
    let connect = || TcpStream::connect_timeout(&CONTROL, Duration::from_secs(5));
    Ok(server.within(connect)??)
}
