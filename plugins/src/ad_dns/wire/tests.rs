use proptest::prelude::*;

use super::*;

/// `Mail.exch.test A` as it is sent with the number 0x1234.
const QUERY: &str = "12 34 00 00 00 01 00 00 00 00 00 01 04 4d 61 69 6c 04 65 78 63 68 04 74 65 \
                     73 74 00 00 01 00 01 00 00 29 04 d0 00 00 00 00 00 00";

/// What BIND 9.18.49 answers to it.
const ADDRESS: &str = "12 34 84 00 00 01 00 01 00 01 00 02 04 4d 61 69 6c 04 65 78 63 68 04 74 65 \
                       73 74 00 00 01 00 01 04 6d 61 69 6c c0 11 00 01 00 01 00 00 04 b0 00 04 c0 \
                       00 02 0a c0 11 00 02 00 01 00 00 04 b0 00 06 03 64 63 31 c0 11 c0 41 00 01 \
                       00 01 00 00 04 b0 00 04 c0 00 02 05 00 00 29 04 d0 00 00 00 00 00 00";

/// What it answers to `exch.test MX`.
const EXCHANGER: &str = "12 34 84 00 00 01 00 01 00 01 00 03 04 65 78 63 68 04 74 65 73 74 00 00 \
                         0f 00 01 c0 0c 00 0f 00 01 00 00 04 b0 00 09 00 0a 04 6d 61 69 6c c0 0c \
                         c0 0c 00 02 00 01 00 00 04 b0 00 06 03 64 63 31 c0 0c c0 29 00 01 00 01 \
                         00 00 04 b0 00 04 c0 00 02 0a c0 3c 00 01 00 01 00 00 04 b0 00 04 c0 00 \
                         02 05 00 00 29 04 d0 00 00 00 00 00 00";

/// What it answers to `ex9.exch.test A`.
const NO_NAME: &str = "12 34 84 03 00 01 00 00 00 01 00 01 03 65 78 39 04 65 78 63 68 04 74 65 73 \
                       74 00 00 01 00 01 c0 10 00 06 00 01 00 00 02 58 00 27 03 64 63 31 c0 10 0a \
                       68 6f 73 74 6d 61 73 74 65 72 c0 10 00 00 00 07 00 00 0e 10 00 00 02 58 00 \
                       01 51 80 00 00 02 58 00 00 29 04 d0 00 00 00 00 00 00";

fn bytes(text: &str) -> Vec<u8> {
    let byte = |text| u8::from_str_radix(text, 16).expect("a byte");
    text.split_whitespace().map(byte).collect()
}

fn query(name: &str, kind: Type) -> Query {
    Query {
        id: 0x1234,
        question: Question::new(&name.parse().expect(name), kind),
        recursion: Recursion::No,
        edns: true,
    }
}

fn mail() -> Query {
    query("mail.exch.test", Type::A)
}

#[test]
fn a_query_asks_one_thing_without_recursion_and_announces_its_room() {
    let expected = bytes(&QUERY.replace("04 4d", "04 6d"));
    assert_eq!(mail().bytes().expect("short"), expected);
    let plain = mail().without_edns().bytes().expect("short");
    assert_eq!((plain.len(), plain[11]), (expected.len() - 11, 0));
    let recursive = Query {
        recursion: Recursion::Wanted,
        ..mail()
    };
    assert_eq!(recursive.bytes().expect("short")[2], 1);
}

#[test]
fn queries_do_not_repeat_their_numbers() {
    let question = Question::new(&"a.test".parse().expect("a name"), Type::A);
    let numbers: std::collections::BTreeSet<u16> = (0..64)
        .map(|_| Query::new(question.clone(), Recursion::No).id)
        .collect();
    assert!(numbers.len() > 60, "{numbers:?}");
}

#[test]
fn an_address_is_read_with_its_time_and_its_authority() {
    let reply = read(&bytes(ADDRESS), &mail()).expect("a reply");
    assert!(reply.authoritative && !reply.truncated && reply.edns);
    assert_eq!(reply.code, Code::NoError);
    let [record] = reply.answers.as_slice() else {
        panic!("{reply:?}");
    };
    assert_eq!(
        (record.ttl, record.name.to_string().as_str()),
        (1200, "mail.exch.test")
    );
    assert_eq!(
        record.data,
        Data::Address("192.0.2.10".parse().expect("an address"))
    );
    assert_eq!(reply.authority[0].data.to_string(), "NS dc1.exch.test");
}

#[test]
fn an_exchanger_and_a_name_that_does_not_exist_are_read() {
    let reply = read(&bytes(EXCHANGER), &query("exch.test", Type::Mx)).expect("a reply");
    assert_eq!(reply.answers[0].data.to_string(), "MX 10 mail.exch.test");
    let reply = read(&bytes(NO_NAME), &query("EX9.exch.test", Type::A)).expect("a reply");
    assert_eq!(reply.code, Code::NxDomain);
    assert_eq!(reply.authority[0].data, Data::Soa { serial: 7 });
}

#[test]
fn what_answers_something_else_is_a_stray() {
    let change = |at: usize, to: u8| {
        let mut bytes = bytes(ADDRESS);
        bytes[at] = to;
        read(&bytes, &mail())
    };
    for (what, at, to) in [
        ("another number", 1, 0x35),
        ("a query", 2, 0x04),
        ("another operation", 2, 0xac),
        ("another name", 13, b'n'),
        ("another type", 29, 28),
        ("another class", 31, 3),
    ] {
        assert_eq!(change(at, to), Err(Unfit::Stray), "{what}");
    }
    assert!(
        change(13, b'm').is_ok(),
        "the case of a letter does not matter"
    );
    assert_eq!(read(&bytes(ADDRESS)[..11], &mail()), Err(Unfit::NoMessage));
}

#[test]
fn an_error_without_the_question_is_an_error_and_an_answer_without_it_is_a_stray() {
    let bare = |code: u8| read(&[0x12, 0x34, 0x80, code, 0, 0, 0, 0, 0, 0, 0, 0], &mail());
    assert_eq!(bare(1).expect("an error").code, Code::Other(1));
    assert_eq!(bare(5).expect("an error").code, Code::Refused);
    assert_eq!(bare(0), Err(Unfit::Stray));
    assert_eq!(bare(3), Err(Unfit::Stray));
}

#[test]
fn a_message_that_ends_early_is_malformed_at_every_length() {
    let whole = bytes(ADDRESS);
    for length in HEADER..whole.len() {
        let found = read(&whole[..length], &mail());
        assert!(
            matches!(found, Err(Unfit::Malformed(_))),
            "{length}: {found:?}"
        );
    }
}

proptest! {
    #[test]
    fn no_datagram_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = read(&bytes, &mail());
    }

    #[test]
    fn no_damage_to_a_reply_makes_the_reader_panic(
        at in 2_usize..98, to: u8, cut in 12_usize..98
    ) {
        let mut bytes = bytes(ADDRESS);
        bytes[at] = to;
        let _ = read(&bytes, &mail());
        let _ = read(&bytes[..cut], &mail());
    }
}
