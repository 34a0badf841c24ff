//! What came inside TLS, seen from outside of the library that reads it: it tells a connection
//! closed without an answer from one closed within it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much of the beginning is kept.
const BEGINNING: usize = 64;

/// What came since it was last asked to begin anew. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Witness(Arc<Mutex<Seen>>);

/// What came.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// How many bytes.
    pub(super) count: usize,
    /// The first of them.
    pub(super) beginning: Vec<u8>,
}

impl Witness {
    pub(super) fn begin_anew(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Seen::default();
    }

    pub(super) fn seen(&self) -> Seen {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn see(&self, came: &[u8]) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = BEGINNING.saturating_sub(seen.beginning.len());
        seen.beginning.extend(came.iter().take(room));
        seen.count += came.len();
    }
}

/// A connection with a witness.
#[derive(Debug)]
pub(super) struct Witnessed<S> {
    inner: S,
    witness: Witness,
}

impl<S> Witnessed<S> {
    pub(super) fn new(inner: S, witness: Witness) -> Self {
        Self { inner, witness }
    }

    pub(super) fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Witnessed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        let came = buffer.filled().get(before..).unwrap_or_default();
        self.witness.see(came);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Witnessed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
