//! Several virtual directories over as few connections as the server lets.

use lookalike::iis::{Iis, Page};
use serde_json::Value;

use crate::ask::{PATIENT, SHORT, assert_found, everywhere, iis, verdict};

const THREE: &str = "--vdir owa --vdir ews --vdir ecp";

fn of(iis: &Iis) -> Value {
    verdict(iis.address(), &format!("{THREE} -t {PATIENT}"))
}

#[test]
fn healthy_ones_share_one_connection() {
    let iis = iis();
    assert_found(&of(&iis), "healthy ok", "/owa, /ews, /ecp");
    assert_eq!(iis.connections(), 1);
}

#[test]
fn one_that_is_offline_costs_no_more_than_a_connection_on_each_side_of_it() {
    let iis = iis();
    iis.behave_at("ews", Page::Offline);
    let verdict = of(&iis);
    assert_found(&verdict, "maintenance offline", "EwsProxy");
    assert_found(
        &verdict,
        "maintenance offline",
        "2 of 3 virtual directories work",
    );
    assert_eq!(verdict["share"]["working"], 2);
    assert_eq!(verdict["share"]["of"], 3);
    // The first, one to make sure that it is not the first that had ended, one for the last.
    assert_eq!(iis.connections(), 3);
}

#[test]
fn all_of_them_offline_point_at_the_whole_server() {
    let verdict = of(&everywhere(Page::Offline));
    assert_found(&verdict, "maintenance offline", "ServerWideOffline");
    assert_eq!(verdict["share"]["working"], 0);
}

#[test]
fn a_server_that_ends_each_connection_after_its_answer_is_healthy() {
    let iis = everywhere(Page::ClosesAfter);
    assert_found(&of(&iis), "healthy ok", "/owa, /ews, /ecp");
    assert_eq!(iis.connections(), 3);
}

#[test]
fn other_statuses_keep_the_connection() {
    let iis = everywhere(Page::Missing);
    assert_found(&of(&iis), "failed http_status", "there is no /owa");
    assert_eq!(iis.connections(), 1);
}

#[test]
fn one_that_hangs_does_not_hide_the_others() {
    let iis = iis();
    iis.behave_at("owa", Page::Hangs);
    let verdict = verdict(iis.address(), &format!("{THREE} -t 6"));
    assert_found(&verdict, "failed silent", "did not answer /owa");
    assert_found(&verdict, "failed silent", "2 of 3 virtual directories work");
    assert_eq!(iis.connections(), 2);
}

#[test]
fn what_fails_comes_before_what_is_offline_and_the_other_is_told_beside_it() {
    let iis = iis();
    iis.behave_at("owa", Page::Offline);
    iis.behave_at("ecp", Page::PoolDown);
    let verdict = of(&iis);
    assert_found(&verdict, "failed http_status", "MSExchangeECPAppPool");
    assert_found(
        &verdict,
        "failed http_status",
        "1 of 3 virtual directories work",
    );
    let details = verdict["details"].to_string();
    assert!(details.contains("component offline"), "{details}");
}

#[test]
fn a_server_that_cannot_be_reached_is_tried_once() {
    let hangs = crate::ask::site(lookalike::iis::Site::HandshakeHangs);
    let verdict = verdict(hangs.address(), &format!("{THREE} -t {SHORT}"));
    assert_found(&verdict, "failed silent", "no answer to the ClientHello");
    assert_eq!(verdict["share"]["of"], 3);
    assert_eq!(hangs.connections(), 1);
}
