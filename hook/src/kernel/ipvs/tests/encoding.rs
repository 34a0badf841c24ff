//! What we ask of the kernel is what `ipvsadm` asks of it.

use super::super::request::{self, Request};
use super::captured::*;
use super::{at, hex, marked, natted, scheduled_by, tcp};
use crate::table::{DestinationSettings, ServiceSettings};

const FAMILY: u16 = 0x20;
const NETLINK_HEADER: usize = 16;

fn body(request: Request) -> Vec<u8> {
    request.encode(FAMILY, 7)[NETLINK_HEADER..].to_vec()
}

/// Netlink header of a request with number 7: length, type, flags, sequence, port.
fn header(bytes: &[u8], flags: u16) {
    let length = u32::try_from(bytes.len()).unwrap();
    assert_eq!(bytes[0..4], length.to_ne_bytes());
    assert_eq!(bytes[4..6], FAMILY.to_ne_bytes());
    assert_eq!(bytes[6..8], flags.to_ne_bytes());
    assert_eq!(bytes[8..12], 7u32.to_ne_bytes());
    assert_eq!(bytes[12..16], [0; 4]);
}

#[test]
fn a_dump_asks_for_no_acknowledgement_and_a_change_does() {
    const REQUEST_AND_DUMP: u16 = 0x301;
    const REQUEST_AND_ACK: u16 = 0x005;
    header(
        &Request::dump_services().encode(FAMILY, 7),
        REQUEST_AND_DUMP,
    );
    header(
        &Request::get_service(&marked(80)).unwrap().encode(FAMILY, 7),
        REQUEST_AND_ACK,
    );
    let weight = Request::set_destination(&marked(80), at("10.0.1.1:0"), &natted(0), &[]);
    header(&weight.unwrap().encode(FAMILY, 7), REQUEST_AND_ACK);
}

#[test]
fn asking_for_the_destinations_of_a_service_is_what_ipvsadm_sends() {
    for (service, captured) in [
        (tcp("192.0.2.1:81"), REQUEST_DESTINATIONS_OF_TCP),
        (marked(80), REQUEST_DESTINATIONS_OF_MARK),
        (tcp("[2001:db8::1]:443"), REQUEST_DESTINATIONS_OF_IPV6),
    ] {
        let request = Request::dump_destinations(&service).unwrap();
        assert_eq!(body(request), hex(captured), "{service}");
    }
}

#[test]
fn a_new_service_is_what_ipvsadm_sends_but_for_the_kernels_own_flag() {
    let settings = ServiceSettings {
        persistence: Some(60),
        ..scheduled_by("wlc")
    };
    let request = Request::new_service(&tcp("192.0.2.9:82"), &settings).unwrap();
    let ipvsadm = hex(REQUEST_NEW_SERVICE);
    // ipvsadm sets the whole mask; we leave out HASHED, which user space cannot mean.
    let place = ipvsadm
        .windows(4)
        .position(|four| four == [0xff; 4])
        .unwrap();
    let mut expected = ipvsadm;
    expected[place..place + 4].copy_from_slice(&0xffff_fffdu32.to_ne_bytes());
    assert_eq!(body(request), expected);
}

#[test]
fn a_changed_destination_is_what_ipvsadm_sends() {
    let settings = DestinationSettings {
        upper_threshold: 100,
        lower_threshold: 50,
        ..natted(5)
    };
    let request = Request::set_destination(&marked(80), at("10.0.1.1:0"), &settings, &[]).unwrap();
    let ours = body(request);
    // ipvsadm sends settings of the service too, which the kernel does not read here.
    let ipvsadm = hex(REQUEST_SET_DESTINATION);
    assert_eq!(ours[0..4], ipvsadm[0..4], "command and version");
    let destination = |bytes: &[u8]| {
        let service = usize::from(u16::from_ne_bytes([bytes[4], bytes[5]]));
        bytes[4 + service..].to_vec()
    };
    assert_eq!(destination(&ours), destination(&ipvsadm));
}

#[test]
fn the_family_is_asked_for_as_libnl_does() {
    let bytes = request::resolve_family(1);
    // GETFAMILY with the name "IPVS"; the version is that of the controller, 2.
    let expected = hex("03020000 09000200 49505653 00000000");
    assert_eq!(bytes[NETLINK_HEADER..], expected);
    assert_eq!(bytes[4..6], 16u16.to_ne_bytes(), "GENL_ID_CTRL");
}

#[test]
fn a_scheduler_name_that_the_kernel_would_cut_is_not_sent() {
    let refused = Request::new_service(&marked(80), &scheduled_by("a_name_too_long_"));
    assert!(refused.unwrap_err().to_string().contains("scheduler"));
    assert!(Request::new_service(&marked(80), &scheduled_by("a_name_long____")).is_ok());
}
