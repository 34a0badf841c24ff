//! The control socket: one JSON request a line, one JSON reply a line.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::Path;
use std::time::Duration;

use crate::intake::reported;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

/// What can be asked of a running director.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// The whole state.
    Status,
    /// The steps that are left to do.
    Plan,
    /// Whether every check has answered lately.
    Fresh,
    /// One result that another program found.
    Report(reported::Result),
}

/// A request with the way back to who asked.
pub type Asked = (Request, oneshot::Sender<Value>);

/// A request line longer than this is refused.
const LONGEST_REQUEST: u64 = 64 * 1024;

/// How long a client waits for a director that is alive but busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens the socket, for its owner alone. A socket that a dead director left is replaced.
///
/// # Errors
/// Another director answers there, or the folder cannot be written.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    if BlockingStream::connect(path).is_ok() {
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another governess answers on this control socket; stop it first",
        ));
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves clients for ever; each request goes to the director by `asked`.
pub async fn serve(listener: UnixListener, asked: mpsc::Sender<Asked>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve_one(stream, asked.clone()));
            }
            // No descriptor left: the checks free theirs within their timeout.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn serve_one(stream: UnixStream, asked: mpsc::Sender<Asked>) {
    let (read, mut write) = stream.into_split();
    let mut lines = tokio::io::BufReader::new(read.take(LONGEST_REQUEST)).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let reply = match serde_json::from_str(&line) {
            Ok(request) => ask_director(request, &asked).await,
            Err(error) => json!({ "error": format!("not a request: {error}") }),
        };
        if write
            .write_all(format!("{reply}\n").as_bytes())
            .await
            .is_err()
        {
            return;
        }
        lines.get_mut().get_mut().set_limit(LONGEST_REQUEST);
    }
}

async fn ask_director(request: Request, asked: &mpsc::Sender<Asked>) -> Value {
    let (answer, answered) = oneshot::channel();
    if asked.send((request, answer)).await.is_err() {
        return json!({ "error": "the director is stopping" });
    }
    answered
        .await
        .unwrap_or_else(|_| json!({ "error": "the director is stopping" }))
}

/// Whether asking failed because no director runs.
pub fn nobody_runs(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

/// Asks a running director from another process.
///
/// # Errors
/// Nobody listens there, or the answer makes no sense.
pub fn ask(path: &Path, request: &Request) -> io::Result<Value> {
    let mut stream = BlockingStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let line = serde_json::to_string(request).map_err(io::Error::other)?;
    stream.write_all(format!("{line}\n").as_bytes())?;
    let mut reply = String::new();
    BufReader::new(stream).read_line(&mut reply)?;
    let reply: Value = serde_json::from_str(&reply).map_err(io::Error::other)?;
    match reply.get("error").and_then(Value::as_str) {
        Some(error) => Err(io::Error::other(error.to_owned())),
        None => Ok(reply),
    }
}
