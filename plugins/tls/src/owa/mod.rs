//! The web check: connect, shake hands, get the health page of each virtual directory.

mod error;
mod exchange;
mod link;
mod witness;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};

use plugins::owa::evidence::{Asked, Ending, Evidence, Opening, Outcome};
use plugins::owa::{Arguments, Options, Vdir, judge};
use shared::deadline::Deadline;
use shared::dial::Target;
use shared::verdict::Verdict;

use link::Link;

/// Checks one server, over one connection while the server keeps it. All connections are closed
/// before this returns.
pub async fn check(target: &Target, options: &Options, deadline: Deadline) -> Verdict {
    let asking = Asking {
        target,
        options,
        deadline,
        connections: AtomicU32::new(0),
    };
    judge(target, options, &asking.run().await)
}

/// The same from a command line: looks the name up first.
pub async fn check_as_asked(arguments: Arguments, deadline: Deadline) -> Verdict {
    match arguments.question(&deadline) {
        Ok((target, options)) => check(&target, &options, deadline).await,
        Err(verdict) => *verdict,
    }
}

/// One run of the check.
struct Asking<'a> {
    target: &'a Target,
    options: &'a Options,
    deadline: Deadline,
    connections: AtomicU32,
}

impl Asking<'_> {
    async fn run(&self) -> Evidence {
        let vdirs = self.options.vdirs.as_slice();
        let (first, opened) = self.open().await;
        let asked = match (opened, vdirs.split_first()) {
            (Ok(link), _) => self.ask_all(Some(link), vdirs).await,
            (Err(outcome), Some((vdir, rest))) => {
                let one = Asked {
                    vdir: vdir.clone(),
                    outcome,
                    took: self.deadline.elapsed(),
                };
                std::iter::once(one).chain(not_asked(rest)).collect()
            }
            (Err(_), None) => Vec::new(),
        };
        Evidence {
            asked,
            first,
            connections: self.connections.load(Ordering::Relaxed),
            total: self.deadline.elapsed(),
        }
    }

    async fn open(&self) -> (Opening, Result<Link, Outcome>) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        link::open(self.target, self.options, &self.deadline).await
    }

    /// Asks for one virtual directory after the other. One that has not answered in its fair
    /// share of the time is still waited for, while the others are asked over another connection:
    /// one that hangs shall not hide the state of the others.
    fn ask_all<'a>(
        &'a self,
        mut link: Option<Link>,
        mut vdirs: &'a [Vdir],
    ) -> Pin<Box<dyn Future<Output = Vec<Asked>> + Send + 'a>> {
        Box::pin(async move {
            let mut asked = Vec::new();
            while let Some((vdir, rest)) = vdirs.split_first() {
                let mut asking = Box::pin(self.ask(link.take(), vdir));
                let answered = match rest {
                    [] => Some(asking.as_mut().await),
                    _ => self.within_its_share(vdirs, asking.as_mut()).await,
                };
                let Some((one, kept)) = answered else {
                    let ((one, kept), others) = tokio::join!(asking, self.ask_all(None, rest));
                    close(kept).await;
                    asked.push(one);
                    asked.extend(others);
                    return asked;
                };
                let unreachable = matches!(
                    one.outcome,
                    Outcome::NotConnected(_) | Outcome::NoTls { .. }
                );
                asked.push(one);
                if unreachable {
                    asked.extend(not_asked(rest));
                    return asked;
                }
                link = kept;
                vdirs = rest;
            }
            close(link).await;
            asked
        })
    }

    async fn within_its_share<F: Future + Unpin>(
        &self,
        vdirs: &[Vdir],
        asking: F,
    ) -> Option<F::Output> {
        let parts = u32::try_from(vdirs.len()).unwrap_or(u32::MAX).max(1);
        let share = self.deadline.remaining() / parts;
        tokio::time::timeout(share, asking).await.ok()
    }

    /// Asks for one virtual directory. The connection comes back if it can carry another request.
    async fn ask(&self, link: Option<Link>, vdir: &Vdir) -> (Asked, Option<Link>) {
        let before = self.deadline.elapsed();
        let (outcome, kept) = match link {
            None => self.ask_afresh(vdir).await,
            Some(link) if link.is_fresh() => self.get(link, vdir).await,
            Some(link) => match self.get(link, vdir).await {
                // A server may end a connection that it has answered on at any time, as the next
                // request is on its way (RFC 9110 section 9.2.2). Only on a new one does it mean
                // that the component is offline.
                (outcome, _) if is_without_an_answer(&outcome) => self.ask_afresh(vdir).await,
                answered => answered,
            },
        };
        let asked = Asked {
            vdir: vdir.clone(),
            outcome,
            took: self.deadline.elapsed().saturating_sub(before),
        };
        (asked, kept)
    }

    async fn ask_afresh(&self, vdir: &Vdir) -> (Outcome, Option<Link>) {
        match self.open().await {
            (_, Ok(link)) => self.get(link, vdir).await,
            (_, Err(outcome)) => (outcome, None),
        }
    }

    async fn get(&self, link: Link, vdir: &Vdir) -> (Outcome, Option<Link>) {
        let path = vdir.health_page();
        exchange::get(link, &path, self.options, &self.deadline).await
    }
}

fn is_without_an_answer(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::NoHead {
            ending: Ending::Closed | Ending::Reset,
            received: 0,
            ..
        }
    )
}

fn not_asked(vdirs: &[Vdir]) -> impl Iterator<Item = Asked> {
    vdirs.iter().map(|vdir| Asked {
        vdir: vdir.clone(),
        outcome: Outcome::NotAsked,
        took: std::time::Duration::ZERO,
    })
}

async fn close(link: Option<Link>) {
    if let Some(link) = link {
        link.close().await;
    }
}
