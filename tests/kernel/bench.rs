//! What one weight change costs, against one `ipvsadm -e` process, interleaved in one run.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hook::kernel::VirtualServers;
use hook::kernel::ipvs::Ipvs;

use crate::tools::*;

const DESTINATION: &str = "10.1.0.1:0";

/// Prints a table of medians for small and large services.
pub(crate) fn run(rounds: usize) -> Outcome {
    println!("one weight change, {rounds} rounds, microseconds: median (10 % to 90 %)");
    println!(
        "{:>12} {:>24} {:>28} {:>8}",
        "destinations", "governess", "ipvsadm -e", "ratio"
    );
    for (mark, destinations) in [(80, 2), (81, 16), (82, 600)] {
        measure(mark, destinations, rounds)?;
    }
    Ok(())
}

fn measure(mark: u32, destinations: u32, rounds: usize) -> Outcome {
    let mut kernel = Ipvs::new();
    kernel.apply(&add_service(marked(mark), scheduled_by("wlc")))?;
    for number in 0..destinations {
        let address = format!("10.1.{}.{}:0", number / 200, number % 200 + 1);
        kernel.apply(&add(marked(mark), &address, natted(1))?)?;
    }
    let mark_text = mark.to_string();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let down = edit(marked(mark), DESTINATION, natted(1), natted(0))?;
        let start = Instant::now();
        kernel.apply(&down)?;
        ours.push(start.elapsed());

        let mut peer = Command::new("/usr/sbin/ipvsadm");
        peer.args(["-e", "-f", &mark_text, "-r", "10.1.0.1", "-m", "-w", "1"]);
        peer.stdin(Stdio::null());
        let start = Instant::now();
        let status = peer.status()?;
        theirs.push(start.elapsed());
        ensure(status.success(), || format!("ipvsadm: {status}"))?;
    }
    let ratio = median(&mut theirs).as_secs_f64() / median(&mut ours).as_secs_f64();
    println!(
        "{destinations:>12} {:>24} {:>28} {ratio:>8.0}",
        spread(&mut ours),
        spread(&mut theirs)
    );
    Ok(())
}

fn median(times: &mut [Duration]) -> Duration {
    quantile(times, 50)
}

fn quantile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times
        .get(times.len() * percent / 100)
        .copied()
        .unwrap_or_default()
}

fn spread(times: &mut [Duration]) -> String {
    let micros = |time: Duration| format!("{:.0}", time.as_secs_f64() * 1e6);
    format!(
        "{} ({} to {})",
        micros(median(times)),
        micros(quantile(times, 10)),
        micros(quantile(times, 90))
    )
}
