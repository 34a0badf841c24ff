//! CredSSP as far as the NTLM challenge: the server tells who it is, we tell nothing. No
//! authenticate message follows, so nobody logs on and no logon fails.

use std::time::{Duration, SystemTime};

use shared::deadline::Deadline;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::conversation::{Ending, read_more};
use super::credssp::{self, CHALLENGE_REQUEST, REPLY_MOST};
use crate::ntlm::{self, Challenge};

/// What came of asking for a challenge.
#[derive(Debug)]
pub struct Exchange {
    pub(super) outcome: Result<Challenge, Failure>,
    /// How long it took.
    pub(super) took: Duration,
    /// When it was over, by this machine's clock.
    pub(super) now: SystemTime,
    /// Every byte that came, at most [`REPLY_MOST`].
    pub(super) received: Vec<u8>,
}

/// Why there is no challenge.
#[derive(Debug)]
pub(super) enum Failure {
    /// The connection ended, or the time, before the answer was complete.
    Ended(Ending),
    /// The server refuses, with an NTSTATUS.
    Refused(u32),
    /// What came is no TSRequest, or no challenge.
    Malformed(String),
}

/// Asks for the challenge over an established TLS connection.
pub async fn ask<S>(stream: &mut S, deadline: &Deadline) -> Exchange
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let before = deadline.elapsed();
    let mut received = Vec::new();
    let outcome = converse(stream, &mut received, deadline).await;
    Exchange {
        outcome,
        took: deadline.elapsed().saturating_sub(before),
        now: SystemTime::now(),
        received,
    }
}

async fn converse<S>(
    stream: &mut S,
    received: &mut Vec<u8>,
    deadline: &Deadline,
) -> Result<Challenge, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Why a write fails shows in the read that follows.
    let sent = deadline.run(async {
        let _ = stream.write_all(&CHALLENGE_REQUEST).await;
        let _ = stream.flush().await;
    });
    sent.await
        .map_err(|expired| Failure::Ended(Ending::Expired(expired)))?;
    loop {
        let room = REPLY_MOST.saturating_sub(received.len());
        let more = read_more(stream, received, room, deadline);
        more.await.map_err(Failure::Ended)?;
        match credssp::parse(received).map_err(Failure::Malformed)? {
            None => {}
            Some(credssp::Reply::Error(status)) => return Err(Failure::Refused(status)),
            Some(credssp::Reply::Token(token)) => {
                return ntlm::parse(&token).map_err(Failure::Malformed);
            }
        }
    }
}
