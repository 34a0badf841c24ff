//! Which configuration the other director of a pair carries out, asked at its status page over the
//! inside network. The answer is shown and compared; it never moves a weight or an address.

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use hyper::Request;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::sync::mpsc::Sender;
use tokio::time::{sleep, timeout};

/// How often it is asked.
const EVERY: Duration = Duration::from_secs(10);

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A status with thousands of servers is shorter.
const LONGEST: usize = 64 * 1024 * 1024;

/// What the other director carries out, or why that is not known.
pub type Answer = Result<String, String>;

#[derive(Deserialize)]
struct Page {
    config_digest: String,
}

/// Asks for ever, or until nobody listens. `address` gives the other director's, while it is known.
pub async fn ask(address: impl Fn() -> Option<IpAddr>, port: u16, tell: Sender<Answer>) {
    loop {
        let answer = match address() {
            Some(address) => asked(SocketAddr::new(address, port)).await,
            None => Err("it cannot be told which of the two addresses is the other one's".into()),
        };
        if tell.send(answer).await.is_err() {
            return;
        }
        sleep(EVERY).await;
    }
}

async fn asked(at: SocketAddr) -> Answer {
    match timeout(PATIENCE, digest(at)).await {
        Ok(answer) => answer.map_err(|why| format!("http://{at}/status.json: {why}")),
        Err(_) => Err(format!(
            "http://{at}/status.json: no answer within {} s",
            PATIENCE.as_secs()
        )),
    }
}

async fn digest(at: SocketAddr) -> Result<String, String> {
    let stream = TcpStream::connect(at).await.map_err(|e| e.to_string())?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| e.to_string())?;
    let request = Request::get("/status.json")
        .header("host", at.to_string())
        .body(String::new())
        .map_err(|e| e.to_string())?;
    let answer = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|e| e.to_string())?;
        if !response.status().is_success() {
            return Err(format!("answers {}", response.status()));
        }
        whole(response.into_body()).await
    };
    let body = tokio::select! {
        body = answer => body?,
        // Its end ends the answer, too, which says more.
        Err(error) = connection => return Err(error.to_string()),
    };
    let page: Page = serde_json::from_slice(&body)
        .map_err(|error| format!("is no status of a governess: {error}"))?;
    Ok(page.config_digest)
}

async fn whole(mut body: Incoming) -> Result<Vec<u8>, String> {
    let mut whole = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|e| e.to_string())?;
        if let Some(data) = frame.data_ref() {
            whole.extend_from_slice(data);
        }
        if whole.len() > LONGEST {
            return Err("its answer does not end".to_owned());
        }
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers one question with this.
    async fn one_answer(head: &str, body: &str) -> Answer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let length = body.len();
        let answer = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n{body}");
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut question = [0; 1024];
            let length = stream.read(&mut question).await.unwrap();
            assert!(question[..length].starts_with(b"GET /status.json "));
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream
        };
        tokio::join!(asked(at), server).0
    }

    #[tokio::test]
    async fn the_digest_alone_is_read() {
        let answer = one_answer("200 OK", r#"{"config_digest":"ab12","services":[]}"#).await;
        assert_eq!(answer, Ok("ab12".to_owned()));
    }

    #[tokio::test]
    async fn what_is_no_answer_of_a_governess_is_told() {
        for (head, body, words) in [
            ("200 OK", "<html>", "is no status of a governess"),
            ("200 OK", "{}", "is no status of a governess"),
            ("503 Service Unavailable", "", "answers 503"),
        ] {
            let why = one_answer(head, body).await.unwrap_err();
            assert!(why.contains(words), "{why}");
        }
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = closed.local_addr().unwrap();
        drop(closed);
        let why = asked(at).await.unwrap_err();
        assert!(why.contains("refused"), "{why}");
    }
}
