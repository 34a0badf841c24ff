//! The keeper's thread: reads, carries out, listens, tells.

use std::collections::VecDeque;
use std::io::PipeReader;
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::duties::{Duties, Order, View};
use super::duty::Act;
use super::fitness::{Fitness, Question};
use super::{KeeperEvent, Timing};
use crate::clock::{Clock, Moment};
use crate::coupling::score::ScoreFile;
use crate::kernel::address::{AddressError, Addresses, Claim};

/// After an error that would return at once for ever.
const BREATH: Duration = Duration::from_secs(1);

/// What the thread owns.
#[derive(Debug)]
pub(super) struct Work<A> {
    pub(super) duties: Duties,
    pub(super) fitness: Fitness,
    pub(super) score: Option<ScoreFile>,
    pub(super) addresses: A,
    pub(super) view: Option<View>,
    pub(super) next_read: Moment,
    pub(super) timing: Timing,
    pub(super) clock: Clock,
    pub(super) events: Sender<KeeperEvent>,
    pub(super) unsent: VecDeque<KeeperEvent>,
}

impl<A: Addresses> Work<A> {
    /// Works until the other end of `waker` is closed.
    pub(super) fn run(&mut self, waker: &PipeReader) {
        while !is_closed(waker) {
            self.round();
            self.listen(waker);
            self.send_events();
        }
    }

    /// Everything that is due. Adding an address makes its announcement due at once.
    fn round(&mut self) {
        let now = self.clock.now();
        let due = now >= self.next_read;
        if due {
            self.read(now);
        }
        if let Some(view) = &self.view {
            let unfit = self.fitness.judge(view, now);
            if let Some(score) = self.score.as_mut().filter(|_| due) {
                let told = score.keep(unfit);
                self.unsent.extend(told.into_iter().map(KeeperEvent::Score));
            }
            let orders = self.duties.step(view, unfit, now);
            let questions = self.fitness.ask(view, now);
            self.carry_out(orders);
            self.ask(&questions);
        }
    }

    /// A question that cannot be sent is one that nobody answers.
    fn ask(&mut self, questions: &[Question]) {
        let Some(view) = &self.view else { return };
        for Question {
            interface,
            source,
            target,
        } in questions
        {
            if let Some(by) = view.interfaces.iter().find(|it| it.index == *interface) {
                let _ = self.addresses.ask(by, *source, *target);
            }
        }
    }

    fn read(&mut self, now: Moment) {
        self.next_read = now + self.timing.period;
        match self.addresses.interfaces() {
            Ok(interfaces) => {
                self.view = Some(View {
                    interfaces,
                    read: now,
                });
            }
            Err(error) => self.blind(&error.to_string(), now),
        }
    }

    /// The interfaces cannot be read, or the neighbours not be heard.
    fn blind(&mut self, words: &str, now: Moment) {
        let score = self.score.as_mut();
        let told = score.and_then(|score| score.fail(format!("says what was known last: {words}")));
        self.unsent.extend(told.map(KeeperEvent::Score));
        let orders = self.duties.all_failed(words, now);
        self.carry_out(orders);
    }

    fn listen(&mut self, waker: &PipeReader) {
        let now = self.clock.now();
        let due = self.duties.due().unwrap_or(self.next_read);
        let limit = due.min(self.next_read).since(now);
        let heard = match self.addresses.hear(waker.as_fd(), limit) {
            Ok(heard) => heard,
            Err(error) => {
                self.blind(&format!("listen to the neighbours: {error}"), now);
                thread::sleep(BREATH);
                return;
            }
        };
        for heard in heard {
            if let Some(view) = &self.view {
                let now = self.clock.now();
                self.fitness.hear(&heard, view, now);
                let orders = self.duties.hear(&heard, view, now);
                self.carry_out(orders);
            }
        }
    }

    fn carry_out(&mut self, orders: Vec<Order>) {
        let mut orders = VecDeque::from(orders);
        while let Some((at, act)) = orders.pop_front() {
            let outcome = match act {
                Act::Tell(change) => {
                    let told = self.duties.event(at, change);
                    self.unsent.extend(told.map(KeeperEvent::Address));
                    continue;
                }
                _ => self.perform(at, &act),
            };
            let now = self.clock.now();
            orders.extend(match outcome {
                Ok(()) => self.duties.done(at, &act, now),
                Err(error) => self.duties.failed(at, error.to_string(), now),
            });
        }
    }

    fn perform(&mut self, at: usize, act: &Act) -> Result<(), AddressError> {
        let Some(Claim { wanted, role }) = self.duties.claim(at) else {
            return Ok(());
        };
        let view = self.view.iter().flat_map(|view| &view.interfaces);
        let Some(interface) = view.into_iter().find(|it| it.name == wanted.interface) else {
            return Ok(());
        };
        let (kernel, address) = (&mut self.addresses, wanted.address);
        match act {
            Act::Probe => kernel.probe(interface, address.addr()),
            Act::Inquire => kernel.inquire(interface, address.addr()),
            Act::Announce => kernel.announce(interface, address.addr()),
            Act::Add => kernel.add(interface, address, *role),
            Act::Withdraw => kernel.delete(interface, interface.as_held(address)),
            Act::Tell(_) => Ok(()),
        }
    }

    /// Events that find no room wait: a director that hangs must not stop the defence.
    fn send_events(&mut self) {
        while let Some(event) = self.unsent.pop_front() {
            if let Err(TrySendError::Full(event)) = self.events.try_send(event) {
                self.unsent.push_front(event);
                return;
            }
        }
    }
}

fn is_closed(waker: &PipeReader) -> bool {
    let mut end = [PollFd::new(waker.as_fd(), PollFlags::empty())];
    poll(&mut end, PollTimeout::ZERO).is_ok_and(|closed| closed > 0)
}
