//! Whether this director is fit to hold its addresses: its links carry frames, and at least one
//! real server, or the other director of a pair, answers its neighbours. Whether the servers do their work does not matter here, or a
//! pool without a healthy server would take the addresses away, too.
//!
//! A real server is asked by ARP or neighbour solicitation with an address of ours, as any
//! neighbour asks. A question from address 0 would do as well, but a machine that is just starting
//! would take it for a rival of its own address.

use std::net::IpAddr;
use std::time::Duration;

use super::duties::View;
use super::{Timing, Watched};
use crate::clock::Moment;
use crate::kernel::address::{Heard, Interface, Link};

/// Neighbours count as silent after so many rounds of questions without an answer.
const ROUNDS: u32 = 3;

/// Judgements lie at least so many times the slowest detection apart.
const DAMPING: u32 = 3;

/// A question to a real server or the other director.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// The index of the interface to ask on.
    pub(super) interface: u32,
    /// Our address.
    pub(super) source: IpAddr,
    /// The neighbour's.
    pub(super) target: IpAddr,
}

/// What is known of our links and neighbours.
#[derive(Clone, Debug)]
pub(super) struct Fitness {
    watched: Watched,
    silence: Duration,
    round: Duration,
    next_round: Moment,
    /// Since when questions go out without a pause.
    asking: Option<Moment>,
    answered: Option<(IpAddr, Moment)>,
    unfit: Option<String>,
    changed: Moment,
}

impl Fitness {
    /// Fit until found otherwise, or unfit for the reason of `before` until found fit.
    pub(super) fn new(
        watched: Watched,
        before: Option<String>,
        timing: &Timing,
        now: Moment,
    ) -> Self {
        Self {
            watched,
            silence: timing.period * ROUNDS,
            round: timing.period,
            next_round: now,
            asking: None,
            answered: None,
            unfit: before,
            changed: now,
        }
    }

    /// The questions of a round that is due. While one neighbour answers, it alone is asked.
    pub(super) fn ask(&mut self, view: &View, now: Moment) -> Vec<Question> {
        if now < self.next_round {
            return Vec::new();
        }
        self.next_round = now + self.round;
        let awake = self
            .answered
            .filter(|(_, heard)| now.since(*heard) <= self.round * 2)
            .map(|(neighbour, _)| neighbour);
        let asked = |neighbour: &&IpAddr| awake.is_none_or(|awake| awake == **neighbour);
        let neighbours = self.watched.neighbours().filter(asked);
        let questions: Vec<Question> = neighbours
            .filter_map(|neighbour| question(*neighbour, &view.interfaces))
            .collect();
        self.asking = if questions.is_empty() {
            None
        } else {
            self.asking.or(Some(now))
        };
        questions
    }

    /// Any word of a neighbour shows that the way to it works.
    pub(super) fn hear(&mut self, heard: &Heard, view: &View, now: Moment) {
        let own = |it: &Interface| it.mac == Some(heard.by);
        let mut neighbours = self.watched.neighbours();
        if neighbours.any(|known| *known == heard.address) && !view.interfaces.iter().any(own) {
            self.answered = Some((heard.address, now));
        }
    }

    /// Why this director is unfit, if it is. A judgement stands for a while, whatever comes.
    pub(super) fn judge(&mut self, view: &View, now: Moment) -> Option<&str> {
        let found = self.find(view, now);
        let slowest = self.silence;
        let differs = found.is_some() != self.unfit.is_some();
        if differs && now.since(self.changed) >= slowest * DAMPING {
            self.unfit = found;
            self.changed = now;
        } else if found.is_some() && self.unfit.is_some() {
            self.unfit = found;
        }
        self.unfit.as_deref()
    }

    fn find(&self, view: &View, now: Moment) -> Option<String> {
        let links = self.watched.links.iter();
        let broken =
            links.filter_map(
                |name| match view.interfaces.iter().find(|it| it.name == *name) {
                    None => Some(format!("there is no interface {name}")),
                    Some(it) if it.link == Link::Down => Some(format!("interface {name} is down")),
                    Some(it) if it.link == Link::NoCarrier => {
                        Some(format!("interface {name} has no carrier"))
                    }
                    Some(_) => None,
                },
            );
        broken.chain(self.find_silence(now)).next()
    }

    fn find_silence(&self, now: Moment) -> Option<String> {
        let long_ago = |moment: Moment| now.since(moment) > self.silence;
        let asked = self.asking.is_some_and(long_ago);
        let silent = self.answered.is_none_or(|(_, heard)| long_ago(heard));
        (asked && silent).then(|| {
            let who = match self.watched.directors.is_empty() {
                true => "no real server answers",
                false => "neither the other director nor any real server answers",
            };
            format!(
                "{who} its neighbours (ARP, neighbour discovery), {} servers asked",
                self.watched.servers.len()
            )
        })
    }
}

/// How an address can be asked, if it is a neighbour's.
fn question(neighbour: IpAddr, interfaces: &[Interface]) -> Option<Question> {
    if interfaces.iter().any(|it| it.has(neighbour)) {
        return None;
    }
    let up = interfaces
        .iter()
        .filter(|it| it.link == Link::Up && it.mac.is_some());
    up.filter_map(|interface| {
        let mut addresses = interface.addresses.iter();
        let ours = addresses.find(|held| held.contains(&neighbour))?;
        Some(Question {
            interface: interface.index,
            source: ours.addr(),
            target: neighbour,
        })
    })
    .next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::address::{Mac, Saying};

    const SERVER: [u8; 4] = [10, 0, 1, 1];

    fn interface(index: u32, name: &str, address: &str) -> Interface {
        Interface {
            index,
            name: name.to_owned(),
            link: Link::Up,
            mac: Some(Mac([2, 0, 0, 0, 0, u8::try_from(index).unwrap()])),
            addresses: vec![address.parse().unwrap()],
        }
    }

    /// A director between a client's and the servers' network, and its clock.
    struct World {
        fitness: Fitness,
        view: View,
        now: Moment,
        answers: bool,
        /// Those who never answer.
        silent: Vec<IpAddr>,
    }

    impl World {
        fn new(servers: &[[u8; 4]]) -> Self {
            let watched = Watched {
                links: vec!["eth0".to_owned(), "eth1".to_owned()],
                servers: servers.iter().map(|server| IpAddr::from(*server)).collect(),
                directors: Vec::new(),
            };
            Self::of(watched, None)
        }

        fn of(watched: Watched, before: Option<&str>) -> Self {
            let now = Moment::default();
            let before = before.map(str::to_owned);
            Self {
                fitness: Fitness::new(watched, before, &Timing::default(), now),
                view: View {
                    interfaces: vec![
                        interface(2, "eth0", "192.168.1.33/24"),
                        interface(3, "eth1", "10.0.1.33/24"),
                    ],
                    read: now,
                },
                now,
                answers: true,
                silent: Vec::new(),
            }
        }

        /// Second by second; whether it was fit in each.
        fn pass(&mut self, seconds: u64) -> Vec<bool> {
            (0..seconds).map(|_| self.second().is_none()).collect()
        }

        fn second(&mut self) -> Option<String> {
            self.now = self.now + Duration::from_secs(1);
            for question in self.fitness.ask(&self.view, self.now) {
                assert_eq!(question.source, IpAddr::from([10, 0, 1, 33]));
                if self.answers && !self.silent.contains(&question.target) {
                    let heard = Heard {
                        interface: 3,
                        address: question.target,
                        by: Mac([2, 0, 0, 0, 1, 1]),
                        saying: Saying::Claims,
                    };
                    self.fitness.hear(&heard, &self.view, self.now);
                }
            }
            let unfit = self.fitness.judge(&self.view, self.now);
            unfit.map(str::to_owned)
        }
    }

    #[test]
    fn with_links_and_an_answering_server_it_is_fit() {
        assert!(World::new(&[SERVER]).pass(120).into_iter().all(|fit| fit));
    }

    #[test]
    fn one_server_that_answers_is_enough_and_is_asked_alone() {
        let mut world = World::new(&[SERVER, [10, 0, 1, 2]]);
        world.pass(4);
        let questions = world
            .fitness
            .ask(&world.view, world.now + Duration::from_secs(2));
        assert_eq!(questions.len(), 1);
    }

    #[test]
    fn a_link_without_carrier_makes_unfit_and_its_return_fit() {
        let mut world = World::new(&[SERVER]);
        world.pass(60);
        world.view.interfaces[0].link = Link::NoCarrier;
        assert_eq!(
            world.second().as_deref(),
            Some("interface eth0 has no carrier")
        );
        world.view.interfaces[0].link = Link::Up;
        let fit = world.pass(30);
        assert!(!fit[0] && fit[29]);
    }

    #[test]
    fn silence_of_all_servers_makes_unfit_after_three_rounds() {
        let mut world = World::new(&[SERVER, [10, 0, 1, 2]]);
        world.pass(60);
        world.answers = false;
        let fit = world.pass(10);
        assert!(fit[..5].iter().all(|fit| *fit) && !fit[9], "{fit:?}");
        let why = world.second().unwrap();
        assert!(why.contains("no real server answers"), "{why}");
    }

    #[test]
    fn it_changes_no_faster_than_three_times_the_slowest_detection() {
        let mut world = World::new(&[SERVER]);
        let mut fit = Vec::new();
        for second in 0..300 {
            world.view.interfaces[1].link = if second % 4 < 2 { Link::Up } else { Link::Down };
            fit.extend(world.pass(1));
        }
        let changes: Vec<usize> = (1..fit.len())
            .filter(|at| fit[*at] != fit[at - 1])
            .collect();
        assert!(
            changes.windows(2).all(|pair| pair[1] - pair[0] >= 18),
            "{changes:?}"
        );
    }

    /// The pair of 10.0.1.33, which is this one, and .34 with one real server.
    fn pair() -> Watched {
        Watched {
            links: vec!["eth0".to_owned(), "eth1".to_owned()],
            servers: vec![SERVER.into()],
            directors: vec![[10, 0, 1, 33].into(), [10, 0, 1, 34].into()],
        }
    }

    #[test]
    fn the_other_director_alone_keeps_fit_and_we_never_ask_ourselves() {
        let mut world = World::of(pair(), None);
        let targets = world.fitness.ask(&world.view, world.now);
        let targets: Vec<IpAddr> = targets.into_iter().map(|it| it.target).collect();
        assert_eq!(targets, [IpAddr::from(SERVER), [10, 0, 1, 34].into()]);
        world.silent = vec![SERVER.into()];
        assert!(world.pass(120).into_iter().all(|fit| fit));
        world.silent.push([10, 0, 1, 34].into());
        assert!(!world.pass(30)[29]);
        let why = world.second().unwrap();
        assert!(why.contains("neither the other director nor any"), "{why}");
    }

    #[test]
    fn after_a_restart_an_unfit_director_stays_unfit_until_it_is_judged_anew() {
        let mut world = World::of(pair(), Some("as before"));
        let fit = world.pass(60);
        assert!(fit[..17].iter().all(|fit| !fit) && fit[18..].iter().all(|fit| *fit));
        let mut world = World::of(pair(), Some("as before"));
        world.view.interfaces[0].link = Link::Down;
        assert!(world.pass(60).into_iter().all(|fit| !fit));
        assert_eq!(world.second().as_deref(), Some("interface eth0 is down"));
    }

    #[test]
    fn servers_that_are_no_neighbours_are_not_asked_and_do_not_count() {
        let mut world = World::new(&[[172, 16, 0, 1]]);
        assert!(world.pass(120).into_iter().all(|fit| fit));
    }
}
