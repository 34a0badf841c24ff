//! What we write, `ipvsadm` shows; what we do not mean to change stays.

use hook::kernel::VirtualServers;
use hook::kernel::ipvs::Ipvs;
use hook::table::{DestinationSettings, Encapsulation, Forward, Protocol, ServiceSettings, Step};

use crate::Case;
use crate::tools::*;

pub(crate) const CASES: &[Case] = &[
    ("what_we_write_ipvsadm_shows", what_we_write_ipvsadm_shows),
    (
        "a_weight_change_keeps_thresholds",
        a_weight_change_keeps_thresholds,
    ),
    (
        "a_weight_change_keeps_what_a_human_set_since_the_dump",
        a_weight_change_keeps_what_a_human_set_since_the_dump,
    ),
    (
        "a_weight_change_keeps_the_tunnel",
        a_weight_change_keeps_the_tunnel,
    ),
    (
        "adding_a_destination_that_is_there_edits_it",
        adding_a_destination_that_is_there_edits_it,
    ),
    (
        "editing_a_destination_that_is_gone_adds_it",
        editing_a_destination_that_is_gone_adds_it,
    ),
    (
        "adding_a_service_that_is_there_edits_it",
        adding_a_service_that_is_there_edits_it,
    ),
    (
        "a_service_is_changed_in_place",
        a_service_is_changed_in_place,
    ),
    ("steps_can_be_repeated", steps_can_be_repeated),
    ("ipv6_is_carried_whole", ipv6_is_carried_whole),
    ("deleting_can_be_repeated", deleting_can_be_repeated),
];

fn what_we_write_ipvsadm_shows() -> Outcome {
    let tcp = service(Protocol::Tcp, "192.0.2.1:443")?;
    let udp = service(Protocol::Udp, "192.0.2.1:5060")?;
    let persistent = ServiceSettings {
        persistence: Some(600),
        ..scheduled_by("wlc")
    };
    let by_network = ServiceSettings {
        netmask: 0xffff_ff00,
        flags: 0x18,
        ..ServiceSettings {
            scheduler: "sh".to_owned(),
            ..persistent.clone()
        }
    };
    let with_engine = ServiceSettings {
        persistence_engine: Some("sip".to_owned()),
        ..persistent.clone()
    };
    let direct = DestinationSettings {
        forward: Forward::Direct,
        ..natted(2)
    };
    let gue = DestinationSettings {
        forward: Forward::Tunnel,
        encapsulation: Encapsulation {
            kind: 1,
            port: 6080,
            flags: 2,
        },
        ..natted(5)
    };
    let steps = [
        add_service(marked(80), persistent),
        add(marked(80), "10.0.1.1:0", natted(1))?,
        add(marked(80), "10.0.1.2:0", natted(0))?,
        add_service(tcp, by_network),
        add(tcp, "10.0.1.1:8443", natted(65535))?,
        add(tcp, "10.0.1.2:443", direct)?,
        add(tcp, "10.0.1.3:443", gue)?,
        add_service(udp, with_engine),
    ];
    apply(&mut Ipvs::new(), &steps)?;
    let expected = [
        "-A -f 80 -s wlc -p 600",
        "-A -t 192.0.2.1:443 -s sh -p 600 -M 255.255.255.0 -b sh-fallback,sh-port",
        "-A -u 192.0.2.1:5060 -s wlc -p 600 --pe sip",
        "-a -f 80 -r 10.0.1.1:0 -m -w 1",
        "-a -f 80 -r 10.0.1.2:0 -m -w 0",
        "-a -t 192.0.2.1:443 -r 10.0.1.1:8443 -m -w 65535",
        "-a -t 192.0.2.1:443 -r 10.0.1.2:443 -g -w 2",
        "-a -t 192.0.2.1:443 -r 10.0.1.3:443 -i -w 5 --tun-type gue --tun-port 6080 --tun-remcsum",
    ];
    expect(
        "ipvsadm -Sn",
        rules()?,
        expected.map(str::to_owned).to_vec(),
    )
}

/// `ipvsadm -Ln --thresholds`: address, upper, lower, active, inactive.
fn thresholds_shown(destination: &str) -> Outcome<[String; 2]> {
    let words = line_of(destination, "--thresholds")?;
    match words.get(2..4) {
        Some([upper, lower]) => Ok([upper.clone(), lower.clone()]),
        _ => Err(format!("ipvsadm shows {words:?}").into()),
    }
}

fn a_weight_change_keeps_thresholds() -> Outcome {
    ipvsadm("-A -f 80 -s wlc")?;
    ipvsadm("-a -f 80 -r 10.0.1.1 -m -w 4 -x 100 -y 50")?;
    let mut kernel = Ipvs::new();
    let from = settings_of(&kernel.dump()?, &marked(80), "10.0.1.1:0")?;
    let to = DestinationSettings { weight: 0, ..from };
    kernel.apply(&edit(marked(80), "10.0.1.1:0", from, to)?)?;
    expect(
        "thresholds",
        thresholds_shown("10.0.1.1:0")?,
        ["100", "50"].map(str::to_owned),
    )?;
    expect(
        "settings",
        settings_of(&kernel.dump()?, &marked(80), "10.0.1.1:0")?,
        to,
    )
}

fn a_weight_change_keeps_what_a_human_set_since_the_dump() -> Outcome {
    original_set_up()?;
    let mut kernel = Ipvs::new();
    let from = settings_of(&kernel.dump()?, &marked(80), "10.0.1.1:0")?;
    ipvsadm("-e -f 80 -r 10.0.1.1 -m -w 1 -x 100 -y 50")?;
    let to = DestinationSettings { weight: 0, ..from };
    kernel.apply(&edit(marked(80), "10.0.1.1:0", from, to)?)?;
    expect(
        "thresholds",
        thresholds_shown("10.0.1.1:0")?,
        ["100", "50"].map(str::to_owned),
    )?;
    let weight = line_of("10.0.1.1:0", "")?;
    expect("weight", weight.get(3).map(String::as_str), Some("0"))
}

fn a_weight_change_keeps_the_tunnel() -> Outcome {
    ipvsadm("-A -t 192.0.2.1:82 -s rr")?;
    ipvsadm("-a -t 192.0.2.1:82 -r 10.0.1.7 -i --tun-type gue --tun-port 6080 --tun-remcsum")?;
    let tcp = service(Protocol::Tcp, "192.0.2.1:82")?;
    let mut kernel = Ipvs::new();
    let from = settings_of(&kernel.dump()?, &tcp, "10.0.1.7:82")?;
    let to = DestinationSettings { weight: 6, ..from };
    kernel.apply(&edit(tcp, "10.0.1.7:82", from, to)?)?;
    let rule =
        "-a -t 192.0.2.1:82 -r 10.0.1.7:82 -i -w 6 --tun-type gue --tun-port 6080 --tun-remcsum";
    let expected = ["-A -t 192.0.2.1:82 -s rr", rule];
    expect(
        "ipvsadm -Sn",
        rules()?,
        expected.map(str::to_owned).to_vec(),
    )
}

fn adding_a_destination_that_is_there_edits_it() -> Outcome {
    original_set_up()?;
    let to = DestinationSettings {
        upper_threshold: 9,
        lower_threshold: 3,
        ..natted(5)
    };
    let mut kernel = Ipvs::new();
    kernel.apply(&add(marked(80), "10.0.1.1:0", to)?)?;
    expect(
        "thresholds",
        thresholds_shown("10.0.1.1:0")?,
        ["9", "3"].map(str::to_owned),
    )?;
    let table = kernel.dump()?;
    expect(
        "settings",
        settings_of(&table, &marked(80), "10.0.1.1:0")?,
        to,
    )?;
    expect("destinations", table[&marked(80)].destinations.len(), 2)
}

fn editing_a_destination_that_is_gone_adds_it() -> Outcome {
    original_set_up()?;
    let mut kernel = Ipvs::new();
    kernel.dump()?;
    ipvsadm("-d -f 80 -r 10.0.1.1")?;
    kernel.apply(&edit(marked(80), "10.0.1.1:0", natted(1), natted(3))?)?;
    let shown = rules()?.contains(&"-a -f 80 -r 10.0.1.1:0 -m -w 3".to_owned());
    ensure(shown, || "ipvsadm does not show it".to_owned())
}

fn adding_a_service_that_is_there_edits_it() -> Outcome {
    original_set_up()?;
    let mut kernel = Ipvs::new();
    kernel.apply(&add_service(marked(80), scheduled_by("wrr")))?;
    let expected = [
        "-A -f 80 -s wrr",
        "-a -f 80 -r 10.0.1.1:0 -m -w 1",
        "-a -f 80 -r 10.0.1.2:0 -m -w 1",
    ];
    expect(
        "ipvsadm -Sn",
        rules()?,
        expected.map(str::to_owned).to_vec(),
    )
}

fn a_service_is_changed_in_place() -> Outcome {
    let key = service(Protocol::Udp, "192.0.2.1:5060")?;
    ipvsadm("-A -u 192.0.2.1:5060 -s rr -p 60 --pe sip")?;
    ipvsadm("-a -u 192.0.2.1:5060 -r 10.0.1.1:5060 -m")?;
    let mut kernel = Ipvs::new();
    let from = kernel.dump()?[&key].settings.clone();
    // Since the dump, a human has changed the time; the step changes the scheduler.
    ipvsadm("-E -u 192.0.2.1:5060 -s rr -p 90 --pe sip")?;
    let to = ServiceSettings {
        scheduler: "wlc".to_owned(),
        ..from.clone()
    };
    let step = Step::EditService {
        service: key,
        from: from.clone(),
        to: to.clone(),
    };
    kernel.apply(&step)?;
    let rule = "-A -u 192.0.2.1:5060 -s wlc -p 90 --pe sip";
    expect(
        "first rule",
        rules()?.first().map(String::as_str),
        Some(rule),
    )?;
    // And now what the step means is persistence.
    let without = ServiceSettings {
        persistence: None,
        persistence_engine: None,
        ..to.clone()
    };
    let step = Step::EditService {
        service: key,
        from: to,
        to: without,
    };
    kernel.apply(&step)?;
    let expected = [
        "-A -u 192.0.2.1:5060 -s wlc",
        "-a -u 192.0.2.1:5060 -r 10.0.1.1:5060 -m -w 1",
    ];
    expect(
        "ipvsadm -Sn",
        rules()?,
        expected.map(str::to_owned).to_vec(),
    )
}

fn steps_can_be_repeated() -> Outcome {
    let mut kernel = Ipvs::new();
    let steps = [
        add_service(marked(80), scheduled_by("wlc")),
        add(marked(80), "10.0.1.1:0", natted(1))?,
        edit(marked(80), "10.0.1.1:0", natted(1), natted(2))?,
    ];
    for _ in 0..3 {
        apply(&mut kernel, &steps)?;
    }
    let expected = ["-A -f 80 -s wlc", "-a -f 80 -r 10.0.1.1:0 -m -w 2"];
    expect(
        "ipvsadm -Sn",
        rules()?,
        expected.map(str::to_owned).to_vec(),
    )
}

fn ipv6_is_carried_whole() -> Outcome {
    let tcp = service(Protocol::Tcp, "[2001:db8::1]:443")?;
    let by_prefix = ServiceSettings {
        persistence: Some(300),
        netmask: 64,
        ..scheduled_by("wrr")
    };
    let plain = ServiceSettings {
        netmask: 128,
        ..scheduled_by("rr")
    };
    let mut kernel = Ipvs::new();
    let steps = [
        add_service(tcp, by_prefix),
        add(tcp, "[2001:db8::a]:443", natted(7))?,
        edit(tcp, "[2001:db8::a]:443", natted(7), natted(0))?,
        add_service(marked_v6(80), plain.clone()),
        add(marked_v6(80), "[2001:db8::b]:0", natted(1))?,
        add_service(marked(80), scheduled_by("rr")),
    ];
    apply(&mut kernel, &steps)?;
    let expected = [
        "-A -f 80 -6 -s rr",
        "-A -f 80 -s rr",
        "-A -t [2001:db8::1]:443 -s wrr -p 300 -M 64",
        "-a -f 80 -6 -r [2001:db8::b]:0 -m -w 1",
        "-a -t [2001:db8::1]:443 -r [2001:db8::a]:443 -m -w 0",
    ];
    expect(
        "ipvsadm -Sn",
        rules()?,
        expected.map(str::to_owned).to_vec(),
    )?;
    expect("settings", &kernel.dump()?[&marked_v6(80)].settings, &plain)
}

fn deleting_can_be_repeated() -> Outcome {
    original_set_up()?;
    let mut kernel = Ipvs::new();
    for _ in 0..2 {
        kernel.apply(&delete_destination(marked(80), at("10.0.1.1:0")?))?;
    }
    let expected = ["-A -f 80 -s wlc -p 600", "-a -f 80 -r 10.0.1.2:0 -m -w 1"];
    expect(
        "ipvsadm -Sn",
        rules()?,
        expected.map(str::to_owned).to_vec(),
    )?;
    for _ in 0..2 {
        kernel.apply(&delete_service(marked(80)))?;
    }
    kernel.apply(&delete_destination(marked(80), at("10.0.1.2:0")?))?;
    expect("ipvsadm -Sn", rules()?, Vec::new())
}
