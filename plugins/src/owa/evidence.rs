//! What happened, as plain data, for the judgement.

use std::time::{Duration, SystemTime};

use shared::deadline::Expired;
use shared::{dial, tls};

use super::vdir::Vdir;
use super::wire::Head;

/// The longest head of an answer, in bytes.
pub const HEAD_MOST: usize = 64 * 1024;
/// How much of the body of an answer is read: a health page has less than 300 bytes, and the
/// title of any other page comes early.
pub const BODY_MOST: usize = 16 * 1024;

/// What happened.
#[derive(Debug)]
pub struct Evidence {
    /// What came of each virtual directory, in the order asked for.
    pub asked: Vec<Asked>,
    /// The first connection.
    pub first: Opening,
    /// How many connections were made.
    pub connections: u32,
    /// From the start of the check to its end.
    pub total: Duration,
}

/// How the first connection came about.
#[derive(Debug, Default)]
pub struct Opening {
    /// How long the TCP connect took.
    pub connect: Option<Duration>,
    /// How long the TLS handshake took.
    pub handshake: Option<Duration>,
    /// What the TLS handshake showed, and when.
    pub session: Option<(Box<tls::Session>, SystemTime)>,
}

/// One virtual directory and what came of it.
#[derive(Debug)]
pub struct Asked {
    /// Which.
    pub vdir: Vdir,
    /// What came.
    pub outcome: Outcome,
    /// From the request, or from the start of a new connection for it, to the end of the answer.
    pub took: Duration,
}

/// What came of one request.
#[derive(Debug)]
pub enum Outcome {
    /// There was no connection for it.
    NotConnected(dial::Fault),
    /// There was one, and no TLS on it.
    NoTls {
        /// Why.
        fault: tls::Fault,
        /// How many bytes came in answer to the ClientHello.
        received: usize,
    },
    /// It was not asked: the server could not be reached for the one before it.
    NotAsked,
    /// No whole head of an answer came.
    NoHead {
        /// Why.
        ending: Ending,
        /// How many bytes came.
        received: usize,
        /// The first of them.
        beginning: Vec<u8>,
    },
    /// An answer came.
    Replied(Reply),
}

/// An answer as far as it was read.
#[derive(Debug)]
pub struct Reply {
    /// Status and headers.
    pub head: Head,
    /// The body, at most [`BODY_MOST`] bytes of it.
    pub body: Vec<u8>,
    /// Why the body is not whole, where it is not.
    pub cut: Option<Cut>,
    /// The times, by this machine's clock, between which the server wrote its date.
    pub between: (SystemTime, SystemTime),
}

/// Why a body is not whole.
#[derive(Debug)]
pub enum Cut {
    /// It is longer than what is read of one.
    TooLong,
    /// It ended before its end.
    Ended(Ending),
}

/// Why no more came.
#[derive(Debug)]
pub enum Ending {
    /// The time was over.
    Expired(Expired),
    /// The server closed the connection (FIN).
    Closed,
    /// The server reset the connection (RST).
    Reset,
    /// More came than a head may have.
    TooMuch,
    /// What came is not HTTP, in the words of the library that reads it.
    NotHttp(String),
    /// TLS broke, in the words of its library.
    Tls(String),
    /// The network or this machine broke the connection.
    Broken(dial::Fault),
}
