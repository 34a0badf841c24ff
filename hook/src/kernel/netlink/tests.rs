//! Datagrams are taken apart: replies, acknowledgements, refusals, ends of dumps.

use proptest::prelude::*;

use super::answer::{self, Answer};
use super::{Refusal, Reply};

const SEQUENCE: u32 = 7;
const CAPPED: u16 = 0x100;
const TLVS: u16 = 0x200;
const INTERRUPTED: u16 = 0x10;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const FAMILY: u16 = 0x20;

fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + payload.len()).unwrap();
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// An error code, then the header of a request of 20 bytes, as capped acknowledgements have it.
fn verdict(code: i32) -> Vec<u8> {
    let mut payload = code.to_ne_bytes().to_vec();
    payload.extend(message(FAMILY, 5, SEQUENCE, &[0; 4])[..16].iter());
    payload
}

fn text(words: &str) -> Vec<u8> {
    let length = u16::try_from(4 + words.len() + 1).unwrap();
    let mut attribute = length.to_ne_bytes().to_vec();
    attribute.extend(1u16.to_ne_bytes());
    attribute.extend(words.bytes());
    attribute.push(0);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}

fn only(datagram: &[u8]) -> Answer<'_> {
    let mut answers = answer::split(datagram, SEQUENCE).unwrap().answers;
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

fn reply(payload: &[u8]) -> Answer<'_> {
    Answer::Reply(Reply {
        kind: FAMILY,
        payload,
    })
}

fn refused(code: i32, text: Option<&str>) -> Answer<'static> {
    let text = text.map(str::to_owned);
    Answer::Refused(Refusal { code, text })
}

#[test]
fn several_messages_in_one_datagram_are_found_by_their_aligned_lengths() {
    // 9 bytes behind the netlink header: the next message starts 3 bytes later than this ends.
    let first = message(FAMILY, 2, SEQUENCE, &[1, 1, 0, 0, 10, 20, 30, 40, 50]);
    let second = message(FAMILY, 2, SEQUENCE, &[1, 1, 0, 0, 60, 70, 80, 90]);
    let datagram = [first, second, message(DONE, 2, SEQUENCE, &[0; 4])].concat();
    let parts = answer::split(&datagram, SEQUENCE).unwrap();
    assert_eq!(
        parts.answers,
        [
            reply(&[1, 1, 0, 0, 10, 20, 30, 40, 50]),
            reply(&[1, 1, 0, 0, 60, 70, 80, 90]),
            Answer::End,
        ]
    );
    assert!(!parts.interrupted);
}

#[test]
fn an_answer_to_an_earlier_request_is_not_taken_for_ours() {
    let late = message(ERROR, CAPPED, SEQUENCE - 1, &verdict(0));
    let error = answer::split(&late, SEQUENCE).unwrap_err().to_string();
    assert!(error.contains("answer to request 6"), "{error}");
}

#[test]
fn error_0_is_an_acknowledgement_and_any_other_a_refusal() {
    assert_eq!(
        only(&message(ERROR, CAPPED, SEQUENCE, &verdict(0))),
        Answer::End
    );
    assert_eq!(
        only(&message(ERROR, CAPPED, SEQUENCE, &verdict(-libc::EEXIST))),
        refused(libc::EEXIST, None)
    );
}

#[test]
fn of_several_requests_each_refusal_is_told_with_its_number() {
    let refusal = message(ERROR, CAPPED, SEQUENCE, &verdict(-libc::EINVAL));
    let done = message(ERROR, CAPPED, SEQUENCE + 2, &verdict(0));
    let datagram = [refusal, done].concat();
    assert_eq!(
        answer::outcomes(&datagram).unwrap(),
        [(SEQUENCE, true), (SEQUENCE + 2, false)]
    );
}

#[test]
fn an_error_code_that_is_none_is_not_believed() {
    for code in [1, i32::MAX, i32::MIN] {
        let datagram = message(ERROR, CAPPED, SEQUENCE, &verdict(code));
        assert!(answer::split(&datagram, SEQUENCE).is_err(), "{code}");
    }
}

#[test]
fn the_kernels_words_are_read_behind_a_capped_request() {
    let payload = [verdict(-libc::EINVAL), text("bad attribute")].concat();
    let datagram = message(ERROR, CAPPED | TLVS, SEQUENCE, &payload);
    assert_eq!(
        only(&datagram),
        refused(libc::EINVAL, Some("bad attribute"))
    );
}

#[test]
fn the_kernels_words_are_read_behind_a_whole_request() {
    let mut payload = (-libc::EINVAL).to_ne_bytes().to_vec();
    payload.extend(message(FAMILY, 5, SEQUENCE, &[9; 7]));
    payload.extend(text("bad attribute"));
    let datagram = message(ERROR, TLVS, SEQUENCE, &payload);
    assert_eq!(
        only(&datagram),
        refused(libc::EINVAL, Some("bad attribute"))
    );
}

#[test]
fn words_that_cannot_be_read_do_not_hide_the_refusal() {
    let payload = [verdict(-libc::EPERM), vec![255, 255, 1, 0]].concat();
    let datagram = message(ERROR, CAPPED | TLVS, SEQUENCE, &payload);
    assert_eq!(only(&datagram), refused(libc::EPERM, None));
}

#[test]
fn a_dump_can_end_with_an_error_or_with_nothing_at_all() {
    let failed = (-libc::ENOENT).to_ne_bytes();
    assert_eq!(
        only(&message(DONE, 2, SEQUENCE, &failed)),
        refused(libc::ENOENT, None)
    );
    assert_eq!(only(&message(DONE, 2, SEQUENCE, &[])), Answer::End);
}

#[test]
fn a_list_that_changed_while_it_was_dumped_is_noticed() {
    let reply = message(FAMILY, 2 | INTERRUPTED, SEQUENCE, &[1, 1, 0, 0]);
    let done = message(DONE, 2, SEQUENCE, &[0; 4]);
    let datagram = [reply, done].concat();
    assert!(answer::split(&datagram, SEQUENCE).unwrap().interrupted);
}

#[test]
fn lost_data_and_broken_lengths_are_errors() {
    assert!(answer::split(&message(4, 0, SEQUENCE, &[]), SEQUENCE).is_err());
    let whole = message(FAMILY, 2, SEQUENCE, &[1, 1, 0, 0, 10, 20, 30, 40]);
    for end in 1..whole.len() {
        assert!(answer::split(&whole[..end], SEQUENCE).is_err(), "{end}");
    }
}

proptest! {
    #[test]
    fn no_datagram_makes_the_splitter_panic_or_give_more_than_it_has(
        kind in prop_oneof![0u16..6, Just(32)],
        flags: u16,
        length in prop_oneof![Just(None), any::<u32>().prop_map(Some)],
        payload in proptest::collection::vec(any::<u8>(), 0..200),
        rest in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let length = length.unwrap_or(16 + payload.len() as u32);
        let mut datagram = length.to_ne_bytes().to_vec();
        datagram.extend(kind.to_ne_bytes());
        datagram.extend(flags.to_ne_bytes());
        datagram.extend(7u32.to_ne_bytes());
        datagram.extend([0; 4]);
        datagram.extend(&payload);
        datagram.extend(rest);
        if let Ok(parts) = answer::split(&datagram, 7) {
            let given: usize = parts.answers.iter().map(|answer| match answer {
                Answer::Reply(reply) => reply.payload.len(),
                Answer::End | Answer::Refused(_) => 0,
            }).sum();
            prop_assert!(given <= datagram.len());
        }
        let _ = answer::split(&payload, 7);
    }
}
