//! What the real servers run.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use crate::Outcome;
use crate::namespace::Namespace;
use crate::topology::PORTS;

/// Serves all ports of the Exchange service for the rest of the scenario: each connection is greeted
/// with the server's name on a line, then everything is sent back.
pub(crate) fn serve_echo(server: &Namespace) -> Outcome {
    let name = server.name();
    let listeners = server.within(|| {
        let bind = |port: &u16| TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port));
        PORTS.iter().map(bind).collect::<Result<Vec<_>, _>>()
    })??;
    for listener in listeners {
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                thread::spawn(move || echo(connection, name));
            }
        });
    }
    Ok(())
}

fn echo(mut connection: TcpStream, name: &str) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    connection.write_all(format!("{name}\n").as_bytes())?;
    let mut buffer = [0; 4096];
    loop {
        let count = connection.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        connection.write_all(buffer.get(..count).unwrap_or_default())?;
    }
}
