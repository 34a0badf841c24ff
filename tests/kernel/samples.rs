//! A table with one service and one destination of each kind, as `ipvsadm` writes it and as we
//! must read it.

use hook::table::{DestinationSettings, Encapsulation, Forward, Protocol, ServiceSettings, Table};

use crate::tools::*;

/// One of each kind, as `ipvsadm` lines.
pub(crate) const RULES: &[&str] = &[
    "-A -f 80 -s wlc -p 600",
    "-a -f 80 -r 10.0.1.1 -m -w 1 -x 100 -y 50",
    "-a -f 80 -r 10.0.1.2 -m -w 0",
    "-A -f 80 -6 -s rr",
    "-a -f 80 -6 -r [2001:db8::b]:0 -m -w 4",
    "-A -t 192.0.2.1:443 -s wrr -p 300 -M 255.255.255.0",
    "-a -t 192.0.2.1:443 -r 10.0.1.1:8443 -m -w 65535",
    "-a -t 192.0.2.1:443 -r 10.0.1.2:443 -g -w 2",
    "-A -u 192.0.2.1:53 -s sh -b sh-port,sh-fallback -o",
    "-a -u 192.0.2.1:53 -r 10.0.1.5:53 -i -w 3",
    "-A -u 192.0.2.1:5060 -s rr -p 60 --pe sip",
    "-A --sctp-service 192.0.2.1:9 -s lc",
    "-A -t [2001:db8::1]:443 -s wrr -p 300 -M 64",
    "-a -t [2001:db8::1]:443 -r [2001:db8::a]:443 -m -w 7",
    "-A -t 192.0.2.1:82 -s rr",
    "-a -t 192.0.2.1:82 -r 10.0.1.7:82 -i --tun-type gue --tun-port 6080 --tun-remcsum",
    "-a -t 192.0.2.1:82 -r [2001:db8::7]:82 -i --tun-type gre --tun-csum",
    "-a -t 192.0.2.1:82 -r 127.0.0.1:82 -m",
];

fn tunnel(weight: u32, kind: u8, port: u16, flags: u16) -> DestinationSettings {
    DestinationSettings {
        forward: Forward::Tunnel,
        encapsulation: Encapsulation { kind, port, flags },
        ..natted(weight)
    }
}

/// The same as a table.
pub(crate) fn expected() -> Outcome<Table> {
    let persistent = |scheduler, seconds| ServiceSettings {
        persistence: Some(seconds),
        ..scheduled_by(scheduler)
    };
    let limited = DestinationSettings {
        upper_threshold: 100,
        lower_threshold: 50,
        ..natted(1)
    };
    let direct = DestinationSettings {
        forward: Forward::Direct,
        ..natted(2)
    };
    let of_v6 = |settings, netmask| ServiceSettings {
        netmask,
        ..settings
    };
    let table = [
        (
            marked(80),
            entry(
                persistent("wlc", 600),
                &[("10.0.1.1:0", limited), ("10.0.1.2:0", natted(0))],
            )?,
        ),
        (
            marked_v6(80),
            entry(
                of_v6(scheduled_by("rr"), 128),
                &[("[2001:db8::b]:0", natted(4))],
            )?,
        ),
        (
            service(Protocol::Tcp, "192.0.2.1:443")?,
            entry(
                ServiceSettings {
                    netmask: 0xffff_ff00,
                    ..persistent("wrr", 300)
                },
                &[("10.0.1.1:8443", natted(65535)), ("10.0.1.2:443", direct)],
            )?,
        ),
        (
            service(Protocol::Udp, "192.0.2.1:53")?,
            entry(
                ServiceSettings {
                    flags: 0x1c,
                    ..scheduled_by("sh")
                },
                &[("10.0.1.5:53", tunnel(3, 0, 0, 0))],
            )?,
        ),
        (
            service(Protocol::Udp, "192.0.2.1:5060")?,
            entry(
                ServiceSettings {
                    persistence_engine: Some("sip".to_owned()),
                    ..persistent("rr", 60)
                },
                &[],
            )?,
        ),
        (
            service(Protocol::Sctp, "192.0.2.1:9")?,
            entry(scheduled_by("lc"), &[])?,
        ),
        (
            service(Protocol::Tcp, "[2001:db8::1]:443")?,
            entry(
                of_v6(persistent("wrr", 300), 64),
                &[("[2001:db8::a]:443", natted(7))],
            )?,
        ),
        (
            service(Protocol::Tcp, "192.0.2.1:82")?,
            entry(
                scheduled_by("rr"),
                &[
                    ("10.0.1.7:82", tunnel(1, 1, 6080, 2)),
                    ("[2001:db8::7]:82", tunnel(1, 2, 0, 1)),
                    ("127.0.0.1:82", natted(1)),
                ],
            )?,
        ),
    ];
    Ok(table.into_iter().collect())
}
