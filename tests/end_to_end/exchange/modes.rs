//! What each host is told.

use std::process::Output;

use lookalike::iis::{Page, Site};
use lookalike::rdp::Behaviour;

use crate::ask::{run, usual};
use crate::server::Server;

/// Exit code and the words before the performance data.
fn told(output: &Output) -> (i32, String) {
    let text = String::from_utf8_lossy(&output.stdout);
    let words = text.split([':', '|', '\n']).next().unwrap_or_default();
    (output.status.code().unwrap(), words.trim().to_owned())
}

/// What the hosts with words say, and the exit codes of all.
fn in_all_modes(server: &Server, words: &str) -> [(i32, String); 5] {
    let server = server.address;
    [
        "nagios",
        "nanny",
        "keepalived",
        "keepalived-weight",
        "ldirectord",
    ]
    .map(|mode| {
        let words = usual(&format!("-H {server} -m {mode} --weight 9 {words}"));
        told(&run(&words))
    })
}

fn expected(said: [(i32, &str); 5]) -> [(i32, String); 5] {
    said.map(|(code, words)| (code, words.to_owned()))
}

#[test]
fn every_host_hears_that_a_server_works() {
    let heard = in_all_modes(&Server::alone(), "");
    let said = [(0, "EXCHANGE OK"), (0, "OK"), (0, ""), (11, ""), (0, "")];
    assert_eq!(heard, expected(said));
}

#[test]
fn every_host_hears_that_a_part_fails() {
    let server = Server::alone();
    server.iis.behave(Site::Everywhere(Page::PoolDown));
    let heard = in_all_modes(&server, "");
    let said = [
        (2, "EXCHANGE CRITICAL"),
        (0, "FAIL"),
        (1, ""),
        (1, ""),
        (1, ""),
    ];
    assert_eq!(heard, expected(said));
}

#[test]
fn a_server_of_which_enough_works_keeps_its_part_of_the_weight() {
    let server = Server::alone();
    server.rdp.behave(Behaviour::Refuses(3)).unwrap();
    let heard = in_all_modes(&server, "--policy 2");
    // Two thirds of 9, and 2.
    let said = [
        (1, "EXCHANGE WARNING"),
        (0, "OK"),
        (0, ""),
        (8, ""),
        (0, ""),
    ];
    assert_eq!(heard, expected(said));
    let heard = in_all_modes(&server, "--policy 2 --part-weight owa=4,smtp=4");
    // Eight ninths.
    assert_eq!(heard[3].0, 10);
}

#[test]
fn every_host_hears_bad_options_as_a_failure() {
    let heard = in_all_modes(&Server::alone(), "--rdp-port none");
    let said = [
        (3, "EXCHANGE UNKNOWN"),
        (0, "FAIL"),
        (1, ""),
        (1, ""),
        (1, ""),
    ];
    assert_eq!(heard, expected(said));
}

#[test]
fn ldirectord_passes_a_port_that_means_nothing_here() {
    let server = Server::alone().address;
    let words = format!("-m ldirectord --smtp-port 25 192.168.1.35 443 {server} 443");
    let output = run(&words);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}
