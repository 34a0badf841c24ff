//! `check_director` on a real director: at work, hung, gone, with servers down, with another file.

use std::process::{Command, Output};

use lookalike::rdp::Behaviour;
use nix::sys::signal::Signal;

use crate::built::{program, until};
use crate::governess::Governess;

fn check(governess: &Governess, options: &str) -> Output {
    Command::new(program("check_director"))
        .arg("--socket")
        .arg(governess.socket())
        .args(options.split_whitespace())
        .output()
        .unwrap()
}

#[track_caller]
fn says(governess: &Governess, options: &str, code: i32, words: &str) {
    let output = check(governess, options);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(code), "{options}: {output:?}");
    assert!(output.stderr.is_empty(), "{options}: {output:?}");
    assert!(said.contains(words), "{options}: {said}");
}

#[test]
fn the_director_is_judged_at_work_hung_and_gone_in_the_words_of_every_host() {
    let folder = tempfile::tempdir().unwrap();
    let mut governess = Governess::start(folder.path(), "\"rdp\"", "");
    until("both servers are up", || {
        (governess.weights()? == [1, 1]).then_some(())
    });
    says(&governess, "", 0, "DIRECTOR OK: 1 services, 2 servers up");
    says(&governess, "-m json", 0, "\"label\":\"drift\"");
    says(&governess, "--fresh", 0, "2 checks have answered lately");
    says(&governess, "--fresh -m keepalived -t 2", 0, "");
    says(&governess, "--fresh -m nanny", 0, "OK\n");

    let config = governess.config();
    let with_file = format!("--config {}", config.display());
    says(&governess, &with_file, 0, "OK");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}\n# changed\n")).unwrap();
    says(
        &governess,
        &with_file,
        1,
        "was changed since the director read it",
    );
    std::fs::write(&config, text).unwrap();
    says(&governess, "--expect-digest 0", 1, "expected 0");

    governess.ex1.behave(Behaviour::Hangs).unwrap();
    until("ex1 is out", || {
        (governess.weights()? == [0, 1]).then_some(())
    });
    says(&governess, "", 1, "exchange/ex1 down");
    says(&governess, "-m keepalived", 0, "");
    says(&governess, "--fresh -m keepalived", 0, "");
    governess.ex1.behave(Behaviour::Confirms).unwrap();

    governess.signal(Signal::SIGSTOP);
    for (mode, code, words) in [
        ("nagios", 2, "it hangs"),
        ("json", 2, "\"kind\":\"silent\""),
        ("nanny", 0, "FAIL\n"),
        ("keepalived", 1, ""),
        ("keepalived-weight", 1, ""),
        ("ldirectord", 1, ""),
    ] {
        says(&governess, &format!("--fresh -t 1 -m {mode}"), code, words);
    }
    governess.signal(Signal::SIGCONT);
    until("it answers again", || {
        (check(&governess, "--fresh -m keepalived").status.code() == Some(0)).then_some(())
    });

    governess.stop();
    says(&governess, "", 2, "no director answers");
    says(&governess, "--fresh -m keepalived", 1, "");
}

#[test]
fn what_answers_and_is_no_director_is_told_from_one() {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("control.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        let answers = [
            &b"220 ex1 SMTP\r\n"[..],
            b"",
            b"{\"fresh\":tr",
            b"{\"error\":\"no\"}\n",
        ];
        for (stream, answer) in listener.incoming().flatten().zip(answers) {
            let mut stream = stream;
            let mut request = [0; 64];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer);
        }
    });
    for (kind, state) in [
        ("malformed", 2),
        ("offline", 2),
        ("offline", 2),
        ("malformed", 2),
    ] {
        let output = Command::new(program("check_director"))
            .args(["--fresh", "-m", "json", "--socket"])
            .arg(&socket)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(state), "{said}");
        assert!(said.contains(&format!("\"kind\":\"{kind}\"")), "{said}");
    }
}
