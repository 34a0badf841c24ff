//! A TCP port: whether it accepts, and whether its answer begins as it should.

use std::net::SocketAddr;
use std::time::Instant;

use shared::deadline::Deadline;
use shared::dial::{self, Target};
use shared::text::quoted;
use shared::verdict::{Condition, Finding, Kind, Verdict};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::config::{Server, Tcp};

/// Asks one server's port.
pub(super) async fn check(name: &str, asked: &Tcp, server: &Server, deadline: Deadline) -> Verdict {
    let host = server.address.to_string();
    let Some(port) = asked.port else {
        let words = format!("no port is known to ask \"{}\" on", server.name);
        let finding = Finding::new(Condition::Unknown, Kind::Usage, words);
        return Verdict::new(name, &host, None, finding);
    };
    let target = Target {
        name: host.clone(),
        address: SocketAddr::new(server.address, port),
        source: None,
    };
    let began = Instant::now();
    let mut transcript = vec![format!("connect to {}", target.address)];
    let finding = match dial::connect(&target, &deadline).await {
        Ok((stream, _)) => converse(stream, asked, &target, &deadline, &mut transcript).await,
        Err(fault) => fault.finding(&target, began.elapsed()),
    };
    let mut verdict = Verdict::new(name, &host, Some(port), finding);
    verdict.transcript = transcript;
    verdict
}

async fn converse(
    mut stream: TcpStream,
    asked: &Tcp,
    target: &Target,
    deadline: &Deadline,
    transcript: &mut Vec<String>,
) -> Finding {
    let address = target.address;
    if !asked.send.is_empty() {
        transcript.push(format!("sent: {}", shown(asked.send.as_bytes())));
        match deadline.run(stream.write_all(asked.send.as_bytes())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return dial::Fault::of(error).finding(target, deadline.elapsed()),
            Err(expired) => return expired.finding(|| silent(address)),
        }
    }
    if asked.expect.is_empty() {
        let words = format!("{address} accepts connections");
        return Finding::new(Condition::Healthy, Kind::Ok, words);
    }
    let mut answer = vec![0; asked.expect.len()];
    let mut filled = 0;
    while filled < answer.len() {
        match deadline.run(stream.read(&mut answer[filled..])).await {
            Ok(Ok(0)) => break,
            Ok(Ok(count)) => filled += count,
            Ok(Err(error)) => return dial::Fault::of(error).finding(target, deadline.elapsed()),
            Err(expired) if filled == 0 => return expired.finding(|| silent(address)),
            Err(expired) => return expired.finding(|| judge(&answer[..filled], asked, address)),
        }
    }
    let answer = &answer[..filled];
    transcript.push(format!("received: {}", shown(answer)));
    judge(answer, asked, address)
}

fn judge(answer: &[u8], asked: &Tcp, address: SocketAddr) -> Finding {
    if answer == asked.expect.as_bytes() {
        let words = format!("{address} answers \"{}\"", shown(answer));
        return Finding::new(Condition::Healthy, Kind::Ok, words);
    }
    let expected = shown(asked.expect.as_bytes());
    if answer.is_empty() {
        let words = format!("{address} closed without an answer; expected \"{expected}\"");
        return Finding::failed(Kind::ClosedEarly, words);
    }
    let words = format!(
        "{address} answers \"{}\"; expected \"{expected}\"",
        shown(answer)
    );
    Finding::failed(Kind::Content, words)
}

fn silent(address: SocketAddr) -> Finding {
    let words = format!("{address} accepts connections and answers nothing; its service hangs");
    Finding::failed(Kind::Silent, words)
}

fn shown(answer: &[u8]) -> String {
    quoted(answer, 200)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::TcpListener;

    use super::*;

    /// A server that reads something, answers with `answer` and closes or stays.
    async fn asked(answer: &'static [u8], stays: bool, send: &str, expect: &str) -> Verdict {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut read = [0; 64];
            let _ = stream.read(&mut read).await;
            let _ = stream.write_all(answer).await;
            if stays {
                std::future::pending::<()>().await;
            }
        });
        let server = Server {
            name: "rs1".to_owned(),
            address: address.ip(),
            weight: 1,
            port: None,
            management: None,
        };
        let tcp = Tcp {
            port: Some(address.port()),
            send: send.to_owned(),
            expect: expect.to_owned(),
        };
        check(
            "web",
            &tcp,
            &server,
            Deadline::after(Duration::from_millis(500)),
        )
        .await
    }

    #[tokio::test]
    async fn an_answer_that_begins_as_expected_is_healthy_whatever_follows() {
        let verdict = asked(
            b"HTTP/1.0 200 OK\r\n",
            true,
            "GET / HTTP/1.0\r\n\r\n",
            "HTTP",
        )
        .await;
        assert_eq!(verdict.condition, Condition::Healthy, "{}", verdict.summary);
        assert_eq!(verdict.transcript.len(), 3);
    }

    #[tokio::test]
    async fn another_answer_no_answer_and_silence_are_told_apart() {
        for (answer, stays, kind) in [
            (&b"SSH-2.0-x"[..], true, Kind::Content),
            (b"", false, Kind::ClosedEarly),
            (b"HT", false, Kind::Content),
            (b"", true, Kind::Silent),
        ] {
            let verdict = asked(answer, stays, "GET / HTTP/1.0\r\n\r\n", "HTTP").await;
            assert_eq!(verdict.kind, kind, "{}", verdict.summary);
            assert_eq!(verdict.condition, Condition::Failed);
        }
    }

    #[tokio::test]
    async fn without_an_expectation_the_connection_is_enough() {
        let verdict = asked(b"", true, "", "").await;
        assert_eq!(verdict.condition, Condition::Healthy, "{}", verdict.summary);
    }
}
