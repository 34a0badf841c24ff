//! `backend = "weights"`: the kernel's table belongs to another program, such as keepalived,
//! ldirectord or nanny. The weights of destinations that are there change, and nothing else: one
//! destination or service deleted under nanny would end the whole director.

use super::ipvs::Ipvs;
use super::{KernelError, VirtualServers};
use crate::operate::plan;
use crate::table::{DestinationSettings, Step, Table};

/// The kernel's table, for its weights alone.
#[derive(Debug, Default)]
pub struct Weights {
    ipvs: Ipvs,
}

impl VirtualServers for Weights {
    fn dump(&mut self) -> Result<Table, KernelError> {
        self.ipvs.dump()
    }

    fn apply(&mut self, step: &Step) -> Result<(), KernelError> {
        match step {
            Step::EditDestination {
                service,
                destination,
                from,
                to,
            } if is_weight_alone(from, to) => {
                self.ipvs.set_weight(*service, *destination, to.weight)
            }
            _ => Err(KernelError::NotOurs {
                what: plan::words(step),
            }),
        }
    }

    fn fingerprint(&mut self) -> Option<String> {
        self.ipvs.fingerprint()
    }

    fn shows(&self, fingerprint: &str, table: &Table) -> bool {
        self.ipvs.shows(fingerprint, table)
    }

    fn became(&self, before: &str, fingerprint: &str, expected: &Table) -> bool {
        self.ipvs.became(before, fingerprint, expected)
    }
}

/// Whether a change is one of weight and of nothing else.
pub(super) fn is_weight_alone(from: &DestinationSettings, to: &DestinationSettings) -> bool {
    DestinationSettings {
        weight: to.weight,
        ..*from
    } == *to
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Encapsulation, Family, Forward, ServiceKey, ServiceSettings};

    #[test]
    fn whatever_only_the_owner_may_do_is_refused_before_the_kernel_is_asked() {
        let service = ServiceKey::Fwmark {
            family: Family::V4,
            mark: 80,
        };
        let destination = "10.0.1.1:0".parse().unwrap();
        let from = DestinationSettings {
            forward: Forward::Nat,
            weight: 1,
            upper_threshold: 0,
            lower_threshold: 0,
            encapsulation: Encapsulation::default(),
        };
        let settings = ServiceSettings {
            scheduler: "wlc".to_owned(),
            persistence: None,
            netmask: u32::MAX,
            flags: 0,
            persistence_engine: None,
        };
        let direct = DestinationSettings {
            forward: Forward::Direct,
            ..from
        };
        for step in [
            Step::AddService {
                service,
                to: settings.clone(),
            },
            Step::EditService {
                service,
                from: settings.clone(),
                to: settings.clone(),
            },
            Step::DeleteService {
                service,
                from: settings,
            },
            Step::AddDestination {
                service,
                destination,
                to: from,
            },
            Step::DeleteDestination {
                service,
                destination,
                from,
            },
            Step::EditDestination {
                service,
                destination,
                from,
                to: direct,
            },
        ] {
            let refused = Weights::default().apply(&step);
            assert!(
                matches!(refused, Err(KernelError::NotOurs { .. })),
                "{step:?}"
            );
        }
    }
}
