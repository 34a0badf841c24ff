//! What cannot be done is named, and does no harm to what follows.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use hook::kernel::ipvs::Ipvs;
use hook::kernel::{KernelError, VirtualServers};
use hook::table::{DestinationSettings, Step};

use crate::Case;
use crate::tools::*;

/// The argument by which this program calls itself as another user.
pub(crate) const UNPRIVILEGED: &str = "--unprivileged";

const NOBODY: u32 = 65534;
const MODPROBE: &str = "/proc/sys/kernel/modprobe";

pub(crate) const CASES: &[Case] = &[
    (
        "a_kernel_without_ipvs_is_named",
        a_kernel_without_ipvs_is_named,
    ),
    (
        "the_module_is_loaded_on_demand",
        the_module_is_loaded_on_demand,
    ),
    (
        "without_privileges_nothing_is_done",
        without_privileges_nothing_is_done,
    ),
    (
        "an_unknown_scheduler_is_named",
        an_unknown_scheduler_is_named,
    ),
    ("a_missing_service_is_named", a_missing_service_is_named),
    (
        "a_service_deleted_since_the_dump_is_named",
        a_service_deleted_since_the_dump_is_named,
    ),
    (
        "an_address_that_the_kernel_refuses_is_explained",
        an_address_that_the_kernel_refuses_is_explained,
    ),
    (
        "a_reloaded_module_is_found_again",
        a_reloaded_module_is_found_again,
    ),
];

/// The error of a call that must fail.
fn refusal<T: std::fmt::Debug>(outcome: Result<T, KernelError>) -> Outcome<KernelError> {
    match outcome {
        Err(error) => Ok(error),
        Ok(value) => Err(format!("was not refused: {value:?}").into()),
    }
}

fn mentions(error: &KernelError, words: &[&str]) -> Outcome {
    let text = error.to_string();
    for word in words {
        ensure(text.contains(word), || {
            format!("{text:?} does not say {word:?}")
        })?;
    }
    Ok(())
}

/// No trace of `ip_vs`. The kernel keeps it while a table is in use, and clears the tables of a
/// namespace that ended some time later, unannounced.
fn unload() -> Outcome {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        match remove_modules() {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() > until => return Err(error),
            Err(_) => thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn remove_modules() -> Outcome {
    let loaded = fs::read_to_string("/proc/modules")?;
    let names = || loaded.lines().filter_map(|line| line.split(' ').next());
    // The schedulers and engines first, for they hold the module itself.
    let parts = names().filter(|name| name.starts_with("ip_vs_"));
    for module in parts.chain(names().filter(|name| *name == "ip_vs")) {
        run("rmmod", &[module])?;
    }
    Ok(())
}

fn a_kernel_without_ipvs_is_named() -> Outcome {
    unload()?;
    let loader = fs::read_to_string(MODPROBE)?;
    fs::write(MODPROBE, "/nonexistent")?;
    let outcome = Ipvs::new().dump();
    fs::write(MODPROBE, loader.trim_end())?;
    let error = refusal(outcome)?;
    ensure(matches!(error, KernelError::NoIpvs { .. }), || {
        format!("{error:?}")
    })?;
    mentions(&error, &["no IPVS", "modprobe ip_vs"])
}

fn the_module_is_loaded_on_demand() -> Outcome {
    unload()?;
    Ipvs::new().dump()?;
    let modules = fs::read_to_string("/proc/modules")?;
    let loaded = modules.lines().any(|line| line.starts_with("ip_vs "));
    ensure(loaded, || format!("ip_vs is not there:\n{modules}"))
}

/// Runs as another user: what it is told, on its output.
pub(crate) fn report_unprivileged() -> ExitCode {
    let mut kernel = Ipvs::new();
    let seen = kernel.fingerprint().is_some();
    println!("sees the table in /proc: {seen}");
    match kernel.dump() {
        Err(error @ KernelError::Permission { .. }) => println!("permission: {error}"),
        other => println!("unexpected: {other:?}"),
    }
    let step = add_service(marked(9), scheduled_by("rr"));
    match kernel.apply(&step) {
        Err(error @ KernelError::Permission { .. }) => println!("permission: {error}"),
        other => println!("unexpected: {other:?}"),
    }
    ExitCode::SUCCESS
}

fn without_privileges_nothing_is_done() -> Outcome {
    original_set_up()?;
    // The folder of this program may be closed to other users.
    let copy = env::temp_dir().join(format!("unprivileged.{}", std::process::id()));
    fs::copy(env::current_exe()?, &copy)?;
    let output = Command::new(&copy)
        .arg(UNPRIVILEGED)
        .uid(NOBODY)
        .gid(NOBODY)
        .output();
    fs::remove_file(&copy)?;
    let output = output?;
    let text = String::from_utf8_lossy(&output.stdout);
    for expected in [
        "permission: read the IPVS table: permission denied",
        "permission: add virtual service fwm:9: permission denied",
        "CAP_NET_ADMIN",
    ] {
        ensure(text.contains(expected), || {
            format!("{text:?} does not say {expected:?}")
        })?;
    }
    expect("rules", rules()?.len(), 3)
}

fn an_unknown_scheduler_is_named() -> Outcome {
    let mut kernel = Ipvs::new();
    let error = refusal(kernel.apply(&add_service(marked(80), scheduled_by("nosuch"))))?;
    mentions(&error, &["fwm:80", "\"nosuch\"", "ip_vs_nosuch"])?;

    original_set_up()?;
    let from = kernel.dump()?[&marked(80)].settings.clone();
    let step = Step::EditService {
        service: marked(80),
        from: from.clone(),
        to: hook::table::ServiceSettings {
            scheduler: "nosuch".to_owned(),
            ..from.clone()
        },
    };
    let error = refusal(kernel.apply(&step))?;
    mentions(&error, &["fwm:80", "ip_vs_nosuch"])?;
    expect("settings", &kernel.dump()?[&marked(80)].settings, &from)?;

    let error = refusal(kernel.apply(&add_service(
        marked(81),
        scheduled_by("far_too_long_a_name"),
    )))?;
    mentions(&error, &["fwm:81", "far_too_long_a_name", "15 bytes"])
}

fn a_missing_service_is_named() -> Outcome {
    let mut kernel = Ipvs::new();
    for step in [
        add(marked(80), "10.0.1.1:0", natted(1))?,
        edit(marked(80), "10.0.1.1:0", natted(1), natted(0))?,
        Step::EditService {
            service: marked(80),
            from: scheduled_by("rr"),
            to: scheduled_by("wlc"),
        },
    ] {
        let error = refusal(kernel.apply(&step))?;
        ensure(matches!(error, KernelError::NoService { .. }), || {
            format!("{error:?}")
        })?;
        mentions(&error, &["fwm:80"])?;
    }
    expect("rules", rules()?.len(), 0)
}

fn a_service_deleted_since_the_dump_is_named() -> Outcome {
    original_set_up()?;
    let mut kernel = Ipvs::new();
    let from = settings_of(&kernel.dump()?, &marked(80), "10.0.1.1:0")?;
    ipvsadm("-D -f 80")?;
    let to = DestinationSettings { weight: 0, ..from };
    let error = refusal(kernel.apply(&edit(marked(80), "10.0.1.1:0", from, to)?))?;
    ensure(matches!(error, KernelError::NoService { .. }), || {
        format!("{error:?}")
    })?;
    mentions(&error, &["10.0.1.1:0", "fwm:80", "from 1 to 0"])?;
    expect("services", kernel.dump()?.len(), 0)
}

fn an_address_that_the_kernel_refuses_is_explained() -> Outcome {
    original_set_up()?;
    let mut kernel = Ipvs::new();
    for destination in ["224.0.0.1:0", "[2001:db8::a]:0"] {
        let error = refusal(kernel.apply(&add(marked(80), destination, natted(1))?))?;
        mentions(
            &error,
            &[destination, "fwm:80", "unicast", "Invalid argument"],
        )?;
    }
    let crossed = DestinationSettings {
        upper_threshold: 1,
        lower_threshold: 2,
        ..natted(1)
    };
    let error = refusal(kernel.apply(&add(marked(80), "10.0.1.3:0", crossed)?))?;
    mentions(&error, &["10.0.1.3:0", "lower threshold"])?;
    expect("rules", rules()?.len(), 3)
}

/// The family gets another number; the first call may fail over it, the second must work.
fn a_reloaded_module_is_found_again() -> Outcome {
    let mut kernel = Ipvs::new();
    kernel.dump()?;
    unload()?;
    run("modprobe", &["ip_vs"])?;
    let first = kernel.dump();
    let second = kernel.dump();
    ensure(second.is_ok(), || {
        format!("first {first:?}, then {second:?}")
    })?;
    original_set_up()?;
    expect("services", kernel.dump()?.len(), 1)
}
