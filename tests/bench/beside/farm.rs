//! The real servers: one process, this one, answers on all their addresses in a namespace of its own.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use lookalike::certificate::Wish;
use lookalike::iis::Iis;
use lookalike::smtp::{Connector, Smtp};
use nix::sched::{CloneFlags, setns};

use super::pool::Ask;
use crate::Outcome;
use crate::measure::Program;

/// Accepts, counts and closes.
pub(crate) const TCP: u16 = 9000;
/// A receive connector of Exchange.
pub(crate) const SMTP: u16 = 2525;
/// The page of [`PAGE`] without TLS.
pub(crate) const HTTP: u16 = 80;
/// Exchange's health page of OWA.
pub(crate) const PAGE: &str = "/owa/healthcheck.htm";
/// IIS with Exchange's pages.
pub(crate) const HTTPS: u16 = 443;
/// The name in its certificate.
pub(crate) const HOST: &str = "mail.exch.test";

/// The servers, and the namespaces of the directors that see them.
pub(crate) struct Farm {
    tcp: Arc<Tcp>,
    pages: Arc<AtomicU64>,
    smtp: Smtp,
    iis: Iis,
    /// Commands of the mail server's clients that began a conversation.
    greeted: AtomicU64,
}

#[derive(Default)]
struct Tcp {
    connections: AtomicU64,
    /// Their moments, while somebody wants them.
    noted: Mutex<Option<Vec<Instant>>>,
}

impl Farm {
    /// Makes the namespace `farm` and one for each director, with a link each, and serves from now
    /// on until the guest ends. A director reaches 10.64.0.0/16, all of which is the farm's.
    pub(crate) fn build(directors: &[&str]) -> Outcome<Self> {
        ip("netns add farm")?;
        ip("-n farm link set lo up")?;
        ip("-n farm route add local 10.64.0.0/16 dev lo")?;
        for (at, name) in directors.iter().enumerate() {
            ip(&format!("netns add {name}"))?;
            ip(&format!("-n {name} link set lo up"))?;
            ip(&format!(
                "link add eth0 netns {name} type veth peer name {name} netns farm"
            ))?;
            ip(&format!("-n {name} addr add 10.65.{at}.1/30 dev eth0"))?;
            ip(&format!("-n farm addr add 10.65.{at}.2/30 dev {name}"))?;
            ip(&format!("-n {name} link set eth0 up"))?;
            ip(&format!("-n farm link set {name} up"))?;
            ip(&format!(
                "-n {name} route add 10.64.0.0/16 via 10.65.{at}.2"
            ))?;
        }
        thread::spawn(Self::serve)
            .join()
            .unwrap_or_else(|_| Err("the farm panicked".into()))
    }

    /// On a thread that ends in the farm's namespace: what it listens on stays there.
    fn serve() -> Outcome<Self> {
        setns(File::open("/run/netns/farm")?, CloneFlags::CLONE_NEWNET)?;
        let every = |port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        let listener = listen(every(TCP))?;
        let tcp = Arc::new(Tcp::default());
        let counted = Arc::clone(&tcp);
        thread::spawn(move || {
            for _stream in listener.incoming().flatten() {
                counted.connections.fetch_add(1, Ordering::Relaxed);
                let mut noted = counted.noted.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(noted) = noted.as_mut() {
                    noted.push(Instant::now());
                }
            }
        });
        let pages = Arc::new(AtomicU64::new(0));
        let (listener, given) = (listen(every(HTTP))?, Arc::clone(&pages));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away has its check failed.
                if give_page(stream).is_ok() {
                    given.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Ok(Self {
            tcp,
            pages,
            smtp: Smtp::listen(every(SMTP), "ex1.exch.test", Connector::DefaultFrontend)?,
            iis: Iis::listen(every(HTTPS), "ex1.exch.test", Wish::of(HOST).issue()?)?,
            greeted: AtomicU64::new(0),
        })
    }

    /// How many checks have reached the servers so far.
    pub(crate) fn checks(&self, ask: Ask) -> u64 {
        match ask {
            Ask::Nothing => 0,
            Ask::Tcp | Ask::Plugin => self.tcp.connections.load(Ordering::Relaxed),
            Ask::Http => self.pages.load(Ordering::Relaxed),
            Ask::Https => self.iis.connections() as u64,
            Ask::Smtp => {
                let greets = |line: &&String| {
                    let line = line.to_ascii_uppercase();
                    line.starts_with("EHLO") || line.starts_with("HELO")
                };
                let new = self.smtp.heard().iter().filter(greets).count() as u64;
                self.greeted.fetch_add(new, Ordering::Relaxed) + new
            }
        }
    }

    /// The moments of the connections on [`TCP`] that come while `meanwhile` runs.
    pub(crate) fn moments(&self, meanwhile: impl FnOnce() -> Outcome) -> Outcome<Vec<Instant>> {
        let noted = || {
            self.tcp
                .noted
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        *noted() = Some(Vec::new());
        meanwhile()?;
        Ok(noted().take().unwrap_or_default())
    }
}

/// Listens with room for a burst of connections: the standard library asks for a backlog of 128.
fn listen(at: SocketAddr) -> Outcome<TcpListener> {
    let listener = TcpListener::bind(at)?;
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(4096)?)?;
    Ok(listener)
}

/// Reads a request and answers it as Exchange's health page does.
fn give_page(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let (mut request, mut chunk) = (Vec::new(), [0; 1024]);
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut chunk)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => request.extend_from_slice(&chunk[..length]),
        }
    }
    let body = "200 OK<br/>EX1.exch.test";
    let page = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(page.as_bytes())
}

fn ip(words: &str) -> Outcome {
    let words: Vec<&str> = words.split_whitespace().collect();
    Program::new("/sbin/ip", &words).output().map(drop)
}
