//! Frames as a kernel sends them, both ways; and any bytes at all.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::captured::{self, bytes};
use super::{Forwarding, Said, announcement, inquiry, probe, solicited_node, understand};
use crate::kernel::address::{Mac, Saying};

const A: Mac = Mac([2, 0, 0, 0, 0, 10]);
const B: Mac = Mac([2, 0, 0, 0, 0, 11]);

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn claims(by: Mac, text: &str) -> Option<Said> {
    said(by, text, Saying::Claims)
}

fn said(by: Mac, text: &str, what: Saying) -> Option<Said> {
    let address = address(text);
    Some(Said { address, by, what })
}

#[test]
fn the_kernels_arp_claims_its_senders_address_in_request_and_reply() {
    let request = understand(&bytes(captured::ARP_REQUEST));
    assert_eq!(request, claims(A, "192.0.2.1"));
    let reply = understand(&bytes(captured::ARP_REPLY));
    assert_eq!(reply, claims(B, "192.0.2.2"));
}

#[test]
fn the_kernels_answer_to_an_arp_probe_is_for_us_alone() {
    let answer = understand(&bytes(captured::ARP_ANSWER));
    assert_eq!(answer, said(B, "192.0.2.2", Saying::Answers));
}

#[test]
fn the_kernels_advertisements_claim_their_target() {
    let unsolicited = understand(&bytes(captured::ADVERTISEMENT));
    assert_eq!(unsolicited, claims(B, "2001:db8::2"));
    let solicited = understand(&bytes(captured::SOLICITED_ADVERTISEMENT));
    assert_eq!(solicited, said(B, "2001:db8::2", Saying::Answers));
}

#[test]
fn duplicate_address_detection_asks_and_an_ordinary_solicitation_says_nothing() {
    let asks = said(B, "2001:db8::2", Saying::Asks);
    assert_eq!(understand(&bytes(captured::DAD)), asks);
    assert_eq!(understand(&bytes(captured::SOLICITATION)), None);
}

#[test]
fn an_advertisement_without_the_option_is_its_senders() {
    let mut frame = bytes(captured::ADVERTISEMENT);
    frame.truncate(14 + 40 + 24);
    frame[14 + 5] = 24;
    // The 8 bytes of the option are gone, and 8 of the length in the pseudo-header.
    let option: u32 = 0x0201 + 0x0200 + 0x000b + 8;
    let sum = u32::from(u16::from_be_bytes([frame[56], frame[57]])) + option;
    let sum = u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    frame[56..58].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(understand(&frame), claims(B, "2001:db8::2"));
}

#[test]
fn an_unsolicited_advertisement_is_byte_for_byte_the_kernels() {
    let frames = announcement(B, Forwarding::Off, address("2001:db8::2"));
    assert_eq!(frames, [bytes(captured::ADVERTISEMENT)]);
}

#[test]
fn an_inquiry_is_byte_for_byte_the_kernels_solicitation() {
    let from = "2001:db8::1".parse().unwrap();
    let frame = inquiry(A, Some(from), address("2001:db8::2"));
    assert_eq!(frame, Some(bytes(captured::SOLICITATION)));
}

#[test]
fn a_probe_of_ipv6_is_the_kernels_but_for_its_nonce() {
    let ours = probe(B, address("2001:db8::2"));
    let kernels = bytes(captured::DAD);
    assert_eq!(ours.len() + 8, kernels.len());
    assert_eq!(ours[..14], kernels[..14], "the frame");
    assert_eq!(ours[20..54], kernels[20..54], "next header to destination");
    assert_eq!(ours[58..78], kernels[58..78], "reserved and target");
}

#[test]
fn arp_is_announced_in_both_forms_to_everybody() {
    let frames = announcement(A, Forwarding::On, address("192.0.2.1"));
    let request = "ffffffffffff 02000000000a 0806
        0001080006040001 02000000000a c0000201 000000000000 c0000201";
    let reply = "ffffffffffff 02000000000a 0806
        0001080006040002 02000000000a c0000201 02000000000a c0000201";
    assert_eq!(frames, [bytes(request), bytes(reply)]);
}

#[test]
fn a_probe_of_ipv4_has_no_sender_address_that_anybody_could_learn() {
    let frame = "ffffffffffff 02000000000a 0806
        0001080006040001 02000000000a 00000000 000000000000 c0000202";
    assert_eq!(probe(A, address("192.0.2.2")), bytes(frame));
}

#[test]
fn a_router_says_that_it_is_one() {
    let frames = announcement(B, Forwarding::On, address("2001:db8::2"));
    assert_eq!(frames[0][14 + 40 + 4], 0xa0);
    assert_eq!(understand(&frames[0]), claims(B, "2001:db8::2"));
}

#[test]
fn what_a_router_could_have_passed_on_is_not_believed() {
    let mut frame = bytes(captured::ADVERTISEMENT);
    frame[14 + 7] = 254;
    assert_eq!(understand(&frame), None);
}

#[test]
fn every_flipped_bit_of_an_advertisement_is_noticed_by_its_checksum() {
    let whole = bytes(captured::ADVERTISEMENT);
    for at in 14 + 8..whole.len() {
        let mut frame = whole.clone();
        frame[at] ^= 0x40;
        assert_eq!(understand(&frame), None, "byte {at}");
    }
}

#[test]
fn an_option_of_length_0_ends_the_reading() {
    let mut frame = bytes(captured::ADVERTISEMENT);
    let option = 14 + 40 + 24;
    frame[option + 1] = 0;
    // Keeps the checksum right.
    frame[option + 3] += 1;
    assert_eq!(understand(&frame), None);
}

#[test]
fn frames_that_end_early_say_nothing() {
    for text in [captured::ARP_REPLY, captured::ADVERTISEMENT, captured::DAD] {
        let frame = bytes(text);
        for end in 0..frame.len() {
            assert_eq!(understand(&frame[..end]), None, "{end} of {text}");
        }
    }
}

#[test]
fn padding_behind_a_short_frame_changes_nothing() {
    for text in [captured::ARP_REPLY, captured::ADVERTISEMENT] {
        let mut frame = bytes(text);
        let bare = understand(&frame);
        frame.extend([0; 18]);
        assert_eq!(understand(&frame), bare);
    }
}

fn any_mac() -> impl Strategy<Value = Mac> {
    any::<[u8; 6]>().prop_map(Mac)
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    let four = any::<[u8; 4]>().prop_filter_map("unspecified", |octets| {
        let address = Ipv4Addr::from(octets);
        (!address.is_unspecified()).then_some(IpAddr::V4(address))
    });
    let six = any::<[u8; 16]>().prop_filter_map("multicast", |octets| {
        let address = Ipv6Addr::from(octets);
        (!address.is_multicast()).then_some(IpAddr::V6(address))
    });
    prop_oneof![four, six]
}

proptest! {
    #[test]
    fn whatever_is_announced_is_understood_as_a_claim(own in any_mac(), address in any_address()) {
        for forwarding in [Forwarding::On, Forwarding::Off] {
            for frame in announcement(own, forwarding, address) {
                let claim = Said { address, by: own, what: Saying::Claims };
                prop_assert_eq!(understand(&frame), Some(claim));
            }
        }
    }

    #[test]
    fn whatever_is_probed_for_is_understood_as_a_question(own in any_mac(), address in any_address()) {
        let question = Said { address, by: own, what: Saying::Asks };
        prop_assert_eq!(understand(&probe(own, address)), Some(question));
    }

    #[test]
    fn an_address_and_its_group_end_alike(octets in any::<[u8; 16]>()) {
        let group = solicited_node(Ipv6Addr::from(octets)).octets();
        prop_assert_eq!(&group[..13], &[0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff]);
        prop_assert_eq!(&group[13..], &octets[13..]);
    }

    #[test]
    fn no_frame_makes_the_reader_panic(
        kind in prop_oneof![Just([8u8, 6]), Just([0x86, 0xdd]), any::<[u8; 2]>()],
        payload in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let frame = [[0; 12].as_slice(), &kind, &payload].concat();
        let _ = understand(&frame);
    }

    #[test]
    fn no_change_of_a_real_frame_makes_the_reader_panic(at in 0usize..86, to: u8) {
        for text in [captured::ARP_REQUEST, captured::ADVERTISEMENT, captured::DAD] {
            let mut frame = bytes(text);
            if let Some(byte) = frame.get_mut(at) {
                *byte = to;
            }
            let _ = understand(&frame);
        }
    }
}
