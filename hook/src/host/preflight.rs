//! What would stop the set-up half way, found before anything is touched.

use super::{Parts, claims};
use crate::kernel::address::preflight::{Obstacle, preflight as of_addresses};
use crate::kernel::address::{Addresses, KernelAddresses};
use crate::setup::{Firewall, Setup};

/// Everything that stands in the way of a set-up; nothing is changed.
///
/// An interface without carrier stands in nobody's way: it is waited for.
pub fn preflight(setup: &Setup, parts: &mut Parts) -> Vec<String> {
    let mut obstacles = Vec::new();
    let claims = claims(setup);
    if !claims.is_empty() {
        match KernelAddresses::new().interfaces() {
            Ok(interfaces) => obstacles.extend(
                of_addresses(&claims, &interfaces)
                    .into_iter()
                    .filter(|fault| fault.obstacle != Obstacle::NoCarrier)
                    .map(|fault| fault.to_string()),
            ),
            Err(error) => obstacles.push(error.to_string()),
        }
    }
    if setup.firewall != Firewall::default()
        && let Err(error) = parts.firewall.check(&setup.firewall)
    {
        obstacles.push(error.to_string());
    }
    obstacles.extend(unwritable(setup, parts));
    obstacles
}

/// Parameters of forwarding that differ and cannot be written: nothing would pass. Writing back
/// what is there changes nothing and shows it. Those of IPVS are told about and gone without.
fn unwritable(setup: &Setup, parts: &mut Parts) -> Vec<String> {
    let mut obstacles = Vec::new();
    for wanted in setup
        .sysctls
        .iter()
        .filter(|wanted| !wanted.name.starts_with("net.ipv4.vs."))
    {
        let error = match parts.sysctls.read(wanted.name) {
            Ok(found) if found == wanted.value => continue,
            Ok(found) => parts
                .sysctls
                .write(wanted.name, &found)
                .err()
                .map(|e| e.wanting(wanted.value)),
            Err(error) => Some(error),
        };
        if let Some(error) = error {
            obstacles.push(format!("{error} ({})", wanted.why));
        }
    }
    obstacles
}
