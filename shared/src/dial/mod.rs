//! Connecting to one address, with every way to fail told apart.

mod fault;
mod resolve;

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::net::{TcpSocket, TcpStream};

use crate::deadline::Deadline;

pub use fault::{Fault, own_shortage};
pub use resolve::{Family, resolve};

/// Whom to check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The server as the caller named it; it appears in every message.
    pub name: String,
    /// Where to connect to.
    pub address: SocketAddr,
    /// The address of ours to connect from, where it matters.
    pub source: Option<IpAddr>,
}

/// Connects to `target` within what is left of `deadline`; tells how long it took.
pub async fn connect(target: &Target, deadline: &Deadline) -> Result<(TcpStream, Duration), Fault> {
    let started = Instant::now();
    let socket = socket_for(target).map_err(Fault::Setup)?;
    match deadline.run(socket.connect(target.address)).await {
        Ok(Ok(stream)) => Ok((stream, started.elapsed())),
        Ok(Err(error)) => Err(Fault::of(error)),
        Err(expired) => Err(Fault::Expired(expired)),
    }
}

fn socket_for(target: &Target) -> std::io::Result<TcpSocket> {
    let socket = match target.address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    if let Some(source) = target.source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Condition, Kind};
    use std::net::TcpListener;

    fn target(address: SocketAddr) -> Target {
        Target {
            name: "rs1".to_owned(),
            address,
            source: None,
        }
    }

    fn soon() -> Deadline {
        Deadline::after(Duration::from_millis(300))
    }

    #[tokio::test]
    async fn an_open_port_is_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stream, took) = connect(&target(address), &soon()).await.expect("connected");
        assert_eq!(stream.peer_addr().unwrap(), address);
        assert!(took < Duration::from_millis(300));
    }

    #[tokio::test]
    async fn a_closed_port_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let fault = connect(&target(address), &soon())
            .await
            .expect_err("closed");
        let finding = fault.finding(&target(address), Duration::ZERO);
        assert_eq!(
            (finding.condition, finding.kind),
            (Condition::Failed, Kind::TcpRefused)
        );
        assert!(finding.summary.contains("refused"), "{}", finding.summary);
    }

    #[tokio::test]
    async fn a_full_backlog_is_a_timeout() {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        socket.bind(&any.into()).unwrap();
        socket.listen(0).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let _fills_the_backlog = std::net::TcpStream::connect(address).unwrap();
        let fault = connect(&target(address), &soon())
            .await
            .expect_err("dropped");
        let finding = fault.finding(&target(address), Duration::ZERO);
        assert_eq!(
            (finding.condition, finding.kind),
            (Condition::Failed, Kind::TcpTimeout)
        );
        assert!(finding.summary.contains("timeout"), "{}", finding.summary);
    }

    #[tokio::test]
    async fn a_source_address_that_is_not_ours_is_our_own_fault() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = Target {
            source: Some("192.0.2.1".parse().unwrap()),
            ..target(listener.local_addr().unwrap())
        };
        let fault = connect(&target, &soon()).await.expect_err("not ours");
        let finding = fault.finding(&target, Duration::ZERO);
        assert_eq!(
            (finding.condition, finding.kind),
            (Condition::Unknown, Kind::Resources)
        );
        assert!(finding.summary.contains("192.0.2.1"), "{}", finding.summary);
    }
}
