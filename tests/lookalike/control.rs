//! The control port: one line a command, `ok` or `error: …` last in each answer.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use crate::exchange::Exchange;

/// The longest command that is read.
const COMMAND_MOST: u64 = 1024;

/// Obeys those who connect, until the process ends.
pub fn obey(listener: TcpListener, exchange: Arc<Exchange>) {
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let exchange = Arc::clone(&exchange);
            // A commander who goes in the middle of an answer does not want it.
            thread::spawn(move || converse(&stream, &exchange));
        }
    });
}

fn converse(stream: &TcpStream, exchange: &Exchange) -> io::Result<()> {
    let mut commands = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if commands.by_ref().take(COMMAND_MOST).read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut stream = stream;
        stream.write_all(answer(&line, exchange).as_bytes())?;
    }
}

/// What a command is answered, in whole lines.
fn answer(line: &str, exchange: &Exchange) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["list"] => {
            let services = exchange.services().iter();
            let lines: String = services
                .map(|known| format!("{}: {}\n", known.name(), known.behaviours().join(" ")))
                .collect();
            format!("{lines}ok\n")
        }
        [service, behaviour] => match exchange.switch(service, behaviour) {
            Ok(()) => "ok\n".to_owned(),
            Err(why) => format!("error: {why}\n"),
        },
        _ => "error: expected `list` or `SERVICE BEHAVIOUR`\n".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{Names, Ports};
    use std::net::Ipv4Addr;

    /// An address of its own for each test: the ports of mail are fixed.
    fn exchange(host: u8) -> Exchange {
        let ports = Ports {
            rdp: 0,
            https: 0,
            mail_offset: 30_000,
        };
        let names = Names {
            name: "EX1".to_owned(),
            host: "mail.exch.test".to_owned(),
        };
        Exchange::listen(Ipv4Addr::new(127, 77, 9, host).into(), &names, ports).expect("loopback")
    }

    #[test]
    fn the_list_names_every_service_with_its_behaviours_the_healthy_one_first() {
        let list = answer("list\n", &exchange(1));
        assert!(list.starts_with("rdp: healthy "), "{list}");
        assert!(
            list.contains(" hangs ") && list.ends_with("\nok\n"),
            "{list}"
        );
    }

    #[test]
    fn every_behaviour_of_the_list_can_be_taken_on() {
        let exchange = exchange(2);
        for service in exchange.services() {
            let name = service.name();
            for behaviour in service.behaviours() {
                assert_eq!(answer(&format!("{name} {behaviour}\n"), &exchange), "ok\n");
            }
        }
    }

    #[test]
    fn what_is_not_known_is_refused_with_what_is() {
        let exchange = exchange(3);
        for (line, words) in [
            ("rdp sleeps", "rdp knows no sleeps; it knows healthy"),
            ("mail hangs", "there is no service mail; there is rdp"),
            ("", "expected `list`"),
            ("rdp hangs now", "expected `list`"),
        ] {
            let answer = answer(line, &exchange);
            assert!(answer.starts_with("error: "), "{answer}");
            assert!(answer.contains(words) && answer.ends_with('\n'), "{answer}");
        }
    }

    #[test]
    fn commands_are_obeyed_over_a_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let address = listener.local_addr().expect("bound");
        obey(listener, Arc::new(exchange(4)));
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.write_all(b"rdp hangs\nrdp sleeps\n").expect("sent");
        let mut lines = BufReader::new(&stream).lines();
        let mut next = || lines.next().expect("a line").expect("it is read");
        assert_eq!(next(), "ok");
        assert!(next().starts_with("error: rdp knows no sleeps"));
    }
}
