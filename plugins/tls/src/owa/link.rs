//! One connection: TCP, TLS, and HTTP/1.1 on it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::SystemTime;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use plugins::owa::Options;
use plugins::owa::evidence::{Ending, HEAD_MOST, Opening, Outcome};
use shared::deadline::Deadline;
use shared::dial::{self, Target};
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

use super::witness::{Witness, Witnessed};
use crate::handshake::{self, Broken, Established};
use crate::recorded::Recorded;
use crate::trust;

type Stream = TokioIo<Witnessed<SslStream<Recorded<TcpStream>>>>;

/// A connection that requests can be made on.
pub(super) struct Link {
    pub(super) sender: SendRequest<Full<Bytes>>,
    pub(super) driver: Driver,
    pub(super) witness: Witness,
    requests: u32,
}

/// The part of the connection that reads and writes: it does so while something is awaited.
pub(super) struct Driver {
    connection: Connection<Stream, Full<Bytes>>,
    is_over: bool,
}

impl Driver {
    /// Drives `step`, and the connection with it. Nothing comes of a step that still waits when
    /// the connection is over.
    pub(super) async fn drive<F: Future>(&mut self, step: F) -> Option<F::Output> {
        let mut step = pin!(step);
        poll_fn(|context| {
            // How it ended shows in the step, if that has been told.
            if !self.is_over {
                self.is_over = self.connection.poll_without_shutdown(context).is_ready();
            }
            match step.as_mut().poll(context) {
                Poll::Ready(output) => Poll::Ready(Some(output)),
                Poll::Pending if self.is_over => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}

impl Link {
    /// Whether no request was made on it yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.requests == 0
    }

    /// Notes the beginning of another request.
    pub(super) fn begin_request(&mut self) {
        self.requests += 1;
        self.witness.begin_anew();
    }

    /// The connection, if the server keeps it open for another request.
    pub(super) async fn kept(mut self, deadline: &Deadline) -> Option<Self> {
        let Self { sender, driver, .. } = &mut self;
        match deadline.run(driver.drive(sender.ready())).await {
            Ok(Some(Ok(()))) if !driver.is_over => Some(self),
            _ => None,
        }
    }

    /// Ends the connection in an orderly way.
    pub(super) async fn close(self) {
        let stream = self.driver.connection.into_parts().io.into_inner();
        handshake::close(stream.into_inner()).await;
    }
}

/// Makes a connection; how far it came and how long each step took is told in any case.
pub(super) async fn open(
    target: &Target,
    options: &Options,
    deadline: &Deadline,
) -> (Opening, Result<Link, Outcome>) {
    let mut opening = Opening::default();
    let opened = climb(target, options, deadline, &mut opening).await;
    (opening, opened)
}

async fn climb(
    target: &Target,
    options: &Options,
    deadline: &Deadline,
    opening: &mut Opening,
) -> Result<Link, Outcome> {
    let (connection, took) = dial::connect(target, deadline)
        .await
        .map_err(Outcome::NotConnected)?;
    opening.connect = Some(took);
    // A request is one small write; nothing is gained by waiting for more. A socket that refuses
    // this works all the same.
    let _ = connection.set_nodelay(true);
    let before = deadline.elapsed();
    let shaken = handshake::shake_hands(connection, options.sni.as_deref(), deadline).await;
    opening.handshake = Some(deadline.elapsed().saturating_sub(before));
    let Established {
        stream,
        session,
        chain,
    } = shaken.map_err(|Broken { fault, received }| Outcome::NoTls { fault, received })?;
    opening.session = Some((Box::new(session), SystemTime::now()));
    opening.distrust = trust::distrust(stream.ssl(), &chain);
    over(stream).await.map_err(|error| Outcome::NoHead {
        ending: Ending::NotHttp(error.to_string()),
        received: 0,
        beginning: Vec::new(),
    })
}

/// HTTP on a connection. Nothing is sent yet.
async fn over(stream: SslStream<Recorded<TcpStream>>) -> hyper::Result<Link> {
    let witness = Witness::default();
    let stream = TokioIo::new(Witnessed::new(stream, witness.clone()));
    let (sender, connection) = Builder::new()
        .max_buf_size(HEAD_MOST)
        // As browsers and load balancers of old write them.
        .title_case_headers(true)
        .handshake(stream)
        .await?;
    Ok(Link {
        sender,
        driver: Driver {
            connection,
            is_over: false,
        },
        witness,
        requests: 0,
    })
}
