//! A pool of real servers in many services, in the words of both directors.

use std::fmt::Write;
use std::net::Ipv4Addr;

use super::farm;

/// What is asked of every server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Nothing: all servers serve.
    Nothing,
    /// Whether the port accepts: `tcp` and `TCP_CHECK`.
    Tcp,
    /// A conversation with a mail server, in plaintext: `smtp` and `SMTP_CHECK`.
    Smtp,
    /// A page: `tcp` with a request and the status line, as an import writes it, and `HTTP_GET`.
    Http,
    /// A page over TLS: `owa` and `SSL_GET`.
    Https,
    /// governess asks as with [`Ask::Tcp`], keepalived by `check_tcp` as `MISC_CHECK`.
    Plugin,
}

/// Each server is in one service, and asked one thing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pool {
    pub(crate) services: usize,
    pub(crate) servers: usize,
    pub(crate) ask: Ask,
    /// From one check of a server to its next, in seconds.
    pub(crate) interval: u32,
}

/// Which weight each server has.
pub(crate) trait Weights: Fn(usize) -> u32 {}

impl<F: Fn(usize) -> u32> Weights for F {}

impl Pool {
    /// The address of a server of the farm; 250 to a network, the host parts from 1.
    pub(crate) fn address(server: usize) -> Ipv4Addr {
        let part = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
        Ipv4Addr::new(10, 64, part(server / 250), part(server % 250 + 1))
    }

    fn members(&self, service: usize) -> impl Iterator<Item = usize> {
        (service..self.servers).step_by(self.services)
    }

    /// As governess's file. One success and one failure decide, as they do in keepalived.
    pub(crate) fn for_governess(&self, folder: &str, weight: impl Weights) -> String {
        let probe = match self.ask {
            Ask::Nothing => "reported = {}".to_owned(),
            Ask::Tcp | Ask::Plugin => format!("tcp = {{ port = {} }}", farm::TCP),
            Ask::Smtp => format!("smtp = {{ ports = [\"{}/plain\"] }}", farm::SMTP),
            Ask::Http => format!(
                "tcp = {{ port = {}, send = \"GET {} HTTP/1.0\\r\\nHost: {}\\r\\n\
                 Connection: close\\r\\n\\r\\n\", expect = \"HTTP/1.1 200\" }}",
                farm::HTTP,
                farm::PAGE,
                farm::HOST
            ),
            Ask::Https => format!(
                "owa = {{ host = \"{}\", port = {} }}",
                farm::HOST,
                farm::HTTPS
            ),
        };
        let mut text = format!(
            "[director]\nbackend = \"ipvs\"\nstate_dir = \"{folder}\"\n\
             control = \"{folder}/control.sock\"\n\
             [checks.it]\n{probe}\ninterval = \"{}s\"\ntimeout = \"5s\"\nfall = 1\nrise = 1\n",
            self.interval
        );
        for server in 0..self.servers {
            let (address, weight) = (Self::address(server), weight(server));
            let _ = write!(
                text,
                "[servers.s{server}]\naddress = \"{address}\"\nweight = {weight}\n"
            );
        }
        for service in 0..self.services {
            let members = self.members(service).map(|server| format!("\"s{server}\""));
            let _ = write!(
                text,
                "[services.v{service}]\nfwmark = {}\nscheduler = \"wlc\"\nforward = \"nat\"\n\
                 servers = [{}]\nchecks = [{}]\n",
                service + 1,
                members.collect::<Vec<_>>().join(", "),
                if self.ask == Ask::Nothing {
                    ""
                } else {
                    "\"it\""
                }
            );
        }
        text
    }

    /// As keepalived's file.
    pub(crate) fn for_keepalived(&self, weight: impl Weights) -> String {
        let mut text = "global_defs {\n    router_id bench\n    script_user root\n}\n".to_owned();
        for service in 0..self.services {
            let _ = write!(
                text,
                "virtual_server fwmark {} {{\n    delay_loop {}\n    lvs_sched wlc\n    \
                 lvs_method NAT\n",
                service + 1,
                self.interval
            );
            for server in self.members(service) {
                let (address, weight) = (Self::address(server), weight(server));
                let checker = self.checker(server);
                let _ = write!(
                    text,
                    "    real_server {address} 0 {{\n        weight {weight}\n        {checker}\n    }}\n"
                );
            }
            text += "}\n";
        }
        text
    }

    fn checker(&self, server: usize) -> String {
        match self.ask {
            Ask::Nothing => String::new(),
            Ask::Tcp => format!(
                "TCP_CHECK {{ connect_port {} connect_timeout 5 }}",
                farm::TCP
            ),
            Ask::Smtp => format!(
                "SMTP_CHECK {{ connect_port {} connect_timeout 5 }}",
                farm::SMTP
            ),
            Ask::Http => get("HTTP_GET", farm::HTTP),
            Ask::Https => get("SSL_GET", farm::HTTPS),
            Ask::Plugin => format!(
                "MISC_CHECK {{ misc_path \"/usr/lib/nagios/plugins/check_tcp -H {} -p {} -t 5\" \
                 misc_timeout 6 }}",
                Self::address(server),
                farm::TCP
            ),
        }
    }
}

/// A block of keepalived's that asks for a page; it takes no block within a block on one line.
fn get(block: &str, port: u16) -> String {
    format!(
        "{block} {{\nconnect_port {port}\nconnect_timeout 5\nvirtualhost {}\n\
         url {{\npath {}\nstatus_code 200\n}}\n}}",
        farm::HOST,
        farm::PAGE
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use hook::config::Config;

    use super::*;

    #[test]
    fn governess_takes_its_file_and_no_server_is_twice_in_it() {
        let asks = [
            Ask::Nothing,
            Ask::Tcp,
            Ask::Smtp,
            Ask::Http,
            Ask::Https,
            Ask::Plugin,
        ];
        for ask in asks {
            let pool = Pool {
                services: 7,
                servers: 600,
                ask,
                interval: 5,
            };
            let text = pool.for_governess("/tmp/state", |server| server as u32 % 3 + 1);
            let config = Config::parse(Path::new("bench.toml"), &text).unwrap();
            assert_eq!((config.services.len(), config.servers.len()), (7, 600));
            let checks: usize = config.services.iter().map(|one| one.servers.len()).sum();
            assert_eq!(checks, 600);
            let fourth = config.server_named("s4").unwrap();
            assert_eq!(config.servers[fourth.0].weight, 2);
        }
    }

    #[test]
    fn addresses_of_a_large_farm_differ() {
        let all: std::collections::BTreeSet<_> = (0..37_205).map(Pool::address).collect();
        assert_eq!(all.len(), 37_205);
    }
}
