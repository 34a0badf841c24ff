//! RDP servers on loopback, up to the NTLM challenge, with every fault above X.224.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{Ssl, SslContext, SslMethod, SslVersion};
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509Name};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Sleep;
use tokio_openssl::SslStream;

const DAY: i64 = 86_400;

/// A Connection Confirm with RDP_NEG_RSP.
pub(crate) fn confirm(protocol: u8) -> Vec<u8> {
    let mut bytes = vec![3, 0, 0, 0x13, 0x0e, 0xd0, 0, 0, 0x12, 0x34, 0];
    bytes.extend([2, 0x1f, 8, 0, protocol, 0, 0, 0]);
    bytes
}

/// A self-signed certificate as Windows makes them for RDP.
pub(crate) struct Certificate {
    pub(crate) name: String,
    pub(crate) alternative_names: Vec<String>,
    /// Days from now.
    pub(crate) from: i64,
    pub(crate) to: i64,
}

impl Default for Certificate {
    fn default() -> Self {
        Self {
            name: "EX1.exch.test".to_owned(),
            alternative_names: Vec::new(),
            from: -1,
            to: 180,
        }
    }
}

impl Certificate {
    fn issue(&self) -> (X509, PKey<Private>) {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let mut name = X509Name::builder().unwrap();
        name.append_entry_by_nid(Nid::COMMONNAME, &self.name)
            .unwrap();
        let name = name.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        let number = BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap();
        builder.set_serial_number(&number).unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(&name).unwrap();
        builder.set_not_before(&in_days(self.from)).unwrap();
        builder.set_not_after(&in_days(self.to)).unwrap();
        builder.set_pubkey(&key).unwrap();
        if !self.alternative_names.is_empty() {
            let mut names = SubjectAlternativeName::new();
            for name in &self.alternative_names {
                names.dns(name);
            }
            let names = names.build(&builder.x509v3_context(None, None)).unwrap();
            builder.append_extension(names).unwrap();
        }
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        (builder.build(), key)
    }
}

/// Half a day is put on, so that a whole number of days is left for the length of a test.
fn in_days(days: i64) -> Asn1Time {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let now = i64::try_from(now.as_secs()).unwrap();
    Asn1Time::from_unix(now + days * DAY + DAY / 2).unwrap()
}

/// What the server does behind the Connection Confirm.
pub(crate) enum Tls {
    /// It reads and says nothing.
    Silent,
    /// It reads the ClientHello, sends this, and waits for the client to go.
    Says(Vec<u8>),
    /// It reads the ClientHello and closes (FIN).
    Closes,
    /// It reads the ClientHello and resets.
    Resets,
    /// It shakes hands.
    Shakes(SslContext),
}

impl Tls {
    pub(crate) fn with(certificate: &Certificate, versions: (SslVersion, SslVersion)) -> Self {
        let (certificate, key) = certificate.issue();
        let mut context = SslContext::builder(SslMethod::tls_server()).unwrap();
        context.set_security_level(0);
        context.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
        context.set_min_proto_version(Some(versions.0)).unwrap();
        context.set_max_proto_version(Some(versions.1)).unwrap();
        context.set_certificate(&certificate).unwrap();
        context.set_private_key(&key).unwrap();
        Self::Shakes(context.build())
    }

    pub(crate) fn good() -> Self {
        let any = (SslVersion::TLS1_2, SslVersion::TLS1_3);
        Self::with(&Certificate::default(), any)
    }
}

/// What the server does inside TLS.
#[derive(Clone)]
pub(crate) enum Inside {
    /// It waits for the client to go.
    Waits,
    /// It reads a TSRequest, sends this, and waits for the client to go.
    Answers(Vec<u8>),
    /// It reads a TSRequest and closes.
    Closes,
    /// It reads a TSRequest and resets.
    Resets,
}

pub(crate) struct Peer {
    pub(crate) confirm: Vec<u8>,
    pub(crate) tls: Tls,
    pub(crate) inside: Inside,
    /// At most so many bytes at once, a gap after each.
    pub(crate) drip: Option<(usize, Duration)>,
}

impl Peer {
    pub(crate) fn tls(tls: Tls) -> Self {
        Self {
            confirm: confirm(1),
            tls,
            inside: Inside::Waits,
            drip: None,
        }
    }

    pub(crate) fn nla(inside: Inside) -> Self {
        Self {
            confirm: confirm(8),
            tls: Tls::good(),
            inside,
            drip: None,
        }
    }

    /// Serves until the test ends.
    pub(crate) async fn serve(self) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let (tell, closed) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                // The client decides when it is over; what it leaves unread is not the point.
                let ended = self.talk(stream).await;
                let _ = tell.send(ended.unwrap_or(Closing::Abrupt));
            }
        });
        Running {
            address,
            connections,
            closed,
        }
    }

    async fn talk(&self, stream: TcpStream) -> io::Result<Closing> {
        stream.set_nodelay(true)?;
        let mut stream = Dripping {
            inner: stream,
            drip: self.drip,
            asleep: None,
        };
        let mut request = [0; 19];
        stream.read_exact(&mut request).await?;
        stream.write_all(&self.confirm).await?;
        match &self.tls {
            Tls::Silent => wait(&mut stream).await,
            Tls::Says(bytes) => {
                hear(&mut stream).await?;
                stream.write_all(bytes).await?;
                wait(&mut stream).await
            }
            Tls::Closes => {
                hear(&mut stream).await?;
                stream.shutdown().await?;
                Ok(Closing::Abrupt)
            }
            Tls::Resets => {
                hear(&mut stream).await?;
                reset(&stream.inner)
            }
            Tls::Shakes(context) => {
                let ssl = Ssl::new(context)?;
                let mut stream = SslStream::new(ssl, stream)?;
                let accepted = Pin::new(&mut stream).accept().await;
                accepted.map_err(io::Error::other)?;
                self.inside(stream).await
            }
        }
    }

    async fn inside(&self, mut stream: SslStream<Dripping>) -> io::Result<Closing> {
        let mut request = [0; 57];
        if !matches!(self.inside, Inside::Waits) {
            stream.read_exact(&mut request).await?;
            assert_eq!(request, plugins::x224::credssp::CHALLENGE_REQUEST);
        }
        match &self.inside {
            Inside::Waits => {}
            Inside::Answers(bytes) => stream.write_all(bytes).await?,
            Inside::Closes => {
                stream.shutdown().await?;
                return Ok(Closing::Abrupt);
            }
            Inside::Resets => return reset(&stream.get_ref().inner),
        }
        // End of file without an error means that close_notify came.
        wait(&mut stream).await.map(|_| Closing::Orderly)
    }
}

async fn wait(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Closing> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await?;
    Ok(Closing::Abrupt)
}

/// The ClientHello comes in one piece.
async fn hear(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    let mut hello = [0; 4096];
    match stream.read(&mut hello).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

fn reset(stream: &TcpStream) -> io::Result<Closing> {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))?;
    Ok(Closing::Abrupt)
}

/// How the client went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// With close_notify.
    Orderly,
    Abrupt,
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    closed: tokio::sync::mpsc::UnboundedReceiver<Closing>,
}

impl Running {
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Waits for the end of a connection.
    pub(crate) async fn closed(&mut self) -> Closing {
        let closed = tokio::time::timeout(Duration::from_secs(5), self.closed.recv());
        closed.await.expect("the client closes").unwrap()
    }
}

/// A connection that sends in pieces.
struct Dripping {
    inner: TcpStream,
    drip: Option<(usize, Duration)>,
    asleep: Option<Pin<Box<Sleep>>>,
}

impl AsyncRead for Dripping {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl AsyncWrite for Dripping {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some((size, gap)) = self.drip else {
            return Pin::new(&mut self.inner).poll_write(context, bytes);
        };
        if let Some(asleep) = &mut self.asleep {
            std::task::ready!(asleep.as_mut().poll(context));
            self.asleep = None;
        }
        let piece = bytes.get(..size.min(bytes.len())).unwrap_or_default();
        let written = std::task::ready!(Pin::new(&mut self.inner).poll_write(context, piece))?;
        self.asleep = Some(Box::pin(tokio::time::sleep(gap)));
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
