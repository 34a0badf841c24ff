//! A connection that remembers how much came and how it began: it tells silence from half an
//! answer, and TLS from another protocol.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much of the beginning is kept.
const BEGINNING: usize = 64;

/// A connection with a memory.
#[derive(Debug)]
pub(crate) struct Recorded<S> {
    inner: S,
    beginning: Vec<u8>,
    count: usize,
}

impl<S> Recorded<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self {
            inner,
            beginning: Vec::new(),
            count: 0,
        }
    }

    /// The first bytes that came.
    pub(crate) fn beginning(&self) -> &[u8] {
        &self.beginning
    }

    /// How many bytes came.
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Recorded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        let came = buffer.filled().get(before..).unwrap_or_default();
        let room = BEGINNING.saturating_sub(self.beginning.len());
        self.beginning.extend(came.iter().take(room));
        self.count += came.len();
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Recorded<S> {
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
