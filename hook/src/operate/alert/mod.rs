//! Alert mail: what a human should know of at once, on a thread of its own. The director hands
//! events over without waiting; a relay that is slow, away or hostile costs it nothing.

mod batch;
mod letter;

#[cfg(test)]
mod tests;

use std::io;
use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::journal::Event;
use super::status::LatestEvent;
use super::worker::Worker;
use crate::clock::Clock;
use crate::config::{Mail, MailTls};
use crate::host::{HostEvent, Problem};
use batch::Batch;
use letter::Letter;

/// A conversation with the relay takes no longer: lettre itself waits for ever after connecting.
const PATIENCE: Duration = Duration::from_secs(20);

/// The events that somebody is told of.
pub fn alerts(event: Event) -> bool {
    matches!(
        event,
        Event::ServerUp
            | Event::ServerDown
            | Event::FailOpen
            | Event::FailOpenEnded
            | Event::Stale
            | Event::Score
            | Event::Vrrp
    )
}

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Mails what comes in by `events`; a mail that is not taken is told by `tell`.
///
/// # Errors
/// The TLS library refuses the relay's name, or the operating system gave no thread.
pub fn start(
    mail: Mail,
    host: String,
    events: mpsc::Receiver<LatestEvent>,
    tell: mpsc::Sender<HostEvent>,
    clock: Clock,
) -> io::Result<Worker> {
    let transport = transport(&mail, &host)?;
    let post = Post {
        mail,
        host,
        transport,
        tell,
        failing: None,
    };
    Worker::start("mail", move || post.run(events, clock))
}

/// Built once: it reads the system's certificates, which takes a tenth of a second.
fn transport(mail: &Mail, host: &str) -> io::Result<Transport> {
    let parameters = || TlsParameters::new(mail.relay.clone()).map_err(io::Error::other);
    let tls = match mail.tls {
        MailTls::None => Tls::None,
        MailTls::Starttls => Tls::Required(parameters()?),
        MailTls::Tls => Tls::Wrapper(parameters()?),
    };
    Ok(Transport::builder_dangerous(mail.relay.clone())
        .port(mail.port)
        .tls(tls)
        .hello_name(ClientId::Domain(host.to_owned()))
        .timeout(Some(PATIENCE))
        .build())
}

struct Post {
    mail: Mail,
    host: String,
    transport: Transport,
    tell: mpsc::Sender<HostEvent>,
    /// Why the last mail was not taken.
    failing: Option<String>,
}

impl Post {
    async fn run(mut self, mut events: mpsc::Receiver<LatestEvent>, clock: Clock) {
        let mut batch = Batch::default();
        loop {
            let wait = batch.due().map(|due| due.since(clock.now()));
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => batch.add(event, clock.now()),
                    None => return,
                },
                () = sleep(wait.unwrap_or_default()), if wait.is_some() => {
                    self.send(&mut batch, clock).await;
                }
            }
        }
    }

    async fn send(&mut self, batch: &mut Batch, clock: Clock) {
        let (events, more) = batch.content();
        let letter = Letter::about(events, more, &self.host);
        match self.post(letter).await {
            Ok(()) => {
                batch.sent(clock.now());
                self.works().await;
            }
            Err(words) => {
                let again = match batch.failed(clock.now()) {
                    true => "it is tried again",
                    false => "it is given up",
                };
                self.fails(format!("{words}; {again}")).await;
            }
        }
    }

    async fn post(&self, letter: Letter) -> Result<(), String> {
        let mut message = Message::builder()
            .from(self.mail.from.clone())
            .subject(letter.subject)
            .header(ContentType::TEXT_PLAIN);
        for to in &self.mail.to {
            message = message.to(to.clone());
        }
        let message = message
            .body(letter.text)
            .map_err(|error| error.to_string())?;
        match timeout(PATIENCE, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(with_causes(&error)),
            Err(_) => Err(format!("no answer in {} s", PATIENCE.as_secs())),
        }
    }

    /// Told once, however often it is met.
    async fn fails(&mut self, words: String) {
        let relay = format!("{}:{}", self.mail.relay, self.mail.port);
        let words = format!("alert mail was not taken by {relay}: {words}");
        if self.failing.replace(words.clone()).as_ref() != Some(&words) {
            self.say((Event::StepFailed, words.clone(), Some(words)))
                .await;
        }
    }

    async fn works(&mut self) {
        if self.failing.take().is_some() {
            let reason = "alert mail is taken again".to_owned();
            self.say((Event::Repaired, reason, None)).await;
        }
    }

    async fn say(&self, (event, reason, words): (Event, String, Option<String>)) {
        let thing = "alert mail".to_owned();
        let problem = Problem { thing, words };
        let told = HostEvent {
            event,
            reason,
            problem,
        };
        let _ = self.tell.send(told).await;
    }
}

/// An error with what is behind it: lettre keeps the relay's words there.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = inner.source();
    }
    words
}
