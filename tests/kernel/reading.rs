//! What the kernel has is read as it is.

use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use hook::kernel::VirtualServers;
use hook::kernel::ipvs::Ipvs;
use hook::kernel::ipvs::proc::{self, ProcKey};
use hook::table::{Forward, Protocol, ServiceKey, Table};

use crate::Case;
use crate::samples::{RULES, expected};
use crate::tools::*;

pub(crate) const CASES: &[Case] = &[
    ("what_ipvsadm_writes_we_read", what_ipvsadm_writes_we_read),
    ("an_empty_table_is_empty", an_empty_table_is_empty),
    ("an_empty_service_is_shown", an_empty_service_is_shown),
    (
        "six_hundred_destinations_are_read",
        six_hundred_destinations_are_read,
    ),
    (
        "five_hundred_services_are_read",
        five_hundred_services_are_read,
    ),
    ("proc_and_netlink_agree", proc_and_netlink_agree),
    ("connections_are_counted", connections_are_counted),
    (
        "reading_bears_a_busy_neighbour",
        reading_bears_a_busy_neighbour,
    ),
    ("no_descriptor_is_inherited", no_descriptor_is_inherited),
];

fn what_ipvsadm_writes_we_read() -> Outcome {
    for rule in RULES {
        ipvsadm(rule)?;
    }
    let table = Ipvs::new().dump()?;
    let expected = expected()?;
    for (key, service) in &expected {
        expect(&key.to_string(), table.get(key), Some(service))?;
    }
    expect("number of services", table.len(), expected.len())
}

fn an_empty_table_is_empty() -> Outcome {
    expect("table", Ipvs::new().dump()?, Table::new())
}

fn an_empty_service_is_shown() -> Outcome {
    ipvsadm("-A -f 7 -s rr")?;
    let expected = Table::from([(marked(7), entry(scheduled_by("rr"), &[])?)]);
    expect("table", Ipvs::new().dump()?, expected)
}

fn six_hundred_destinations_are_read() -> Outcome {
    let mut kernel = Ipvs::new();
    kernel.apply(&add_service(marked(80), scheduled_by("wlc")))?;
    for number in 0..600u32 {
        let address = format!("10.1.{}.{}:0", number / 200, number % 200 + 1);
        kernel.apply(&add(marked(80), &address, natted(number))?)?;
    }
    let table = kernel.dump()?;
    let mut weights: Vec<u32> = table[&marked(80)]
        .destinations
        .values()
        .map(|destination| destination.settings.weight)
        .collect();
    weights.sort_unstable();
    expect("weights", weights, (0..600).collect())?;
    let shown = ipvsadm("-Ln")?.matches("Masq").count();
    expect("destinations that ipvsadm shows", shown, 600)
}

fn five_hundred_services_are_read() -> Outcome {
    let mut kernel = Ipvs::new();
    for mark in 1..=500 {
        kernel.apply(&add_service(marked(mark), scheduled_by("rr")))?;
        kernel.apply(&add(marked(mark), "10.0.1.1:0", natted(mark))?)?;
    }
    let table = kernel.dump()?;
    expect("number of services", table.len(), 500)?;
    for mark in 1..=500 {
        let found = settings_of(&table, &marked(mark), "10.0.1.1:0")?;
        expect("weight", found.weight, mark)?;
    }
    Ok(())
}

/// What the text of `/proc` can tell of a service.
type Row = (String, BTreeMap<String, (Forward, u32)>);

fn proc_and_netlink_agree() -> Outcome {
    for rule in RULES {
        ipvsadm(rule)?;
    }
    let mut by_netlink: Vec<Row> = Vec::new();
    for (key, service) in Ipvs::new().dump()? {
        let name = match key {
            ServiceKey::Fwmark { mark, .. } => format!("mark {mark}"),
            ServiceKey::Address { protocol, socket } => format!("{protocol} {socket}"),
        };
        let persistent = service.settings.persistence.is_some();
        let name = format!("{name} {} {persistent}", service.settings.scheduler);
        let destinations = service.destinations.into_iter().map(|(socket, found)| {
            let settings = found.settings;
            (socket.to_string(), (settings.forward, settings.weight))
        });
        by_netlink.push((name, destinations.collect()));
    }
    let mut by_proc: Vec<Row> = Vec::new();
    for service in proc::parse(&fs::read_to_string(proc::PATH)?)? {
        let name = match service.key {
            ProcKey::Fwmark(mark) => format!("mark {mark}"),
            ProcKey::Address(protocol, socket) => format!("{protocol} {socket}"),
        };
        let name = format!("{name} {} {}", service.scheduler, service.persistent);
        let destinations = service.destinations.into_iter();
        by_proc.push((
            name,
            destinations
                .map(|(socket, found)| (socket.to_string(), (found.forward, found.weight)))
                .collect(),
        ));
    }
    by_netlink.sort_by(|a, b| a.0.cmp(&b.0));
    by_proc.sort_by(|a, b| a.0.cmp(&b.0));
    expect("/proc", by_proc, by_netlink)
}

fn connections_are_counted() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let server = listener.local_addr()?;
    ipvsadm("-A -t 127.0.0.2:80 -s rr")?;
    ipvsadm(&format!("-a -t 127.0.0.2:80 -r {server} -m"))?;
    let mut kernel = Ipvs::new();
    let idle = kernel.fingerprint();
    ensure(idle.is_some(), || format!("{} is not readable", proc::PATH))?;

    let clients: Vec<TcpStream> = (0..3)
        .map(|_| {
            let address = ([127, 0, 0, 2], 80).into();
            TcpStream::connect_timeout(&address, Duration::from_secs(5))
        })
        .collect::<Result<_, _>>()?;
    let key = service(Protocol::Tcp, "127.0.0.2:80")?;
    let counted = kernel.dump()?[&key].destinations[&server].connections;
    expect("established connections", counted.active, 3)?;
    let shown = line_of(&server.to_string(), "")?;
    expect(
        "what ipvsadm counts",
        shown.get(4).map(String::as_str),
        Some("3"),
    )?;
    expect("fingerprint", kernel.fingerprint(), idle.clone())?;

    ipvsadm(&format!("-e -t 127.0.0.2:80 -r {server} -m -w 9"))?;
    ensure(kernel.fingerprint() != idle, || {
        "a new weight left the fingerprint as it was".to_owned()
    })?;
    drop(clients);
    Ok(())
}

/// Another program adds and deletes a service all the time: it is never shown empty because it
/// vanished, and the one beside it is always whole.
fn reading_bears_a_busy_neighbour() -> Outcome {
    static STOP: AtomicBool = AtomicBool::new(false);
    original_set_up()?;
    // The kernel lists these before the neighbour's; meanwhile its service comes and goes.
    for port in 1..=40 {
        ipvsadm(&format!("-A -t 192.0.2.1:{port} -s rr"))?;
    }
    // A thread starts in the namespace of the thread that starts it.
    let neighbour = thread::spawn(|| -> Result<u32, hook::kernel::KernelError> {
        let mut kernel = Ipvs::new();
        let mut rounds = 0;
        while !STOP.load(Ordering::Relaxed) {
            kernel.apply(&add_service(marked(7), scheduled_by("rr")))?;
            for port in 1..=20 {
                let step = hook::table::Step::AddDestination {
                    service: marked(7),
                    destination: ([10, 0, 1, 9], port).into(),
                    to: natted(1),
                };
                kernel.apply(&step)?;
            }
            // From now until its end this service has destinations. It lives for a while, as
            // services do: one that is deleted and made anew between two system calls of a reader
            // cannot be told from one that was there all the time.
            kernel.apply(&add_service(marked(7), scheduled_by("wrr")))?;
            thread::sleep(LIFETIME);
            kernel.apply(&delete_service(marked(7)))?;
            rounds += 1;
        }
        Ok(rounds)
    });
    let outcome = watch_beside_neighbour();
    STOP.store(true, Ordering::Relaxed);
    let rounds = neighbour.join().map_err(|_| "the neighbour panicked")??;
    outcome?;
    ensure(rounds > 10, || {
        format!("the neighbour made {rounds} rounds")
    })
}

/// How long the neighbour's service lives with all its destinations.
const LIFETIME: Duration = Duration::from_millis(5);

fn watch_beside_neighbour() -> Outcome {
    let until = Instant::now() + Duration::from_secs(3);
    let mut kernel = Ipvs::new();
    let (mut with, mut without) = (0, 0);
    while Instant::now() < until || with == 0 || without == 0 {
        let table = kernel.dump()?;
        let own = table.get(&marked(80)).ok_or("our service was not read")?;
        expect("our destinations", own.destinations.len(), 2)?;
        match table.get(&marked(7)) {
            Some(service) => {
                with += 1;
                let vanished =
                    service.settings.scheduler == "wrr" && service.destinations.is_empty();
                ensure(!vanished, || {
                    "a service that vanished was shown empty".to_owned()
                })?;
            }
            None => without += 1,
        }
        let overdue = Instant::now() > until + Duration::from_secs(30);
        ensure(!overdue, || format!("seen {with} times, missed {without}"))?;
    }
    Ok(())
}

fn no_descriptor_is_inherited() -> Outcome {
    let mut kernel = Ipvs::new();
    kernel.dump()?;
    let ours = fs::read_dir("/proc/self/fd")?
        .filter_map(Result::ok)
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .count();
    ensure(ours > 0, || "the socket is not open".to_owned())?;
    let childs = run("ls", &["-l", "/proc/self/fd"])?;
    ensure(!childs.contains("socket:"), || {
        format!("a child has a socket:\n{childs}")
    })?;
    drop(kernel);
    Ok(())
}
