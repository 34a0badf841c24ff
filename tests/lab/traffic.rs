//! What clients do: short visits, and long-lived connections that carry numbered messages.

use std::fmt;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::Outcome;
use crate::namespace::Namespace;
use crate::story::patience;
use crate::topology::VIP;

/// The pause between two numbered messages of one connection.
const PACE: Duration = Duration::from_millis(50);

/// Connects to the VIP from one of the client's addresses; gives the name of the server that
/// answered.
pub(crate) fn visit(client: &Namespace, from: IpAddr, port: u16) -> Outcome<String> {
    visit_at(client, from, SocketAddr::from((VIP, port)))
}

/// The same with any other address.
pub(crate) fn visit_at(client: &Namespace, from: IpAddr, to: SocketAddr) -> Outcome<String> {
    let (_, server) = client.within(|| connect(from, to))??;
    Ok(server)
}

fn connect(from: IpAddr, to: SocketAddr) -> Outcome<(BufReader<TcpStream>, String)> {
    connect_within(Duration::from_secs(5), patience(), from, to)
}

fn connect_within(
    connecting: Duration,
    reading: Duration,
    from: IpAddr,
    to: SocketAddr,
) -> Outcome<(BufReader<TcpStream>, String)> {
    let failed = |error: io::Error| format!("from {from} to {to}: {error}");
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket
        .connect_timeout(&to.into(), connecting)
        .map_err(failed)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_read_timeout(Some(reading))?;
    let mut reader = BufReader::new(TcpStream::from(socket));
    let mut greeting = String::new();
    reader.read_line(&mut greeting).map_err(failed)?;
    match greeting.strip_suffix('\n') {
        Some(server) => Ok((reader, server.to_owned())),
        None => Err(format!("from {from} to {to}: closed without a greeting").into()),
    }
}

/// Short visits to the VIP, one after the other.
pub(crate) struct Visits {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Outcome<Duration>>,
}

/// A visit that takes longer has failed; the next one asks anew.
const QUICK: Duration = Duration::from_millis(500);

impl Visits {
    /// Begins to visit from one of the client's addresses.
    pub(crate) fn begin(from: IpAddr, port: u16) -> Outcome<Self> {
        let client = Namespace::open("client")?;
        let stop = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
            while !ends.load(Ordering::Relaxed) {
                let to = SocketAddr::from((VIP, port));
                if client
                    .within(|| connect_within(QUICK, QUICK, from, to))?
                    .is_ok()
                {
                    longest = longest.max(last.elapsed());
                    last = Instant::now();
                }
                thread::sleep(PACE);
            }
            Ok(longest.max(last.elapsed()))
        });
        Ok(Self { stop, thread })
    }

    /// Ends them; gives the longest time from the end of one that succeeded to that of the next.
    pub(crate) fn longest_gap(self) -> Outcome<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .map_err(|_| "a visitor's thread panicked")?
    }
}

/// Established connections through a VIP, each sending numbers that come back.
pub(crate) struct Traffic {
    connections: Vec<Connection>,
    stop: Arc<AtomicBool>,
}

struct Connection {
    client: IpAddr,
    server: String,
    label: String,
    thread: JoinHandle<Talk>,
}

/// How one connection went.
struct Talk {
    count: Count,
    /// It ended before it was told to.
    cut: bool,
}

/// What became of the numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) sent: u64,
    pub(crate) lost: u64,
    pub(crate) repeated: u64,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} sent, {} lost, {} repeated",
            self.sent, self.lost, self.repeated
        )
    }
}

impl Traffic {
    /// Opens one connection from each address to each port.
    pub(crate) fn begin(
        client: &Namespace,
        from: impl Iterator<Item = IpAddr>,
        ports: &[u16],
    ) -> Outcome<Self> {
        Self::begin_at(client, from, VIP.into(), ports)
    }

    /// The same with any other address than the VIP.
    pub(crate) fn begin_at(
        client: &Namespace,
        from: impl Iterator<Item = IpAddr>,
        vip: IpAddr,
        ports: &[u16],
    ) -> Outcome<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut connections = Vec::new();
        for address in from {
            for port in ports {
                let to = SocketAddr::new(vip, *port);
                let (reader, server) = client.within(|| connect(address, to))??;
                let stop = Arc::clone(&stop);
                let thread = thread::spawn(move || converse(reader, &stop));
                let label = format!("{address} to port {port} on {server}");
                connections.push(Connection {
                    client: address,
                    server,
                    label,
                    thread,
                });
            }
        }
        Ok(Self { connections, stop })
    }

    /// How many connections lead to the server of this name.
    pub(crate) fn on(&self, server: &str) -> usize {
        self.connections
            .iter()
            .filter(|connection| connection.server == server)
            .count()
    }

    /// Whether a connection from this client leads to the server of this name.
    pub(crate) fn leads_from(&self, client: IpAddr, server: &str) -> bool {
        let leads = |c: &Connection| c.client == client && c.server == server;
        self.connections.iter().any(leads)
    }

    /// Where the connections lead: `4 to ex1, 4 to ex2`.
    pub(crate) fn leads(&self) -> String {
        let mut servers: Vec<&str> = self.connections.iter().map(|c| c.server.as_str()).collect();
        servers.sort_unstable();
        servers.dedup();
        let leads = servers
            .iter()
            .map(|server| format!("{} to {server}", self.on(server)));
        leads.collect::<Vec<_>>().join(", ")
    }

    /// Ends the traffic; an error names every connection that was cut, lost or repeated a number, or
    /// carried none.
    pub(crate) fn finish(self) -> Outcome<Count> {
        let toll = self.toll()?;
        if toll.harmed.is_empty() {
            return Ok(toll.count);
        }
        let harmed: Vec<_> = toll.harmed.into_iter().map(|harm| harm.label).collect();
        Err(harmed.join("; ").into())
    }

    /// Ends the traffic where something was bound to be harmed, and tells what.
    pub(crate) fn toll(self) -> Outcome<Toll> {
        self.stop.store(true, Ordering::Relaxed);
        let mut toll = Toll {
            connections: self.connections.len(),
            count: Count::default(),
            harmed: Vec::new(),
        };
        for connection in self.connections {
            let Talk { count, cut } = connection
                .thread
                .join()
                .map_err(|_| "a client's thread panicked")?;
            toll.count.sent += count.sent;
            toll.count.lost += count.lost;
            toll.count.repeated += count.repeated;
            if cut || count.sent == 0 || count.lost + count.repeated > 0 {
                let cut = if cut { ", cut" } else { "" };
                toll.harmed.push(Harm {
                    server: connection.server,
                    label: format!("{}: {count}{cut}", connection.label),
                });
            }
        }
        Ok(toll)
    }
}

/// What traffic has cost.
#[derive(Debug)]
pub(crate) struct Toll {
    connections: usize,
    count: Count,
    harmed: Vec<Harm>,
}

/// A connection that was cut, lost or repeated a number, or carried none.
#[derive(Debug)]
struct Harm {
    server: String,
    label: String,
}

impl Toll {
    /// How many connections were harmed.
    pub(crate) fn harmed(&self) -> usize {
        self.harmed.len()
    }

    /// Fails if a connection to the server of this name was harmed.
    pub(crate) fn spared(&self, server: &str) -> Outcome {
        let harmed: Vec<_> = self.harmed.iter().filter(|h| h.server == server).collect();
        if harmed.is_empty() {
            return Ok(());
        }
        Err(format!("connections to {server} were harmed: {harmed:?}").into())
    }
}

impl fmt::Display for Toll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cut, all) = (self.harmed.len(), self.connections);
        write!(f, "{cut} of {all} connections harmed; {}", self.count)
    }
}

/// Sends a number every [`PACE`] until told to stop, then waits for those still on their way.
fn converse(mut reader: BufReader<TcpStream>, stop: &AtomicBool) -> Talk {
    let mut tally = Tally::default();
    let mut text = String::new();
    let ended = |tally: &Tally, cut| Talk {
        count: tally.count(),
        cut,
    };
    while !stop.load(Ordering::Relaxed) {
        let next = Instant::now() + PACE;
        if writeln!(reader.get_mut(), "{}", tally.sent).is_err() {
            return ended(&tally, true);
        }
        tally.sent += 1;
        while let Some(left) = next
            .checked_duration_since(Instant::now())
            .filter(|d| !d.is_zero())
        {
            if !receive(&mut reader, left, &mut text, &mut tally) {
                return ended(&tally, true);
            }
        }
    }
    let _ = reader.get_ref().shutdown(Shutdown::Write);
    let end = Instant::now() + patience();
    while let Some(left) = end
        .checked_duration_since(Instant::now())
        .filter(|d| !d.is_zero())
    {
        if !receive(&mut reader, left, &mut text, &mut tally) {
            break;
        }
    }
    ended(&tally, false)
}

/// Reads at most one line within `limit`; false at the connection's end. A part of a line stays in
/// `text`.
fn receive(
    reader: &mut BufReader<TcpStream>,
    limit: Duration,
    text: &mut String,
    tally: &mut Tally,
) -> bool {
    if reader.get_ref().set_read_timeout(Some(limit)).is_err() {
        return false;
    }
    match reader.read_line(text) {
        Ok(0) => false,
        Ok(_) => {
            if text.ends_with('\n') {
                tally.take(text.trim_end());
                text.clear();
            }
            true
        }
        Err(error) => {
            matches!(
                error.kind(),
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
            )
        }
    }
}

/// The numbers of one connection. They come back in order, so a number above the expected one means
/// a loss and a number below it a repetition.
#[derive(Debug, Default)]
struct Tally {
    sent: u64,
    expected: u64,
    lost: u64,
    repeated: u64,
}

impl Tally {
    fn take(&mut self, text: &str) {
        match text.parse::<u64>() {
            Ok(number) if number >= self.expected => {
                self.lost += number - self.expected;
                self.expected = number + 1;
            }
            _ => self.repeated += 1,
        }
    }

    fn count(&self) -> Count {
        let missing = self.sent.saturating_sub(self.expected);
        Count {
            sent: self.sent,
            lost: self.lost + missing,
            repeated: self.repeated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(sent: u64, received: &[&str]) -> Count {
        let mut tally = Tally {
            sent,
            ..Tally::default()
        };
        received.iter().for_each(|text| tally.take(text));
        tally.count()
    }

    #[test]
    fn numbers_that_all_come_back_are_no_loss() {
        assert_eq!(
            count(3, &["0", "1", "2"]),
            Count {
                sent: 3,
                lost: 0,
                repeated: 0
            }
        );
    }

    #[test]
    fn gaps_and_a_missing_end_are_losses() {
        assert_eq!(
            count(5, &["0", "3"]),
            Count {
                sent: 5,
                lost: 3,
                repeated: 0
            }
        );
    }

    #[test]
    fn a_number_seen_before_is_a_repetition() {
        assert_eq!(
            count(2, &["0", "0", "1"]),
            Count {
                sent: 2,
                lost: 0,
                repeated: 1
            }
        );
    }
}
