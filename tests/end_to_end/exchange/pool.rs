//! What only the servers of a pool together can show.

use lookalike::iis::{Page, Site};
use lookalike::rdp::Behaviour;

use crate::ask::{assert_found, pool};
use crate::server::{Server, certificate, own_address, renewed_certificate};

#[test]
fn two_servers_with_one_certificate_work_and_agree() {
    let (one, other) = Server::pair();
    let verdict = pool(&[one.address, other.address], "--rdp-nla");
    assert_found(&verdict, "healthy ok", "work and agree");
    let facts = &verdict["facts"];
    assert_eq!(
        facts[format!("{}_owa_server_name", other.address)],
        "EX2.exch.test"
    );
}

#[test]
fn h9_different_certificates_throw_logons_back_and_it_is_said_whose_they_are() {
    let one = Server::start("EX1", &certificate());
    let other = Server::start("EX2", &renewed_certificate());
    let verdict = pool(&[one.address, other.address], "");
    assert_found(
        &verdict,
        "degraded certificate",
        "thrown back at each reschedule",
    );
    for server in [&one, &other] {
        assert_found(
            &verdict,
            "degraded certificate",
            &format!("{} shows", server.address),
        );
    }
    let verdict = pool(&[one.address, other.address], "--enforce certificate");
    assert_found(&verdict, "failed certificate", "thrown back");
}

#[test]
fn two_addresses_that_lead_to_one_server_are_found_out_by_its_name() {
    let certificate = certificate();
    let one = Server::start("EX1", &certificate);
    let other = Server::start("EX1", &certificate);
    let verdict = pool(&[one.address, other.address], "");
    let words = format!(
        "{} and {} are answered by one server, EX1.exch.test",
        one.address, other.address
    );
    assert_found(&verdict, "failed wrong_server", &words);
    let verdict = pool(&[one.address, other.address], "--only rdp --rdp-nla");
    assert_found(&verdict, "failed wrong_server", &words);
}

#[test]
fn a_clock_that_differs_from_the_other_servers_is_told_beside_that_it_differs_from_ours() {
    let (one, other) = Server::pair();
    other.rdp.behave(Behaviour::ClockBehind).unwrap();
    let verdict = pool(&[one.address, other.address], "--rdp-nla");
    let words = format!("the clock of {} is 600", one.address);
    assert_found(&verdict, "failed skew", &words);
}

#[test]
fn the_worst_part_of_the_worst_server_decides() {
    let (one, other) = Server::pair();
    other.iis.behave(Site::Everywhere(Page::Offline));
    let verdict = pool(&[one.address, other.address], "");
    assert_found(
        &verdict,
        "maintenance offline",
        &format!("{}: owa: ", other.address),
    );
    assert_found(
        &verdict,
        "maintenance offline",
        &format!("{} works", one.address),
    );
}

#[test]
fn l2_a_vip_that_leads_nowhere_is_not_the_servers_fault() {
    let (one, other) = Server::pair();
    let vip = own_address();
    let verdict = pool(&[one.address, other.address], &format!("--vip {vip}"));
    let words = format!("and by {vip} they are not reached: look at the director");
    assert_found(&verdict, "failed tcp_refused", &words);
    // A VIP that leads to one of them is no second server of that name.
    let verdict = pool(
        &[one.address, other.address],
        &format!("--vip {}", one.address),
    );
    assert_found(&verdict, "healthy ok", "work and agree");
}

/// That the last server of an empty pool stays in is the director's to keep
/// (`hook/src/policy/tests.rs`); that it is the last one shows here.
#[test]
fn l3_of_a_pool_of_which_every_server_fails_each_is_named() {
    let (one, other) = Server::pair();
    for server in [&one, &other] {
        server.iis.behave(Site::Everywhere(Page::PoolDown));
    }
    let verdict = pool(&[one.address, other.address], "");
    let words = format!("also look at {}", other.address);
    assert_found(&verdict, "failed http_status", &words);
    assert_eq!(verdict["share"]["working"], 0);
}
