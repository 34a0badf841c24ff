//! `packaging/piranha/lvs.cf`, as lvsd reads it and nanny carries it out.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use lookalike::rdp::{Behaviour, Rdp};

use crate::built::{PATIENCE, plugins, text};
use crate::nanny::{Judged, Nanny};

/// `key = value` lines with one token as the value; lvsd strips double quotes and no others.
fn value(text: &str, key: &str) -> Option<String> {
    let line = text.lines().find_map(|line| {
        let (found, value) = line.trim().split_once(" = ")?;
        (found == key).then_some(value)
    })?;
    let quoted = line
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match quoted {
        Some(inside) => Some(inside.to_owned()),
        None => (!line.contains(' ')).then(|| line.to_owned()),
    }
}

/// The nanny of the packaged file, for a look-alike on loopback.
fn nanny(folder: &std::path::Path, port: u16) -> Nanny {
    let file = text("packaging/piranha/lvs.cf");
    let send_program = value(&file, "send_program").expect("one quoted token");
    assert!(send_program.len() <= 254, "nanny's buffer");
    let folder = folder.to_string_lossy();
    Nanny {
        send_program: send_program
            .replace("/usr/lib/nagios/plugins", &folder)
            .replace("-p 3389", &format!("-p {port}")),
        expect: value(&file, "expect"),
        server: Ipv4Addr::LOCALHOST,
        port: 443,
    }
}

#[test]
fn the_packaged_line_takes_a_server_out_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = plugins(folder.path());
    let rdp = Rdp::listen(([127, 0, 0, 1], 0).into()).unwrap();
    let nanny = nanny(&plugins, rdp.address().port());
    for (behaviour, judged) in [
        (Behaviour::Confirms, Judged::Up),
        (Behaviour::Closes, Judged::Down),
        (Behaviour::Hangs, Judged::Down),
        (Behaviour::Confirms, Judged::Up),
    ] {
        rdp.behave(behaviour).unwrap();
        let answer = nanny.ask(PATIENCE);
        assert_eq!((answer.judged, answer.log), (judged, None), "{behaviour:?}");
    }
}

/// The question under the original article. The check of another protocol, or a Nagios plugin, is
/// a lost result and so "available"; ours says FAIL, whatever is wrong.
#[test]
fn the_wrong_check_for_the_port_takes_the_server_out_and_nothing_is_ever_lost() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = plugins(folder.path());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = std::io::Write::write_all(&mut stream, b"220 ex1 SMTP\r\n");
        }
    });
    let ours = nanny(&plugins, port);
    let as_nagios_plugin = Nanny {
        send_program: ours.send_program.replace("check_x224.nanny", "check_x224"),
        ..ours.clone()
    };
    let lost = as_nagios_plugin.ask(PATIENCE);
    assert_eq!(
        lost.judged,
        Judged::Up,
        "what the article's reader ran into"
    );
    assert!(lost.log.unwrap().contains("didn't get anything back"));
    let told = ours.ask(PATIENCE);
    assert_eq!((told.judged, told.log), (Judged::Down, None));
    for wrong in [
        "-p",
        "--no-such-option",
        "-t 0",
        "-H",
        "-m nanny -m ldirectord",
    ] {
        let nanny = Nanny {
            send_program: format!("{} {wrong}", ours.send_program),
            ..ours.clone()
        };
        let told = nanny.ask(PATIENCE);
        assert_eq!((told.judged, told.log), (Judged::Down, None), "{wrong}");
    }
}

#[test]
fn the_check_ends_before_nanny_would_wait_for_ever() {
    let file = text("packaging/piranha/lvs.cf");
    let timeout: u64 = value(&file, "timeout").unwrap().parse().unwrap();
    assert!(
        Duration::from_secs(timeout) > Duration::from_secs(8),
        "the mode's own deadline"
    );
}
