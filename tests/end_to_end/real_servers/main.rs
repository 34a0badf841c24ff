//! What the checks say of real RDP servers, and beside it what Debian's `check_tcp` says of them.
//!
//! `tests/end_to_end/install-servers` installs what is needed; whatever is missing is a failure.
//! As root: the servers run in a network namespace of the test's own.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test program"
)]

mod expected;
mod servers;
mod table;

use expected::{Expected, FREERDP, IRONRDP, XRDP};
use servers::{Folder, Running};

#[test]
fn xrdp_in_each_of_its_layers_without_certificate_hung_and_gone_gets_its_verdicts() {
    let folder = Folder::in_a_network_of_its_own();
    let servers: Vec<Running> = ["negotiate", "tls", "rdp", "no certificate", "hung", "gone"]
        .into_iter()
        .enumerate()
        .map(|(at, which)| servers::xrdp(&folder, which, 3390 + at))
        .collect();
    judge(&servers, &XRDP);
}

#[test]
fn freerdp_shadow_in_each_of_its_layers_gets_its_verdicts() {
    let folder = Folder::in_a_network_of_its_own();
    let display = servers::display(&folder);
    let servers: Vec<Running> = ["nla", "tls", "rdp"]
        .into_iter()
        .enumerate()
        .map(|(at, layer)| servers::freerdp_shadow(&folder, display.number, layer, 3390 + at))
        .collect();
    judge(&servers, &FREERDP);
}

#[test]
#[ignore = "needs tests/ironrdp/build, and with it a newer Rust and minutes: tests/run --slow"]
fn ironrdp_in_each_of_its_layers_gets_its_verdicts() {
    let folder = Folder::in_a_network_of_its_own();
    let servers: Vec<Running> = ["none", "tls", "hybrid"]
        .into_iter()
        .enumerate()
        .map(|(at, layer)| servers::ironrdp(&folder, layer, 3390 + at))
        .collect();
    judge(&servers, &IRONRDP);
}

/// Runs every set of options on every server, prints the table, and compares.
fn judge(servers: &[Running], expected: &[Expected]) {
    assert_eq!(servers.len(), expected.len());
    let rows: Vec<_> = servers.iter().map(table::row).collect();
    table::print(&rows);
    let wrong: Vec<String> = rows
        .iter()
        .zip(expected)
        .flat_map(|(row, expected)| expected.differences(row))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
