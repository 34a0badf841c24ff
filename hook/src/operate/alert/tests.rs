//! The thread against a relay on loopback.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::*;

/// Takes one mail, as RFC 5321 has it, and gives its lines; refuses the sender before that
/// `refusals` times.
async fn relay(listener: TcpListener, mut refusals: usize) -> Vec<String> {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write
            .write_all(b"220 relay.example.test ESMTP\r\n")
            .await
            .unwrap();
        let (mut letter, mut in_data) = (Vec::new(), false);
        while let Ok(Some(line)) = lines.next_line().await {
            let answer = match line.as_str() {
                "." if in_data => return letter,
                _ if in_data => {
                    letter.push(line);
                    continue;
                }
                "DATA" => {
                    in_data = true;
                    "354 go on\r\n"
                }
                "QUIT" => "221 bye\r\n",
                sender if sender.starts_with("MAIL FROM") && refusals > 0 => {
                    refusals -= 1;
                    "451 4.3.0 try again later\r\n"
                }
                _ => "250 ok\r\n",
            };
            write.write_all(answer.as_bytes()).await.unwrap();
        }
    }
}

fn mail(relay: SocketAddr) -> Mail {
    Mail {
        to: vec!["admin@example.test".parse().unwrap()],
        from: "governess@lb1.example.test".parse().unwrap(),
        relay: relay.ip().to_string(),
        port: relay.port(),
        tls: MailTls::None,
    }
}

fn event(name: &str, server: &str) -> LatestEvent {
    LatestEvent {
        ts: "2026-11-25T02:13:03.250Z".to_owned(),
        event: name.to_owned(),
        service: Some("exchange".to_owned()),
        server: Some(server.to_owned()),
        reason: "check rdp: the RDP service hangs, restart it".to_owned(),
    }
}

#[tokio::test]
async fn a_burst_reaches_the_relay_as_one_mail() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mail = mail(listener.local_addr().unwrap());
    let (events, received) = mpsc::channel(8);
    let (tell, _told) = mpsc::channel(8);
    let _worker = start(mail, "lb1".to_owned(), received, tell, Clock::start()).unwrap();
    events.send(event("server_down", "ex1")).await.unwrap();
    events.send(event("server_down", "ex2")).await.unwrap();
    let letter = relay(listener, 0).await.join("\n");
    assert!(
        letter.contains("Subject: governess lb1: server down: ex1 in exchange and 1 more"),
        "{letter}"
    );
    assert!(letter.contains("To: admin@example.test"), "{letter}");
    for server in ["ex1", "ex2"] {
        assert!(
            letter.contains(&format!("server down: {server} in exchange")),
            "{letter}"
        );
    }
}

#[tokio::test]
async fn a_mail_that_is_refused_is_told_with_the_relay_s_words() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mail = mail(listener.local_addr().unwrap());
    let (events, received) = mpsc::channel(8);
    let (tell, mut told) = mpsc::channel(8);
    let _worker = start(mail, "lb1".to_owned(), received, tell, Clock::start()).unwrap();
    events.send(event("fail_open", "ex1")).await.unwrap();
    let serving = tokio::spawn(relay(listener, usize::MAX));
    let failed = told.recv().await.unwrap();
    assert_eq!(failed.event, Event::StepFailed);
    assert!(
        failed.reason.contains("try again later"),
        "{}",
        failed.reason
    );
    assert!(
        failed.reason.contains("it is tried again"),
        "{}",
        failed.reason
    );
    serving.abort();
}
