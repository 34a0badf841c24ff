//! Which requests a step becomes, in the races too that a real kernel shows only by chance.

use std::collections::VecDeque;

use netlink_packet_core::{DecodeError, DefaultNla};

use super::super::operation::{self, Outcome};
use super::super::request::Request;
use super::super::socket::{Failure, Transport};
use super::{at, marked, natted, scheduled_by};
use crate::kernel::netlink::Refusal;
use crate::table::{DestinationSettings, Step, Table};

const HEADERS: usize = 20;

/// The kernel's answer: the attributes of each reply, or an error number.
type Scripted = Result<Vec<Vec<u8>>, i32>;

/// Expected requests in their order, each with its answer.
#[derive(Default)]
struct Script(VecDeque<(Request, Scripted)>);

impl Script {
    fn replies(mut self, request: Request, replies: &[&[u8]]) -> Self {
        let replies = replies.iter().map(|reply| reply.to_vec()).collect();
        self.0.push_back((request, Ok(replies)));
        self
    }

    fn refuses(mut self, request: Request, code: i32) -> Self {
        self.0.push_back((request, Err(code)));
        self
    }

    fn play<T>(
        mut self,
        operation: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Option<i32>> {
        let outcome = operation(&mut self).map_err(|failure| failure.code());
        assert!(self.0.is_empty(), "never asked for: {:?}", self.0);
        outcome
    }
}

impl Transport for Script {
    fn command(&mut self, request: Request) -> Result<(), Failure> {
        self.fetch(request, |_| Ok(None::<()>)).map(drop)
    }

    fn fetch<T>(
        &mut self,
        request: Request,
        mut decode: impl FnMut(&[u8]) -> Result<Option<T>, DecodeError>,
    ) -> Result<Vec<T>, Failure> {
        let (expected, answer) = self.0.pop_front().expect("no more requests are expected");
        assert_eq!(request, expected);
        let replies = answer.map_err(|code| Failure::Refused(Refusal { code, text: None }))?;
        let mut found = Vec::new();
        for reply in replies {
            found.extend(decode(&reply)?);
        }
        Ok(found)
    }
}

fn one_to(weight: u32) -> Step {
    Step::EditDestination {
        service: marked(80),
        destination: at("10.0.1.1:0"),
        from: natted(1),
        to: natted(weight),
    }
}

fn add_with(weight: u32) -> Step {
    Step::AddDestination {
        service: marked(80),
        destination: at("10.0.1.1:0"),
        to: natted(weight),
    }
}

fn list() -> Request {
    Request::dump_destinations(&marked(80)).unwrap()
}

fn new(settings: &DestinationSettings) -> Request {
    Request::new_destination(&marked(80), at("10.0.1.1:0"), settings).unwrap()
}

fn set(settings: &DestinationSettings) -> Request {
    Request::set_destination(&marked(80), at("10.0.1.1:0"), settings, &[]).unwrap()
}

/// The kernel's reply for a destination has the form of a request that sets it.
fn shown(settings: &DestinationSettings) -> Vec<u8> {
    set(settings).encode(0, 0)[HEADERS..].to_vec()
}

fn service_shown(scheduler: &str) -> Vec<u8> {
    let request = Request::new_service(&marked(80), &scheduled_by(scheduler)).unwrap();
    request.encode(0, 0)[HEADERS..].to_vec()
}

#[test]
fn a_weight_is_set_after_one_reading() {
    let limited = |weight| DestinationSettings {
        upper_threshold: 100,
        ..natted(weight)
    };
    Script::default()
        .replies(list(), &[&shown(&limited(1))])
        .replies(set(&limited(0)), &[])
        .play(|kernel| operation::apply(kernel, &one_to(0)))
        .unwrap();
}

#[test]
fn what_is_so_already_is_not_written() {
    Script::default()
        .replies(list(), &[&shown(&natted(0))])
        .play(|kernel| operation::apply(kernel, &one_to(0)))
        .unwrap();
}

#[test]
fn attributes_of_a_later_kernel_are_sent_back() {
    let unknown = [DefaultNla::new(77, vec![1, 2, 3])];
    let request = |weight| {
        let settings = natted(weight);
        Request::set_destination(&marked(80), at("10.0.1.1:0"), &settings, &unknown).unwrap()
    };
    let now = request(1).encode(0, 0)[HEADERS..].to_vec();
    Script::default()
        .replies(list(), &[&now])
        .replies(request(0), &[])
        .play(|kernel| operation::apply(kernel, &one_to(0)))
        .unwrap();
}

#[test]
fn a_destination_that_vanishes_between_reading_and_writing_is_added() {
    Script::default()
        .replies(list(), &[&shown(&natted(1))])
        .refuses(set(&natted(0)), libc::ENOENT)
        .replies(list(), &[])
        .replies(new(&natted(0)), &[])
        .play(|kernel| operation::apply(kernel, &one_to(0)))
        .unwrap();
}

#[test]
fn a_destination_that_appears_between_reading_and_writing_is_edited() {
    Script::default()
        .replies(list(), &[])
        .refuses(new(&natted(0)), libc::EEXIST)
        .replies(list(), &[&shown(&natted(7))])
        .replies(set(&natted(0)), &[])
        .play(|kernel| operation::apply(kernel, &one_to(0)))
        .unwrap();
}

#[test]
fn a_destination_that_comes_and_goes_for_ever_is_given_up() {
    let mut script = Script::default();
    for _ in 0..3 {
        script = script
            .replies(list(), &[&shown(&natted(1))])
            .refuses(set(&natted(0)), libc::ENOENT);
    }
    let outcome = script.play(|kernel| operation::apply(kernel, &one_to(0)));
    assert_eq!(outcome, Err(Some(libc::ENOENT)));
}

#[test]
fn adding_asks_for_nothing_first() {
    Script::default()
        .replies(new(&natted(1)), &[])
        .play(|kernel| operation::apply(kernel, &add_with(1)))
        .unwrap();
}

#[test]
fn adding_without_the_service_is_refused() {
    let outcome = Script::default()
        .refuses(new(&natted(1)), libc::ESRCH)
        .play(|kernel| operation::apply(kernel, &add_with(1)));
    assert_eq!(outcome, Err(Some(libc::ESRCH)));
}

#[test]
fn a_dump_leaves_out_a_service_that_vanished_in_the_middle() {
    let table = Script::default()
        .replies(Request::dump_services(), &[&service_shown("rr")])
        .replies(list(), &[])
        .refuses(Request::get_service(&marked(80)).unwrap(), libc::ESRCH)
        .play(operation::dump)
        .unwrap();
    assert_eq!(table, Table::new());
}

#[test]
fn a_dump_believes_an_empty_service_only_after_asking_for_it() {
    let get = Request::get_service(&marked(80)).unwrap();
    let table = Script::default()
        .replies(Request::dump_services(), &[&service_shown("rr")])
        .replies(list(), &[])
        .replies(get, &[&service_shown("wrr")])
        .replies(list(), &[])
        .play(operation::dump)
        .unwrap();
    let service = &table[&marked(80)];
    assert_eq!(service.settings, scheduled_by("wrr"), "as it is by now");
    assert!(service.destinations.is_empty());
}

#[test]
fn a_dump_reads_the_destinations_of_a_service_that_was_made_anew_in_the_middle() {
    let get = Request::get_service(&marked(80)).unwrap();
    let table = Script::default()
        .replies(Request::dump_services(), &[&service_shown("rr")])
        .replies(list(), &[])
        .replies(get, &[&service_shown("wrr")])
        .replies(list(), &[&shown(&natted(1))])
        .play(operation::dump)
        .unwrap();
    assert_eq!(table[&marked(80)].destinations.len(), 1);
}

#[test]
fn a_destination_that_is_listed_twice_is_one() {
    let table = Script::default()
        .replies(Request::dump_services(), &[&service_shown("rr")])
        .replies(list(), &[&shown(&natted(1)), &shown(&natted(1))])
        .play(operation::dump)
        .unwrap();
    assert_eq!(table[&marked(80)].destinations.len(), 1);
}

fn weight_alone(script: Script, weight: u32) -> Result<bool, Option<i32>> {
    script.play(|kernel| operation::set_weight(kernel, &marked(80), at("10.0.1.1:0"), weight))
}

#[test]
fn a_weight_alone_is_set_on_what_is_there_and_keeps_the_rest() {
    let limited = |weight| DestinationSettings {
        upper_threshold: 100,
        ..natted(weight)
    };
    let script = Script::default()
        .replies(list(), &[&shown(&limited(1))])
        .replies(set(&limited(0)), &[]);
    assert_eq!(weight_alone(script, 0), Ok(true));
    let as_wanted = Script::default().replies(list(), &[&shown(&limited(1))]);
    assert_eq!(weight_alone(as_wanted, 1), Ok(true));
}

#[test]
fn a_weight_alone_never_adds_what_is_gone_or_goes_in_between() {
    let gone = Script::default().replies(list(), &[]);
    assert_eq!(weight_alone(gone, 0), Ok(false));
    for code in [libc::ENOENT, libc::ESRCH] {
        let going = Script::default()
            .replies(list(), &[&shown(&natted(1))])
            .refuses(set(&natted(0)), code);
        assert_eq!(weight_alone(going, 0), Ok(false));
    }
    let refused = Script::default()
        .replies(list(), &[&shown(&natted(1))])
        .refuses(set(&natted(0)), libc::EPERM);
    assert_eq!(weight_alone(refused, 0), Err(Some(libc::EPERM)));
}

fn other_to(from: u32, to: u32) -> Step {
    Step::EditDestination {
        service: marked(80),
        destination: at("10.0.1.2:0"),
        from: natted(from),
        to: natted(to),
    }
}

fn set_other(settings: &DestinationSettings) -> Request {
    Request::set_destination(&marked(80), at("10.0.1.2:0"), settings, &[]).unwrap()
}

fn other_shown(settings: &DestinationSettings) -> Vec<u8> {
    set_other(settings).encode(0, 0)[HEADERS..].to_vec()
}

#[test]
fn weights_of_one_service_are_set_after_one_reading_and_thresholds_are_kept() {
    let limited = |weight| DestinationSettings {
        upper_threshold: 100,
        ..natted(weight)
    };
    let outcomes = Script::default()
        .replies(list(), &[&shown(&natted(1)), &other_shown(&limited(1))])
        .replies(set(&natted(4)), &[])
        .replies(set_other(&limited(5)), &[])
        .play(|kernel| operation::apply_together(kernel, &[one_to(4), other_to(1, 5)]))
        .unwrap();
    assert_eq!(outcomes, [Outcome::Done; 2]);
}

#[test]
fn of_several_one_that_is_refused_does_not_keep_the_others_back() {
    let outcomes = Script::default()
        .replies(list(), &[&shown(&natted(1)), &other_shown(&natted(1))])
        .refuses(set(&natted(4)), libc::ENOENT)
        .replies(set_other(&natted(5)), &[])
        .play(|kernel| operation::apply_together(kernel, &[one_to(4), other_to(1, 5)]))
        .unwrap();
    assert_eq!(outcomes, [Outcome::Refused, Outcome::Done]);
}

#[test]
fn of_several_what_is_gone_is_added_and_what_is_so_already_is_left() {
    let outcomes = Script::default()
        .replies(list(), &[&other_shown(&natted(5))])
        .replies(new(&natted(4)), &[])
        .play(|kernel| operation::apply_together(kernel, &[one_to(4), other_to(1, 5)]))
        .unwrap();
    assert_eq!(outcomes, [Outcome::Done; 2]);
}

#[test]
fn several_are_added_without_a_reading() {
    let outcomes = Script::default()
        .replies(new(&natted(1)), &[])
        .play(|kernel| operation::apply_together(kernel, &[add_with(1)]))
        .unwrap();
    assert_eq!(outcomes, [Outcome::Done]);
}
