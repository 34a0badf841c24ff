//! Read, modify, write: the kernel replaces a whole service or destination, so a change is laid
//! over what the kernel has at that moment.
//!
//! A field that a step does not change keeps the kernel's present value, even if somebody else
//! changed it since the step was decided.

use crate::table::{DestinationSettings, Encapsulation, ServiceSettings};

/// What a destination becomes when the difference between `from` and `to` is laid over `now`.
pub(super) fn destination(
    now: &DestinationSettings,
    from: &DestinationSettings,
    to: &DestinationSettings,
) -> DestinationSettings {
    let tunnel = |field: fn(&Encapsulation) -> u16| {
        pick(
            field(&now.encapsulation),
            &field(&from.encapsulation),
            &field(&to.encapsulation),
        )
    };
    DestinationSettings {
        forward: pick(now.forward, &from.forward, &to.forward),
        weight: pick(now.weight, &from.weight, &to.weight),
        upper_threshold: pick(
            now.upper_threshold,
            &from.upper_threshold,
            &to.upper_threshold,
        ),
        lower_threshold: pick(
            now.lower_threshold,
            &from.lower_threshold,
            &to.lower_threshold,
        ),
        encapsulation: Encapsulation {
            kind: pick(
                now.encapsulation.kind,
                &from.encapsulation.kind,
                &to.encapsulation.kind,
            ),
            port: tunnel(|tunnel| tunnel.port),
            flags: tunnel(|tunnel| tunnel.flags),
        },
    }
}

/// The same for a service; flags are laid over bit by bit.
pub(super) fn service(
    now: &ServiceSettings,
    from: &ServiceSettings,
    to: &ServiceSettings,
) -> ServiceSettings {
    let changed_flags = from.flags ^ to.flags;
    ServiceSettings {
        scheduler: pick(now.scheduler.clone(), &from.scheduler, &to.scheduler),
        persistence: pick(now.persistence, &from.persistence, &to.persistence),
        netmask: pick(now.netmask, &from.netmask, &to.netmask),
        flags: now.flags & !changed_flags | to.flags & changed_flags,
        persistence_engine: pick(
            now.persistence_engine.clone(),
            &from.persistence_engine,
            &to.persistence_engine,
        ),
    }
}

fn pick<T: PartialEq + Clone>(now: T, from: &T, to: &T) -> T {
    if from == to { now } else { to.clone() }
}
