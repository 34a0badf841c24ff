//! An authoritative DNS server with zones of its own and faults that can be switched while it runs.
//!
//! Its messages are put together by hand (RFC 1035 section 4), so that it does not share its
//! reading of the format with the check.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::switch::{HEALTHY, Switchable};

/// How long a connection by TCP may stay without a word.
const LONGEST_CONNECTION: Duration = Duration::from_secs(60);

/// What the server does with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Answers from its zones.
    Answers,
    /// Says nothing.
    Silent,
    /// Answers with this RCODE and the question alone.
    Code(u8),
    /// Answers FORMERR, without the question, to whoever uses EDNS, as servers of old do.
    OldFashioned,
    /// Answers without AA, as a resolver does.
    Hearsay,
    /// Refers to other servers.
    Refers,
    /// Truncates by UDP and answers by TCP.
    Truncates,
    /// Sends another number, another question, a query and a forged reply from another port before
    /// the reply.
    StraysFirst,
    /// Sends these and no reply.
    StraysOnly,
    /// Sends an answer whose name is a pointer to itself.
    PointerLoop,
    /// Sends a reply that ends in the middle of a record.
    CutShort,
    /// Sends a record that is said to be longer than the message.
    Overrun,
    /// Sends datagrams without a byte.
    Empty,
}

const BEHAVIOURS: [(&str, Behaviour); 16] = [
    (HEALTHY, Behaviour::Answers),
    ("silent", Behaviour::Silent),
    ("formerr", Behaviour::Code(1)),
    ("servfail", Behaviour::Code(2)),
    ("notimp", Behaviour::Code(4)),
    ("refused", Behaviour::Code(5)),
    ("old_fashioned", Behaviour::OldFashioned),
    ("hearsay", Behaviour::Hearsay),
    ("refers", Behaviour::Refers),
    ("truncates", Behaviour::Truncates),
    ("strays_first", Behaviour::StraysFirst),
    ("strays_only", Behaviour::StraysOnly),
    ("pointer_loop", Behaviour::PointerLoop),
    ("cut_short", Behaviour::CutShort),
    ("overrun", Behaviour::Overrun),
    ("empty", Behaviour::Empty),
];

/// A running look-alike; it serves until the process ends.
#[derive(Clone, Debug)]
pub struct Dns {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    behaviour: Behaviour,
    /// The zones that it is an authority for.
    zones: Vec<String>,
    records: Vec<Record>,
    serial: u32,
}

#[derive(Clone, Debug)]
struct Record {
    name: String,
    kind: u16,
    ttl: u32,
    data: Vec<u8>,
}

impl Dns {
    /// Listens on an address by UDP and TCP; port 0 chooses a free one. `zones` are the names of
    /// its zones; its records are lines of `NAME TTL TYPE DATA`.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub fn listen(address: SocketAddr, zones: &[&str], records: &str) -> std::io::Result<Self> {
        let (dns, tcp) = Self::by_udp(address, zones, records)?;
        let shared = Arc::clone(&dns.shared);
        thread::spawn(move || {
            for stream in tcp.incoming().flatten() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || serve_tcp(stream, &shared));
            }
        });
        Ok(dns)
    }

    /// The same, and its TCP port is closed.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub fn without_tcp(
        address: SocketAddr,
        zones: &[&str],
        records: &str,
    ) -> std::io::Result<Self> {
        Ok(Self::by_udp(address, zones, records)?.0)
    }

    fn by_udp(
        address: SocketAddr,
        zones: &[&str],
        records: &str,
    ) -> std::io::Result<(Self, TcpListener)> {
        // TCP first: a port that is free there is nearly always free by UDP too.
        let tcp = TcpListener::bind(address)?;
        let udp = UdpSocket::bind(tcp.local_addr()?)?;
        let dns = Self {
            address: udp.local_addr()?,
            shared: Arc::new(Mutex::new(Shared {
                behaviour: Behaviour::Answers,
                zones: zones.iter().map(|zone| zone.to_lowercase()).collect(),
                records: read(records),
                serial: 1,
            })),
        };
        let shared = Arc::clone(&dns.shared);
        thread::spawn(move || serve_udp(&udp, &shared));
        Ok((dns, tcp))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it does with questions from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        lock(&self.shared).behaviour = behaviour;
    }

    /// Serves these records from now on, as version `serial` of its zones.
    pub fn load(&self, serial: u32, records: &str) {
        let mut shared = lock(&self.shared);
        shared.records = read(records);
        shared.serial = serial;
    }
}

impl Switchable for Dns {
    fn name(&self) -> String {
        "dns".to_owned()
    }

    fn behaviours(&self) -> Vec<&'static str> {
        BEHAVIOURS.iter().map(|(name, _)| *name).collect()
    }

    fn switch(&self, behaviour: &str) -> Result<(), String> {
        let found = BEHAVIOURS.iter().find(|(name, _)| *name == behaviour);
        let (_, behaviour) = found.ok_or_else(|| {
            format!(
                "\"{behaviour}\" is none of: {}",
                self.behaviours().join(", ")
            )
        })?;
        self.behave(*behaviour);
        Ok(())
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve_udp(socket: &UdpSocket, shared: &Mutex<Shared>) {
    let mut buffer = [0; 4096];
    loop {
        let Ok((length, client)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        let Some(question) = Question::read(&buffer[..length]) else {
            continue;
        };
        let (datagrams, forged) = {
            let shared = lock(shared);
            (shared.by_udp(&question), shared.forged(&question))
        };
        if let Some(forged) = forged
            && let Ok(other) = UdpSocket::bind((socket_ip(socket), 0))
        {
            let _ = other.send_to(&forged, client);
        }
        for datagram in datagrams {
            let _ = socket.send_to(&datagram, client);
        }
    }
}

fn socket_ip(socket: &UdpSocket) -> IpAddr {
    socket
        .local_addr()
        .map_or(Ipv4Addr::LOCALHOST.into(), |address| address.ip())
}

fn serve_tcp(mut stream: TcpStream, shared: &Mutex<Shared>) {
    let _ = stream.set_read_timeout(Some(LONGEST_CONNECTION));
    let mut length = [0; 2];
    while stream.read_exact(&mut length).is_ok() {
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        if stream.read_exact(&mut message).is_err() {
            return;
        }
        let Some(question) = Question::read(&message) else {
            return;
        };
        let reply = lock(shared).answer(&question);
        let Ok(length) = u16::try_from(reply.len()) else {
            return;
        };
        if stream
            .write_all(&[&length.to_be_bytes(), reply.as_slice()].concat())
            .is_err()
        {
            return;
        }
    }
}

/// A query, taken apart as far as an answer needs it.
struct Question {
    id: [u8; 2],
    /// The question section as it came.
    section: Vec<u8>,
    name: String,
    kind: u16,
    edns: bool,
}

const AA: u8 = 0x04;
const TC: u8 = 0x02;

impl Question {
    fn read(message: &[u8]) -> Option<Self> {
        let mut labels = Vec::new();
        let mut at = 12;
        loop {
            let length = usize::from(*message.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            labels.push(String::from_utf8_lossy(message.get(at..at + length)?).to_lowercase());
            at += length;
        }
        let kind = message.get(at..at + 4)?;
        Some(Self {
            id: [*message.first()?, *message.get(1)?],
            section: message.get(12..at + 4)?.to_vec(),
            name: labels.join("."),
            kind: u16::from_be_bytes([kind[0], kind[1]]),
            edns: message.get(11).is_some_and(|count| *count > 0),
        })
    }

    fn message(&self, flags: u8, code: u8, answers: &[Record], authority: &[Record]) -> Vec<u8> {
        let count = |records: &[Record]| {
            u16::try_from(records.len())
                .unwrap_or(u16::MAX)
                .to_be_bytes()
        };
        let mut message = [
            self.id,
            [0x80 | flags, code],
            [0, 1],
            count(answers),
            count(authority),
            [0, 0],
        ]
        .concat();
        message.extend(&self.section);
        for record in answers.iter().chain(authority) {
            message.extend(record.bytes());
        }
        message
    }
}

impl Shared {
    /// What goes out by UDP.
    fn by_udp(&self, question: &Question) -> Vec<Vec<u8>> {
        let code = |code| question.message(0, code, &[], &[]);
        match self.behaviour {
            Behaviour::Answers => vec![self.answer(question)],
            Behaviour::Silent => Vec::new(),
            Behaviour::Code(number) => vec![code(number)],
            Behaviour::OldFashioned if question.edns => {
                vec![[question.id, [0x80, 1], [0; 2], [0; 2], [0; 2], [0; 2]].concat()]
            }
            Behaviour::OldFashioned => vec![self.answer(question)],
            Behaviour::Hearsay => {
                let mut answer = self.answer(question);
                answer[2] &= !AA;
                vec![answer]
            }
            Behaviour::Refers => {
                let other = read("exch.test 3600 NS elsewhere.example.test");
                vec![question.message(0, 0, &[], &other)]
            }
            Behaviour::Truncates => vec![question.message(AA | TC, 0, &[], &[])],
            Behaviour::StraysFirst => {
                let mut all = strays(question);
                all.push(self.answer(question));
                all
            }
            Behaviour::StraysOnly => strays(question),
            Behaviour::PointerLoop => {
                let mut message = question.message(AA, 0, &[], &[]);
                message[7] = 1;
                let here = u16::try_from(message.len()).unwrap_or(0) | 0xc000;
                message.extend(here.to_be_bytes());
                message.extend([0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 11]);
                vec![message]
            }
            Behaviour::CutShort => {
                let mut answer = self.answer(question);
                answer.truncate(answer.len() - 2);
                vec![answer]
            }
            Behaviour::Overrun => {
                let mut message = question.message(AA, 0, &[], &[]);
                message[7] = 1;
                message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0xff, 0xff, 192, 0, 2, 11]);
                vec![message]
            }
            Behaviour::Empty => vec![Vec::new()],
        }
    }

    /// A reply with another address, to be sent from another port.
    fn forged(&self, question: &Question) -> Option<Vec<u8>> {
        let strays = matches!(
            self.behaviour,
            Behaviour::StraysFirst | Behaviour::StraysOnly
        );
        let record = read(&format!("{} 60 A 203.0.113.66", question.name));
        (strays && question.kind == 1).then(|| question.message(AA, 0, &record, &[]))
    }

    /// The answer from the zones.
    fn answer(&self, question: &Question) -> Vec<u8> {
        let zone = self
            .zones
            .iter()
            .filter(|zone| is_within(&question.name, zone));
        let Some(zone) = zone.max_by_key(|zone| zone.len()) else {
            return question.message(0, 5, &[], &[]);
        };
        let soa = self.soa(zone);
        if question.kind == SOA && question.name == *zone {
            return question.message(AA, 0, &[soa], &[]);
        }
        let here = self.at(&question.name);
        let found: Vec<Record> = here
            .iter()
            .filter(|record| record.kind == question.kind || record.kind == CNAME)
            .cloned()
            .collect();
        let exists = !here.is_empty()
            || question.name == *zone
            || self
                .records
                .iter()
                .any(|record| is_within(&record.name, &question.name));
        match (found.is_empty(), exists) {
            // As Samba does, with the SOA in any case.
            (false, _) => question.message(AA, 0, &found, &[soa]),
            (true, true) => question.message(AA, 0, &[], &[soa]),
            (true, false) => question.message(AA, 3, &[], &[soa]),
        }
    }

    /// The records of a name, those of a wildcard included.
    fn at(&self, name: &str) -> Vec<Record> {
        let own = |wanted: &str| -> Vec<Record> {
            self.records
                .iter()
                .filter(|record| record.name == wanted)
                .cloned()
                .collect()
        };
        let found = own(name);
        if !found.is_empty() {
            return found;
        }
        let parent = name.split_once('.').map_or("", |(_, parent)| parent);
        let mut wild = own(&format!("*.{parent}"));
        for record in &mut wild {
            record.name = name.to_owned();
        }
        wild
    }

    fn soa(&self, zone: &str) -> Record {
        let mut data = wire_name(&format!("dc1.{zone}"));
        data.extend(wire_name(&format!("hostmaster.{zone}")));
        for number in [self.serial, 900, 600, 86400, 3600] {
            data.extend(number.to_be_bytes());
        }
        Record {
            name: zone.to_owned(),
            kind: SOA,
            ttl: 3600,
            data,
        }
    }
}

/// What answers something else, or is no answer.
fn strays(question: &Question) -> Vec<Vec<u8>> {
    let record = read(&format!("{} 60 A 203.0.113.66", question.name));
    let mut other_number = question.message(AA, 0, &record, &[]);
    other_number[1] ^= 0x55;
    let mut other_question = question.message(AA, 0, &record, &[]);
    other_question[13] = b'z';
    let mut query = question.message(AA, 0, &record, &[]);
    query[2] &= 0x7f;
    vec![other_number, other_question, query]
}

const A: u16 = 1;
const NS: u16 = 2;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const PTR: u16 = 12;
const MX: u16 = 15;
const TXT: u16 = 16;
const AAAA: u16 = 28;
const SRV: u16 = 33;

fn is_within(name: &str, zone: &str) -> bool {
    name == zone || name.ends_with(&format!(".{zone}"))
}

impl Record {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = wire_name(&self.name);
        bytes.extend(self.kind.to_be_bytes());
        bytes.extend([0, 1]);
        bytes.extend(self.ttl.to_be_bytes());
        bytes.extend(u16::try_from(self.data.len()).unwrap_or(0).to_be_bytes());
        bytes.extend(&self.data);
        bytes
    }
}

fn wire_name(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap_or(0));
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    bytes
}

/// Reads lines of `NAME TTL TYPE DATA`.
///
/// # Panics
/// A line makes no sense: the test that wrote it has a defect.
fn read(text: &str) -> Vec<Record> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| read_line(line).unwrap_or_else(|| panic!("not NAME TTL TYPE DATA: {line}")))
        .collect()
}

fn read_line(line: &str) -> Option<Record> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (name, ttl, kind, data) = (
        words.first()?,
        words.get(1)?,
        words.get(2)?,
        words.get(3..)?,
    );
    let number =
        |at: usize| -> Option<[u8; 2]> { Some(data.get(at)?.parse::<u16>().ok()?.to_be_bytes()) };
    let target = |at: usize| Some(wire_name(data.get(at)?));
    let (kind, data) = match *kind {
        "A" => (A, data.first()?.parse::<Ipv4Addr>().ok()?.octets().to_vec()),
        "AAAA" => match data.first()?.parse().ok()? {
            IpAddr::V6(address) => (AAAA, address.octets().to_vec()),
            IpAddr::V4(_) => return None,
        },
        "NS" => (NS, target(0)?),
        "CNAME" => (CNAME, target(0)?),
        "PTR" => (PTR, target(0)?),
        "MX" => (MX, [number(0)?.to_vec(), target(1)?].concat()),
        "SRV" => {
            let numbers = [number(0)?, number(1)?, number(2)?].concat();
            (SRV, [numbers, target(3)?].concat())
        }
        "TXT" => {
            let text = data.join(" ");
            let length = u8::try_from(text.len()).ok()?;
            (TXT, [vec![length], text.into_bytes()].concat())
        }
        _ => return None,
    };
    Some(Record {
        name: name.to_lowercase(),
        kind,
        ttl: ttl.parse().ok()?,
        data,
    })
}
