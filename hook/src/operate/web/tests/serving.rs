//! The routes over a real socket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::super::{Look, Web, routes, server};
use super::*;
use crate::operate::journal::Event;

/// A page before a director that answers with this, and how often that was asked.
async fn before(status: Status) -> (SocketAddr, Arc<AtomicUsize>) {
    let (looks, mut asked) = mpsc::channel::<Look>(4);
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Some(look) = asked.recv().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let _ = look.send(status.clone());
        }
    });
    (serve(looks).await, count)
}

async fn serve(looks: mpsc::Sender<Look>) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server::serve(listener, routes::router(looks)));
    address
}

/// The whole answer to one request.
async fn ask(at: SocketAddr, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn every_route_answers_with_its_type_and_is_kept_by_nobody() {
    let (at, _) = before(all_up()).await;
    for (path, kind, words) in [
        ("/", "text/html; charset=utf-8", "All is well"),
        (
            "/status.json",
            "application/json",
            "\"config_digest\":\"00ff\"",
        ),
        (
            "/metrics",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            "# EOF",
        ),
        ("/healthz", "text/plain; charset=utf-8", "ready"),
    ] {
        let answer = ask(at, "GET", path).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(
            answer.contains(&format!("content-type: {kind}\r\n")),
            "{answer}"
        );
        assert!(answer.contains("cache-control: no-store\r\n"), "{answer}");
        assert!(answer.contains(words), "{answer}");
    }
}

#[tokio::test]
async fn status_json_is_the_whole_status() {
    let (at, _) = before(all_up()).await;
    let answer = ask(at, "GET", "/status.json").await;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(serde_json::from_str::<Status>(body).unwrap(), all_up());
}

#[tokio::test]
async fn it_can_be_read_and_nothing_else() {
    let (at, _) = before(all_up()).await;
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let answer = ask(at, method, "/").await;
        assert!(answer.starts_with("HTTP/1.1 405 "), "{method}: {answer}");
    }
    let answer = ask(at, "GET", "/drain/ex1").await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
}

#[tokio::test]
async fn the_browser_is_told_to_run_no_other_script_and_each_page_has_another_word_for_ours() {
    let (at, _) = before(all_up()).await;
    let nonce = |answer: &str| {
        let (_, rest) = answer.split_once("script-src 'nonce-").unwrap();
        rest.split_once('\'').unwrap().0.to_owned()
    };
    let (first, second) = (ask(at, "GET", "/").await, ask(at, "GET", "/").await);
    assert!(first.contains("default-src 'none'"));
    assert!(first.contains(&format!("<script nonce=\"{}\">", nonce(&first))));
    assert_ne!(nonce(&first), nonce(&second));
}

#[tokio::test]
async fn a_director_that_is_not_ready_is_not_healthy_and_says_why() {
    let mut director = director(false, &[up("ex1")]);
    director["not_ready"] = json!(["check rdp of ex1 has not answered for 20 s"]);
    let (at, _) = before(status(director)).await;
    let answer = ask(at, "GET", "/healthz").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(
        answer.contains("check rdp of ex1 has not answered for 20 s"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_loop_that_does_not_answer_is_told_on_every_route() {
    let (looks, _never_answered) = mpsc::channel::<Look>(4);
    let at = serve(looks).await;
    for path in ["/healthz", "/", "/status.json", "/metrics"] {
        let answer = ask(at, "GET", path).await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains("loop does not answer"), "{answer}");
    }
}

#[tokio::test]
async fn many_readers_cost_the_director_few_readings() {
    let (at, readings) = before(all_up()).await;
    let readers: Vec<_> = (0..64)
        .map(|_| tokio::spawn(async move { ask(at, "GET", "/").await }))
        .collect();
    for reader in readers {
        assert!(reader.await.unwrap().starts_with("HTTP/1.1 200 "));
    }
    let readings = readings.load(Ordering::Relaxed);
    assert!(readings < 32, "{readings} readings for 64 readers");
}

#[tokio::test]
async fn clients_that_never_finish_their_request_do_not_keep_others_out() {
    let (at, _) = before(all_up()).await;
    let mut slow = Vec::new();
    for _ in 0..40 {
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nX-Slow:")
            .await
            .unwrap();
        slow.push(stream);
    }
    let answer = ask(at, "GET", "/healthz").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_head_without_end_is_cut_off() {
    let (at, _) = before(all_up()).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    let endless = format!("GET / HTTP/1.1\r\nX-Long: {}", "x".repeat(64 * 1024));
    let _ = stream.write_all(endless.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
        "{answer}"
    );
}

#[tokio::test]
async fn a_port_in_use_is_a_problem_of_the_host_until_it_is_free() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let at = taken.local_addr().unwrap();
    let (looks, _asked) = mpsc::channel::<Look>(4);
    let (tell, mut told) = mpsc::channel(4);
    let _web = Web::start(at, looks, tell).unwrap();
    let first = told.recv().await.unwrap();
    assert_eq!(first.event, Event::StepFailed);
    let words = first.problem.words.unwrap();
    assert!(words.contains("another program has the port"), "{words}");
    drop(taken);
    let second = told.recv().await.unwrap();
    assert_eq!(
        (second.event, second.problem.words),
        (Event::Repaired, None)
    );
    assert_eq!(first.problem.thing, second.problem.thing);
}
