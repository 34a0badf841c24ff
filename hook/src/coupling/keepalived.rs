//! What keepalived believes of services and servers, from the lines of its `lvs_notify_fifo`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Of more services and servers than these nothing is remembered.
const MOST: usize = 100_000;

/// One line of the FIFO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A virtual service, such as `[192.168.1.35]:tcp:80` or `FWM 80`.
    Service {
        /// As keepalived writes it.
        service: String,
        /// Whether it has enough servers.
        up: bool,
    },
    /// A real server in a virtual service.
    Server {
        /// As keepalived writes it, such as `[10.0.1.1]:tcp:80`.
        server: String,
        /// Of which service.
        service: String,
        /// Whether it is in the pool.
        up: bool,
    },
}

/// Reads one line, as `notify_fifo_vs` and `notify_fifo_rs` of keepalived write it (`ipwrapper.c`).
/// Versions after 2.4 write a NUL behind each line.
pub fn parse(line: &[u8]) -> Option<Told> {
    let text: Vec<u8> = line.iter().copied().filter(|byte| *byte != 0).collect();
    let text = std::str::from_utf8(&text).ok()?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let (first, rest) = words.split_first()?;
    let (last, middle) = rest.split_last()?;
    let up = match *last {
        "UP" => true,
        "DOWN" => false,
        _ => return None,
    };
    match (*first, middle) {
        ("VS", [_, ..]) => Some(Told::Service {
            service: middle.join(" "),
            up,
        }),
        ("RS", [server, service @ ..]) if !service.is_empty() => Some(Told::Server {
            server: (*server).to_owned(),
            service: service.join(" "),
            up,
        }),
        _ => None,
    }
}

/// Everything that keepalived has told, by service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beliefs {
    /// Why nothing is heard at present; `None` while keepalived has the FIFO open.
    pub silent: Option<String>,
    /// Whether a service is up, by keepalived's name for it.
    pub services: BTreeMap<String, bool>,
    /// Whether a server is in the pool, by `SERVER in SERVICE`.
    pub servers: BTreeMap<String, bool>,
    /// How many lines made no sense.
    pub unreadable: u64,
}

impl Beliefs {
    /// Takes one line in.
    pub fn hear(&mut self, line: &[u8]) {
        let (known, name, up) = match parse(line) {
            Some(Told::Service { service, up }) => (&mut self.services, service, up),
            Some(Told::Server {
                server,
                service,
                up,
            }) => (&mut self.servers, format!("{server} in {service}"), up),
            None => {
                self.unreadable += 1;
                return;
            }
        };
        if known.len() < MOST || known.contains_key(&name) {
            known.insert(name, up);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_and_servers_are_read_by_address_and_by_mark() {
        let service = |service: &str, up| {
            let service = service.to_owned();
            Some(Told::Service { service, up })
        };
        assert_eq!(
            parse(b"VS [192.168.1.35]:tcp:80 UP"),
            service("[192.168.1.35]:tcp:80", true)
        );
        assert_eq!(parse(b"VS FWM 7 DOWN\0"), service("FWM 7", false));
        let server = Told::Server {
            server: "[10.0.1.1]:tcp:80".to_owned(),
            service: "[192.168.1.35]:tcp:80".to_owned(),
            up: false,
        };
        assert_eq!(
            parse(b"\0RS [10.0.1.1]:tcp:80 [192.168.1.35]:tcp:80 DOWN"),
            Some(server)
        );
    }

    #[test]
    fn a_line_that_is_none_of_keepaliveds_is_counted_and_believed_by_nobody() {
        let mut beliefs = Beliefs::default();
        for line in [
            &b""[..],
            b"\0\0",
            b"VS",
            b"VS UP",
            b"RS [10.0.1.1]:tcp:80 UP",
            b"VS FWM 7 UPP",
            b"INSTANCE \"VI_1\" MASTER 100",
            b"VS \xff UP",
        ] {
            beliefs.hear(line);
        }
        assert_eq!(beliefs.unreadable, 8);
        assert!(beliefs.services.is_empty() && beliefs.servers.is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(line: Vec<u8>) {
            parse(&line);
        }
    }
}
