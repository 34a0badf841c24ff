//! The judgement by itself: what no server needs to be asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use shared::dial::Target;

use super::super::evidence::{Answer, Silence};
use super::super::wire::{Code, Data, Question, Record, Reply, Type};
use super::*;

fn name(text: &str) -> Name {
    text.parse().expect(text)
}

fn replied(code: Code, answers: Vec<Record>) -> Answer {
    answered(Ok(Reply {
        code,
        authoritative: true,
        truncated: false,
        edns: true,
        answers,
        authority: Vec::new(),
    }))
}

fn answered(outcome: Result<Reply, Silence>) -> Answer {
    Answer {
        outcome,
        took: Duration::from_millis(7),
        bogus: 0,
    }
}

fn record(owner: &str, data: Data) -> Record {
    Record {
        name: name(owner),
        ttl: 1200,
        data,
    }
}

fn address(owner: &str, address: IpAddr) -> Record {
    record(owner, Data::Address(address))
}

/// A server whose last byte is `last`, and its answers for the addresses of ex1.
fn witness(last: u8, v4: Answer, v6: Answer) -> Witness {
    let question = |kind| Question::new(&name("ex1.exch.test"), kind);
    Witness {
        server: Target {
            name: format!("dc{last}"),
            address: ([10, 0, 1, last], 53).into(),
            source: None,
        },
        answers: BTreeMap::from([(question(Type::A), v4), (question(Type::Aaaa), v6)]),
    }
}

fn saying(last: u8, addresses: &[IpAddr]) -> Witness {
    let records = |v4: bool| {
        let of = addresses.iter().filter(|address| address.is_ipv4() == v4);
        of.map(|found| address("ex1.exch.test", *found)).collect()
    };
    witness(
        last,
        replied(Code::NoError, records(true)),
        replied(Code::NoError, records(false)),
    )
}

fn judged(options: &Options, witnesses: Vec<Witness>) -> Verdict {
    let evidence = Evidence {
        witnesses,
        total: Duration::from_millis(9),
    };
    judge(options, "nobody", &evidence)
}

fn ex1() -> Options {
    Options {
        names: vec![name("ex1.exch.test")],
        ..Options::default()
    }
}

const PUBLIC: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 11));
const PRIVATE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 1, 1));

#[test]
fn the_summary_names_the_address_the_servers_the_network_and_the_remedy() {
    let mut options = ex1();
    options.networks.forbidden = vec!["10.0.1.0/24".parse().expect("a network")];
    let verdict = judged(&options, vec![saying(5, &[PRIVATE]), saying(6, &[PRIVATE])]);
    assert_eq!(
        verdict.summary,
        "dc5 (10.0.1.5) and dc6 (10.0.1.6) answer ex1.exch.test with 10.0.1.1 from the forbidden \
         network 10.0.1.0/24: clients go there past the VIP; switch 'Register this connection's \
         addresses in DNS' off on that adapter, delete the record"
    );
    assert_eq!(
        (verdict.condition, verdict.kind),
        (Condition::Failed, Kind::DnsForbidden)
    );
    assert_eq!(
        verdict.details, [""; 0],
        "two servers with one fault are one finding"
    );
}

#[test]
fn one_server_that_differs_from_many_is_named_first() {
    let witnesses = vec![
        saying(5, &[PUBLIC]),
        saying(6, &[PRIVATE]),
        saying(7, &[PUBLIC]),
    ];
    let verdict = judged(&ex1(), witnesses);
    let expected = "dc6 (10.0.1.6) disagrees with dc5 (10.0.1.5) and dc7 (10.0.1.7) on \
                    ex1.exch.test: ";
    assert!(verdict.summary.starts_with(expected), "{}", verdict.summary);
    assert_eq!(verdict.kind, Kind::DnsDisagree);
}

#[test]
fn a_fault_of_this_machine_is_unknown_and_not_the_servers() {
    let finding = Finding::new(Condition::Unknown, Kind::Resources, "no descriptor");
    let ours = || answered(Err(Silence::Ours(finding.clone())));
    let verdict = judged(&ex1(), vec![witness(5, ours(), ours())]);
    assert_eq!(
        (verdict.condition, verdict.kind),
        (Condition::Unknown, Kind::Resources)
    );
    assert_eq!(verdict.details, [""; 0]);
}

#[test]
fn an_address_of_one_family_suffices_where_the_other_has_none() {
    let six = "2001:db8::11".parse().expect("an address");
    let nodata = || replied(Code::NoError, Vec::new());
    let verdict = judged(
        &ex1(),
        vec![witness(
            5,
            nodata(),
            replied(Code::NoError, vec![address("ex1.exch.test", six)]),
        )],
    );
    assert_eq!(verdict.condition, Condition::Healthy, "{}", verdict.summary);
    let none = judged(&ex1(), vec![witness(5, nodata(), nodata())]);
    assert_eq!(
        (none.condition, none.kind),
        (Condition::Failed, Kind::DnsNodata)
    );
}

#[test]
fn what_answers_of_another_name_is_no_answer() {
    let other = replied(Code::NoError, vec![address("ex2.exch.test", PUBLIC)]);
    let nodata = replied(Code::NoError, Vec::new());
    let verdict = judged(&ex1(), vec![witness(5, other, nodata)]);
    assert_eq!(
        (verdict.condition, verdict.kind),
        (Condition::Failed, Kind::DnsNodata)
    );
}

/// Any answer that a server can give for ex1, aliases among names of its own included.
fn any_answer() -> impl Strategy<Value = Answer> {
    let owner = prop::sample::select(vec!["ex1.exch.test", "a.exch.test", "b.exch.test"]);
    let data = prop_oneof![
        any::<u32>().prop_map(|bits| Data::Address(IpAddr::V4(bits.into()))),
        any::<u128>().prop_map(|bits| Data::Address(IpAddr::V6(bits.into()))),
        owner.clone().prop_map(|target| Data::Cname(name(target))),
        Just(Data::Other),
    ];
    let records = prop::collection::vec((owner, any::<u32>(), data), 0..5);
    let code = prop::sample::select(vec![
        Code::NoError,
        Code::NxDomain,
        Code::ServFail,
        Code::Refused,
        Code::Other(4),
    ]);
    let reply = (code, any::<bool>(), records).prop_map(|(code, authoritative, records)| {
        let record = |(owner, ttl, data): (&str, u32, Data)| Record {
            name: name(owner),
            ttl,
            data,
        };
        answered(Ok(Reply {
            code,
            authoritative,
            truncated: false,
            edns: false,
            answers: records.into_iter().map(record).collect(),
            authority: Vec::new(),
        }))
    });
    let silence = prop::sample::select(vec![
        Silence::Timeout,
        Silence::PortClosed,
        Silence::Malformed("x".to_owned()),
        Silence::Truncated("y".to_owned()),
    ]);
    prop_oneof![3 => reply, 1 => silence.prop_map(|silence| answered(Err(silence)))]
}

proptest! {
    #[test]
    fn healthy_is_said_only_of_what_was_answered_with_allowed_addresses(
        first in (any_answer(), any_answer()), second in (any_answer(), any_answer())
    ) {
        let mut options = ex1();
        options.networks.allowed = vec!["0.0.0.0/1".parse().expect("a network")];
        let witnesses = vec![witness(5, first.0, first.1), witness(6, second.0, second.1)];
        let meanings: Vec<_> =
            witnesses.iter().map(|witness| witness.meaning(&name("ex1.exch.test"))).collect();
        let verdict = judged(&options, witnesses);
        if verdict.condition == Condition::Healthy {
            prop_assert_eq!(&meanings[0], &meanings[1]);
            let Some(Meaning::Addresses(found)) = &meanings[0] else {
                return Err(TestCaseError::fail(format!("{meanings:?}: {}", verdict.summary)));
            };
            prop_assert!(found.iter().all(|address| options.networks.offence(*address).is_none()));
        }
    }

    #[test]
    fn the_order_of_the_servers_changes_neither_condition_nor_kind(
        first in (any_answer(), any_answer()), second in (any_answer(), any_answer())
    ) {
        let one = witness(5, first.0, first.1);
        let other = witness(6, second.0, second.1);
        let here = judged(&ex1(), vec![one.clone(), other.clone()]);
        let there = judged(&ex1(), vec![other, one]);
        prop_assert_eq!((here.condition, here.kind), (there.condition, there.kind));
    }
}
