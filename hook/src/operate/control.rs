//! The control socket: one JSON request a line, one JSON reply a line.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::Path;
use std::time::Duration;

use nix::unistd::{Uid, User};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::text;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use crate::intake::reported;

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
    /// What is known of one server, with the evidence.
    Why {
        /// The server's name.
        server: String,
    },
    /// Take a server out once its connections have ended.
    Drain {
        /// The server's name.
        server: String,
        /// Seconds until the drain is done, whatever is left.
        deadline: u64,
        /// Even the last one that serves.
        #[serde(default)]
        force: bool,
        /// Who asks, and why.
        #[serde(default)]
        signature: Signature,
    },
    /// Take a server out until further notice.
    Disable {
        /// The server's name.
        server: String,
        /// Even the last one that serves.
        #[serde(default)]
        force: bool,
        /// Who asks, and why.
        #[serde(default)]
        signature: Signature,
    },
    /// Let a server's health count again.
    Enable {
        /// The server's name.
        server: String,
        /// Seconds for which it is in whatever its checks say.
        #[serde(default)]
        force_for: Option<u64>,
        /// Who asks, and why.
        #[serde(default)]
        signature: Signature,
    },
    /// Give a server a weight.
    Weight {
        /// The server's name.
        server: String,
        /// The weight; the configured one is no wish.
        weight: u32,
        /// Who asks, and why.
        #[serde(default)]
        signature: Signature,
    },
}

/// Who asks, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Whom `sudo` says it works for. Believed of root alone, who may say what he likes; of others
    /// the kernel's word counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sudo_user: Option<String>,
    /// Why, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Signature {
    /// The signature of this process's user.
    pub fn own(reason: Option<String>) -> Self {
        let sudo_user = std::env::var("SUDO_USER").ok();
        Self {
            sudo_user: sudo_user.filter(|name| !name.is_empty()),
            reason,
        }
    }

    /// The user's name, as far as the peer of the socket can be believed.
    pub fn author(&self, peer: Uid) -> String {
        match &self.sudo_user {
            Some(name) if peer.is_root() => text::one_line(text::cut(name, LONGEST_NAME)),
            _ => User::from_uid(peer)
                .ok()
                .flatten()
                .map_or_else(|| format!("user {peer}"), |user| user.name),
        }
    }

    /// The reason as one harmless line.
    pub fn reason(&self) -> Option<String> {
        let reason = self.reason.as_deref()?.trim();
        (!reason.is_empty()).then(|| text::one_line(text::cut(reason, LONGEST_REASON)))
    }
}

/// A user's name is cut after this many characters.
const LONGEST_NAME: usize = 64;

/// A reason is cut after this many characters.
const LONGEST_REASON: usize = 500;

/// A request with who asked, and the way back.
pub struct Asked {
    /// What is asked.
    pub request: Request,
    /// Who is at the other end of the socket.
    pub peer: Uid,
    /// Where the reply goes.
    pub answer: oneshot::Sender<Value>,
}

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
    let Ok(credentials) = stream.peer_cred() else {
        return;
    };
    let peer = Uid::from_raw(credentials.uid());
    let (read, mut write) = stream.into_split();
    let mut lines = tokio::io::BufReader::new(read.take(LONGEST_REQUEST)).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let reply = match serde_json::from_str(&line) {
            Ok(request) => ask_director(request, peer, &asked).await,
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

async fn ask_director(request: Request, peer: Uid, asked: &mpsc::Sender<Asked>) -> Value {
    let (answer, answered) = oneshot::channel();
    let question = Asked {
        request,
        peer,
        answer,
    };
    if asked.send(question).await.is_err() {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Request {
        serde_json::from_str(line).expect(line)
    }

    #[test]
    fn a_request_needs_no_more_than_what_it_is_about() {
        let drain = parsed(r#"{"request":"drain","server":"ex1","deadline":60}"#);
        let expected = Request::Drain {
            server: "ex1".to_owned(),
            deadline: 60,
            force: false,
            signature: Signature::default(),
        };
        assert_eq!(drain, expected);
    }

    #[test]
    fn only_root_may_say_for_whom_he_asks() {
        let signature = Signature {
            sudo_user: Some("alice".to_owned()),
            reason: None,
        };
        assert_eq!(signature.author(Uid::from_raw(0)), "alice");
        assert_eq!(signature.author(Uid::from_raw(4_000_000)), "user 4000000");
        assert_eq!(Signature::default().author(Uid::from_raw(0)), "root");
    }
}
