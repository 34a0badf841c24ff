//! The logon by form, and the log-off after it.

use plugins::owa::evidence::{Asked, Attempt, Outcome};
use plugins::owa::logon::{FORM, LOG_OFF, Logon, Meaning, form, is_session, meaning};
use plugins::owa::{Vdir, may_log_on};

use super::Asking;
use super::exchange::{self, Answered};
use super::link::Link;

impl Asking<'_> {
    /// Logs on over a connection of its own, if somebody is to and the server is the right one.
    pub(super) async fn log_on(&self, asked: &[Asked]) -> Attempt {
        let Some(logon) = &self.options.logon else {
            return Attempt::NotTried;
        };
        if !may_log_on(self.target, self.options, asked) {
            return Attempt::NotTried;
        }
        let before = self.deadline.elapsed();
        let (outcome, cookies, link) = match self.open().await {
            (_, Ok(link)) => self.send_form(link, logon).await,
            (_, Err(outcome)) => (outcome, String::new(), None),
        };
        let took = self.deadline.elapsed().saturating_sub(before);
        let session = is_session(&cookies);
        let welcome = matches!(&outcome, Outcome::Replied(reply)
            if meaning(&reply.head, session) == Meaning::Welcome);
        let logged_off = match welcome {
            true => Some(self.log_off(link, &cookies).await),
            false => None,
        };
        Attempt::Tried {
            asked: Box::new(Asked {
                vdir: Vdir::default(),
                outcome,
                took,
            }),
            session,
            logged_off,
        }
    }

    async fn send_form(&self, link: Link, logon: &Logon) -> (Outcome, String, Option<Link>) {
        let host = &self.options.http_host;
        let body = form(logon, host);
        // The logon page sets this cookie by a script of its own.
        let request = exchange::post(FORM, host, "PBack=0", body);
        let Answered {
            outcome,
            cookies,
            link,
        } = exchange::ask(link, request, &self.deadline).await;
        (outcome, cookies, link)
    }

    /// Ends the session; whether the server said anything to that.
    async fn log_off(&self, link: Option<Link>, cookies: &str) -> bool {
        let link = match link {
            Some(link) => Ok(link),
            None => self.open().await.1,
        };
        let Ok(link) = link else {
            return false;
        };
        let request = exchange::get(LOG_OFF, &self.options.http_host, cookies);
        let answered = exchange::ask(link, request, &self.deadline).await;
        super::close(answered.link).await;
        matches!(answered.outcome, Outcome::Replied(reply) if reply.head.status < 400)
    }
}
