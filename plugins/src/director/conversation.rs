//! One question and one answer on the control socket.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;
use shared::deadline::{Deadline, Expired};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::sleep;

use super::wire::{FRESH, Freshness, STATUS, Status, decode};

/// An answer longer than this is none of a director's; 100,000 servers need less.
const LONGEST: u64 = 128 * 1024 * 1024;

/// How long a weight on its way into the kernel is given.
const ON_ITS_WAY: Duration = Duration::from_millis(500);

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// Nobody listens, or not to us.
    NotOpened(io::Error),
    /// The connection ended before an answer was whole.
    Cut(io::Error),
    /// Nothing came in time.
    Silent(Expired),
    /// What came makes no sense.
    Nonsense(String),
}

/// Whether its checks have answered lately.
pub(super) async fn freshness(socket: &Path, deadline: &Deadline) -> Result<Freshness, Fault> {
    ask(socket, FRESH, deadline).await
}

/// Everything it knows. Weights that are not as wanted are looked at twice: another program may
/// be carrying them into the kernel.
pub(super) async fn settled_status(socket: &Path, deadline: &Deadline) -> Result<Status, Fault> {
    let status: Status = ask(socket, STATUS, deadline).await?;
    if status.is_settled() || deadline.remaining() < ON_ITS_WAY * 2 {
        return Ok(status);
    }
    sleep(ON_ITS_WAY).await;
    ask(socket, STATUS, deadline).await
}

async fn ask<T: DeserializeOwned>(
    socket: &Path,
    question: &str,
    deadline: &Deadline,
) -> Result<T, Fault> {
    let line = deadline
        .run(exchange(socket, question))
        .await
        .map_err(Fault::Silent)??;
    decode(&line).map_err(Fault::Nonsense)
}

async fn exchange(socket: &Path, question: &str) -> Result<Vec<u8>, Fault> {
    let mut stream = UnixStream::connect(socket)
        .await
        .map_err(Fault::NotOpened)?;
    stream
        .write_all(question.as_bytes())
        .await
        .map_err(Fault::Cut)?;
    let mut line = Vec::new();
    let mut reader = BufReader::new(stream.take(LONGEST));
    reader
        .read_until(b'\n', &mut line)
        .await
        .map_err(Fault::Cut)?;
    if line.last() == Some(&b'\n') {
        Ok(line)
    } else {
        Err(Fault::Cut(io::ErrorKind::UnexpectedEof.into()))
    }
}
