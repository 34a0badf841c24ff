//! OpenSSL is started only by a check that needs it, and never in the program that answers.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::host::{built, check};
use crate::servers::silent;

fn maps(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default()
}

/// Whether OpenSSL is mapped, as a library or in the program itself: the labels of TLS 1.3's key
/// schedule are in no other code of ours (RFC 8446, section 7.1).
fn has_openssl(pid: u32) -> bool {
    let program = std::fs::read(format!("/proc/{pid}/exe")).unwrap();
    let label = b"c hs traffic";
    maps(pid).contains("libssl") || program.windows(label.len()).any(|part| part == label)
}

/// The children of a process.
fn children(pid: u32) -> Vec<u32> {
    let listed = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let listed = listed.unwrap_or_default();
    listed
        .split(' ')
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

/// Runs a check against a server that never answers, until the server has its connection; then
/// everything that will be loaded is loaded.
fn while_connected(options: &[&str], look: impl FnOnce(&Child)) {
    let server = silent();
    let program = built("check_x224");
    let mut command = check(&program, server.local_addr().unwrap(), options);
    let mut check = command.stdout(Stdio::null()).spawn().unwrap();
    let connection = server.accept().unwrap();
    look(&check);
    check.kill().unwrap();
    check.wait().unwrap();
    drop(connection);
}

#[test]
fn without_tls_nothing_but_the_program_itself_is_mapped() {
    while_connected(&[], |check| {
        let maps = maps(check.id());
        assert!(maps.contains("check_x224"), "the maps were read:\n{maps}");
        for library in ["libssl", "libcrypto", ".so"] {
            assert!(!maps.contains(library), "{library} is loaded:\n{maps}");
        }
        assert_eq!(children(check.id()), [0; 0], "no second program runs");
    });
}

#[test]
fn with_tls_the_second_program_alone_has_openssl_and_dies_with_the_first() {
    for option in ["--tls", "--nla"] {
        let mut second = 0;
        while_connected(&[option], |check| {
            assert!(!has_openssl(check.id()), "in the front");
            let [child] = children(check.id())[..] else {
                panic!("one second program: {:?}", children(check.id()));
            };
            // It has connected, and loading comes before that.
            assert!(has_openssl(child), "{}", maps(child));
            second = child;
        });
        let patience = Instant::now() + Duration::from_secs(5);
        while !maps(second).is_empty() {
            assert!(Instant::now() < patience, "{second} outlives the check");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
