//! What looks like Icinga's API and does what no real one does on request.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lookalike::certificate::{Certificate, MODERN};
use openssl::ssl::{Ssl, SslContext, SslStream};
use serde_json::{Value, json};

/// How it answers.
#[derive(Clone, Debug)]
pub(crate) enum Behaviour {
    /// This status to every question.
    Refuses(&'static str),
    /// Nothing.
    IsSilent,
    /// The event stream brings this, and then ends, breaks off, or stays open.
    Streams(Vec<u8>, Then),
}

/// What becomes of an event stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    StaysOpen,
    Ends,
    BreaksOff,
}

/// A question that came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) at: Instant,
    pub(crate) path: String,
    pub(crate) authorization: String,
    pub(crate) body: Value,
}

/// A look-alike at work, as long as the test is.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    behaviour: Behaviour,
    /// What `/v1/objects/services` says.
    states: Value,
    asked: Vec<Asked>,
}

impl Scripted {
    pub(crate) fn listen(certificate: &Certificate, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let context = certificate.context(MODERN).unwrap();
        let shared = Arc::new(Mutex::new(Shared {
            behaviour,
            states: json!({ "results": [] }),
            asked: Vec::new(),
        }));
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (context, shared) = (context.clone(), Arc::clone(&serving));
                std::thread::spawn(move || serve(stream, &context, &shared));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        self.shared.lock().unwrap().behaviour = behaviour;
    }

    /// From now on the present state of these services is this.
    pub(crate) fn hold(&self, services: &[(&str, u8, &str)]) {
        self.hold_since(Duration::ZERO, services);
    }

    /// The same, found so long ago.
    pub(crate) fn hold_since(&self, age: Duration, services: &[(&str, u8, &str)]) {
        let service = |(host, state, text): &(&str, u8, &str)| {
            json!({ "attrs": { "host_name": host, "name": "store", "state": state,
                "state_type": 1.0, "last_hard_state": state,
                "last_check_result": result(*state, text, age) } })
        };
        let results: Vec<Value> = services.iter().map(service).collect();
        self.shared.lock().unwrap().states = json!({ "results": results });
    }

    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        let shared = self.shared.lock().unwrap();
        let of_path = shared.asked.iter().filter(|asked| asked.path == path);
        of_path.cloned().collect()
    }
}

fn result(state: u8, text: &str, age: Duration) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    json!({ "state": state, "output": text, "execution_end": (now - age).as_secs_f64(),
        "vars_after": { "state_type": 1.0 } })
}

/// One line of the event stream, about the check `store`.
pub(crate) fn event(host: &str, state: u8, text: &str) -> Vec<u8> {
    let event = json!({ "type": "CheckResult", "host": host, "service": "store",
        "check_result": result(state, text, Duration::ZERO) });
    (event.to_string() + "\n").into_bytes()
}

fn serve(stream: TcpStream, context: &SslContext, shared: &Mutex<Shared>) {
    let Ok(mut stream) = Ssl::new(context).unwrap().accept(stream) else {
        return;
    };
    while let Some(asked) = question(&mut stream) {
        let path = asked.path.clone();
        let (behaviour, states) = {
            let mut shared = shared.lock().unwrap();
            shared.asked.push(asked);
            (shared.behaviour.clone(), shared.states.clone())
        };
        let answered = match (behaviour, path.as_str()) {
            (Behaviour::Refuses(status), _) => {
                let words = json!({ "error": 1, "status": "as the test says" });
                answer(&mut stream, status, &words.to_string())
            }
            (Behaviour::IsSilent, _) => stream.read(&mut [0]).map(|_| ()),
            (Behaviour::Streams(bytes, then), "/v1/events") => {
                return events(&mut stream, &bytes, then);
            }
            (Behaviour::Streams(..), "/v1/objects/services") => {
                answer(&mut stream, "200 OK", &states.to_string())
            }
            (Behaviour::Streams(..), _) => answer(&mut stream, "200 OK", "{\"results\":[]}"),
        };
        if answered.is_err() {
            return;
        }
    }
}

fn question(stream: &mut SslStream<TcpStream>) -> Option<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let header = |name: &str| {
        let of_name = |line: &str| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then(|| value.to_owned())
        };
        head.lines().find_map(of_name)
    };
    let length = header("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Asked {
        at: Instant::now(),
        path: head.split(' ').nth(1)?.to_owned(),
        authorization: header("authorization").unwrap_or_default(),
        body: serde_json::from_slice(&body).ok()?,
    })
}

fn answer(stream: &mut SslStream<TcpStream>, status: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all((head + body).as_bytes())
}

fn events(stream: &mut SslStream<TcpStream>, bytes: &[u8], then: Then) {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut wire = head.as_bytes().to_vec();
    for piece in bytes.chunks(16_000) {
        wire.extend(format!("{:x}\r\n", piece.len()).into_bytes());
        wire.extend(piece);
        wire.extend(b"\r\n");
    }
    if then == Then::Ends {
        wire.extend(b"0\r\n\r\n");
    }
    // The director may have gone meanwhile.
    let _ = stream.write_all(&wire);
    if then == Then::StaysOpen {
        let _ = stream.read(&mut [0]);
    }
}
