//! The real path: whether a server's answers to the outside come back through this director.
//!
//! With LVS by NAT they must, or the client sees them with the wrong source and drops them. A
//! check from the inside address stays green when the server's default gateway is wrong, for its
//! answers need no gateway. So the holder of the gateway also connects from its outside address,
//! on the inside interface: an answer that comes back any other way does not count.

use std::io;
use std::net::{IpAddr, SocketAddr};

use nix::ifaddrs::getifaddrs;
use shared::deadline::Deadline;
use shared::dial::Fault;
use shared::verdict::{Condition, Finding, Kind, Verdict};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::config::{RealPath, Server};

/// Checks one server's way back.
pub(super) async fn check(
    name: &str,
    path: &RealPath,
    server: &Server,
    deadline: Deadline,
) -> Verdict {
    let finding = match outside_address(path, server.address) {
        Ok(Some(source)) => from_both_sides(path, server, source, deadline).await,
        Ok(None) => not_judged("this director does not hold the gateway"),
        Err(error) => Finding::new(
            Condition::Unknown,
            Kind::Resources,
            format!("the addresses of this machine cannot be read: {error}"),
        ),
    };
    Verdict::new(name, &server.address.to_string(), None, finding)
}

/// The outside address to ask from, if this director holds the gateway.
fn outside_address(path: &RealPath, server: IpAddr) -> io::Result<Option<IpAddr>> {
    let held: Vec<(String, IpAddr)> = getifaddrs()
        .map_err(io::Error::from)?
        .filter_map(|found| {
            let storage = found.address?;
            let v4 = storage
                .as_sockaddr_in()
                .map(|socket| IpAddr::V4(socket.ip()));
            let address = v4.or_else(|| storage.as_sockaddr_in6().map(|s| IpAddr::V6(s.ip())))?;
            Some((found.interface_name, address))
        })
        .collect();
    let holds_gateway = held.contains(&(path.inside.clone(), path.gateway));
    let outside = held.iter().find(|(interface, address)| {
        *interface == path.outside
            && address.is_ipv4() == server.is_ipv4()
            && !is_link_local(address)
            && !path.vips.contains(address)
    });
    Ok(outside
        .filter(|_| holds_gateway)
        .map(|(_, address)| *address))
}

fn is_link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// Asks every port from both sides at once; one answer to the outside decides.
async fn from_both_sides(
    path: &RealPath,
    server: &Server,
    source: IpAddr,
    deadline: Deadline,
) -> Finding {
    let mut asked = JoinSet::new();
    for port in &path.ports {
        let at = SocketAddr::new(server.address, *port);
        let device = path.inside.clone();
        asked.spawn(async move {
            let outside = answers(at, Some((source, &device)), &deadline);
            tokio::join!(outside, answers(at, None, &deadline))
        });
    }
    let mut inside_answers = false;
    let mut ours = None;
    while let Some(Ok((outside, inside))) = asked.join_next().await {
        match (outside, inside) {
            (Answer::Yes, _) => {
                let summary = format!("answers to {source} come back through this director");
                return Finding::new(Condition::Healthy, Kind::Ok, summary);
            }
            (Answer::Ours(finding), _) | (_, Answer::Ours(finding)) => ours = Some(finding),
            (Answer::No, Answer::Yes) => inside_answers = true,
            (Answer::No, Answer::No) => {}
        }
    }
    match ours {
        Some(finding) => finding,
        None if inside_answers => wrong_gateway(path, server, source),
        None => not_judged("the server answers to neither side; the other checks say why"),
    }
}

fn wrong_gateway(path: &RealPath, server: &Server, source: IpAddr) -> Finding {
    Finding::failed(
        Kind::TcpTimeout,
        format!(
            "{} answers to the inside, but its answers to {source} do not come back through this \
             director: its default gateway is not {}; set it there, or no client gets an answer",
            server.address, path.gateway
        ),
    )
}

fn not_judged(why: &str) -> Finding {
    Finding::new(Condition::Healthy, Kind::Ok, format!("not judged: {why}"))
}

enum Answer {
    /// It accepted or refused: an answer either way.
    Yes,
    /// Nothing came.
    No,
    /// We are to blame.
    Ours(Finding),
}

async fn answers(at: SocketAddr, from: Option<(IpAddr, &String)>, deadline: &Deadline) -> Answer {
    let fault = match deadline.run(connect(at, from)).await {
        Ok(Ok(_)) => return Answer::Yes,
        Ok(Err(error)) => Fault::of(error),
        Err(expired) => Fault::Expired(expired),
    };
    match fault {
        Fault::Refused | Fault::Reset => Answer::Yes,
        Fault::KernelTimeout | Fault::Unreachable(_) => Answer::No,
        Fault::Expired(expired) => {
            let finding = expired.finding(|| Finding::failed(Kind::TcpTimeout, "no answer"));
            if finding.condition == Condition::Unknown {
                Answer::Ours(finding)
            } else {
                Answer::No
            }
        }
        Fault::Setup(error) | Fault::Local(error) => Answer::Ours(Finding::new(
            Condition::Unknown,
            Kind::Resources,
            format!("this machine cannot connect to {at}: {error}"),
        )),
    }
}

async fn connect(at: SocketAddr, from: Option<(IpAddr, &String)>) -> io::Result<TcpStream> {
    let socket = if at.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    if let Some((source, device)) = from {
        socket.bind_device(Some(device.as_bytes()))?;
        socket.bind(SocketAddr::new(source, 0))?;
    }
    socket.connect(at).await
}
