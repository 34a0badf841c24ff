//! The IPVS table as data: what the kernel has, and what we want it to have.
//!
//! Names and meanings follow `ipvsadm(8)` and the kernel header `linux/ip_vs.h`.

mod target;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

pub use target::{NotAName, Target};

/// Address family of a virtual service that is found by firewall mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4 packets.
    V4,
    /// IPv6 packets.
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() {
            Self::V4
        } else {
            Self::V6
        }
    }
}

/// Transport protocol of a virtual service that is found by address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// What makes a virtual service the one it is. The kernel knows no other identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceKey {
    /// All packets with this firewall mark. Shown as `fwm:80`, for IPv6 as `fwm6:80`.
    Fwmark {
        /// IPv4 and IPv6 services with one mark are two services.
        family: Family,
        /// Never 0.
        mark: u32,
    },
    /// Packets to one address and port. Shown as `tcp:192.0.2.1:80`.
    Address {
        /// The transport protocol.
        protocol: Protocol,
        /// The VIP and the port; port 0 takes every port and needs persistence.
        socket: SocketAddr,
    },
}

impl ServiceKey {
    /// The address family of the packets of this service.
    pub fn family(&self) -> Family {
        match self {
            Self::Fwmark { family, .. } => *family,
            Self::Address { socket, .. } => Family::of(socket.ip()),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fwmark {
                family: Family::V4,
                mark,
            } => write!(f, "fwm:{mark}"),
            Self::Fwmark {
                family: Family::V6,
                mark,
            } => write!(f, "fwm6:{mark}"),
            Self::Address { protocol, socket } => write!(f, "{protocol}:{socket}"),
        }
    }
}

/// Flag of one-packet scheduling (`IP_VS_SVC_F_ONEPACKET` of `linux/ip_vs.h`).
pub const ONE_PACKET: u32 = 0x4;

/// Flags whose meaning is the scheduler's (`IP_VS_SVC_F_SCHED1` to `3`).
pub const SCHEDULER_FLAGS: [u32; 3] = [0x8, 0x10, 0x20];

/// How a virtual service distributes connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSettings {
    /// The scheduler's name, such as `wlc`.
    pub scheduler: String,
    /// Persistence time in seconds; `None` for a service without persistence.
    pub persistence: Option<u32>,
    /// Which part of a client's address counts for persistence: an IPv4 mask in host byte order,
    /// or an IPv6 prefix length. All ones (or 128) is the default of `ipvsadm`.
    pub netmask: u32,
    /// Flags other than persistence and the kernel's own `HASHED` (`IP_VS_SVC_F_*`: one-packet
    /// scheduling 0x4, scheduler flags 0x8 to 0x20).
    pub flags: u32,
    /// Name of the persistence engine, such as `sip`.
    pub persistence_engine: Option<String>,
}

impl ServiceSettings {
    /// The netmask that tells every client address from every other.
    pub fn host_netmask(family: Family) -> u32 {
        match family {
            Family::V4 => u32::MAX,
            Family::V6 => 128,
        }
    }
}

/// How packets reach a destination (`IP_VS_CONN_F_FWD_MASK`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Forward {
    /// Network address translation (`ipvsadm -m`).
    Nat,
    /// The director itself.
    Local,
    /// IP-IP or another tunnel (`ipvsadm -i`).
    Tunnel,
    /// Direct routing (`ipvsadm -g`).
    Direct,
    /// Bypass, set by the kernel alone.
    Bypass,
}

/// Encapsulation of the `Tunnel` method (`IP_VS_CONN_F_TUNNEL_TYPE_*`); all 0 for plain IP-IP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encapsulation {
    /// 0 IP-IP, 1 GUE, 2 GRE.
    pub kind: u8,
    /// UDP port of GUE, host byte order.
    pub port: u16,
    /// Checksum flags.
    pub flags: u16,
}

/// What can be changed of a destination without making it another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DestinationSettings {
    /// Forwarding method.
    pub forward: Forward,
    /// 0 quiesces: no new connections, old ones go on.
    pub weight: u32,
    /// No new connections above this number; 0 for no limit.
    pub upper_threshold: u32,
    /// New connections again below this number; 0 for the kernel's default.
    pub lower_threshold: u32,
    /// Encapsulation of the tunnel method.
    pub encapsulation: Encapsulation,
}

/// The connections of a destination, as the kernel counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// Established.
    pub active: u32,
    /// All others.
    pub inactive: u32,
    /// Persistence templates.
    pub persistent: u32,
}

/// A destination as the kernel has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// What can be changed.
    pub settings: DestinationSettings,
    /// Counted by the kernel; never compared and never written.
    pub connections: Connections,
}

/// A virtual service as the kernel has it. A destination's key is its address and port; port 0
/// in a marked service keeps the port that the client asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// How it distributes.
    pub settings: ServiceSettings,
    /// Where it leads.
    pub destinations: BTreeMap<SocketAddr, Destination>,
}

/// A whole IPVS table.
pub type Table = BTreeMap<ServiceKey, Service>;

/// One change of the table. Steps are idempotent: adding what is there edits it, editing a
/// destination that is gone adds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Create a virtual service without destinations.
    AddService {
        /// Which.
        service: ServiceKey,
        /// Its settings.
        to: ServiceSettings,
    },
    /// Change a virtual service in place.
    EditService {
        /// Which.
        service: ServiceKey,
        /// What the kernel had when this was decided.
        from: ServiceSettings,
        /// Its new settings.
        to: ServiceSettings,
    },
    /// Add a destination.
    AddDestination {
        /// To which service.
        service: ServiceKey,
        /// Which destination.
        destination: SocketAddr,
        /// Its settings.
        to: DestinationSettings,
    },
    /// Change a destination in place.
    EditDestination {
        /// Of which service.
        service: ServiceKey,
        /// Which destination.
        destination: SocketAddr,
        /// What the kernel had when this was decided.
        from: DestinationSettings,
        /// Its new settings.
        to: DestinationSettings,
    },
    /// Remove a destination; its connections end.
    DeleteDestination {
        /// From which service.
        service: ServiceKey,
        /// Which destination.
        destination: SocketAddr,
        /// What the kernel had when this was decided.
        from: DestinationSettings,
    },
    /// Remove a virtual service with its destinations.
    DeleteService {
        /// Which.
        service: ServiceKey,
        /// What the kernel had when this was decided.
        from: ServiceSettings,
    },
}

/// So many steps go together at most: the kernel's answers to them fit into a socket's buffer.
const TOGETHER: usize = 64;

/// Steps in their order, in groups of which each may be carried out as one: whichever of a group
/// were left out, the table would serve. What gains weight comes before what loses it still.
pub fn together(steps: &[Step]) -> impl Iterator<Item = &[Step]> {
    let groups = steps.chunk_by(|one, next| {
        let course = one.course();
        course.is_some() && course == next.course() && one.service() == next.service()
    });
    groups.flat_map(|group| group.chunks(TOGETHER))
}

impl Step {
    /// For a step that sets a destination: whether it loses weight.
    fn course(&self) -> Option<bool> {
        match self {
            Self::AddDestination { .. } => Some(false),
            Self::EditDestination { from, to, .. } => Some(to.weight < from.weight),
            _ => None,
        }
    }

    /// The destination that a step is about, if it is about one.
    pub fn destination(&self) -> Option<SocketAddr> {
        match self {
            Self::AddDestination { destination, .. }
            | Self::EditDestination { destination, .. }
            | Self::DeleteDestination { destination, .. } => Some(*destination),
            Self::AddService { .. } | Self::EditService { .. } | Self::DeleteService { .. } => None,
        }
    }

    /// The weight that a step gives to its destination, if it gives one.
    pub fn weight(&self) -> Option<u32> {
        match self {
            Self::AddDestination { to, .. } | Self::EditDestination { to, .. } => Some(to.weight),
            _ => None,
        }
    }

    /// The service that a step is about.
    pub fn service(&self) -> ServiceKey {
        match self {
            Self::AddService { service, .. }
            | Self::EditService { service, .. }
            | Self::AddDestination { service, .. }
            | Self::EditDestination { service, .. }
            | Self::DeleteDestination { service, .. }
            | Self::DeleteService { service, .. } => *service,
        }
    }

    /// Makes a table what it is after this step.
    pub fn follow(&self, table: &mut Table) {
        match self {
            Self::AddService { service, to } | Self::EditService { service, to, .. } => {
                let there = table.entry(*service).or_insert_with(|| Service {
                    settings: to.clone(),
                    destinations: BTreeMap::new(),
                });
                there.settings.clone_from(to);
            }
            Self::AddDestination {
                service,
                destination,
                to,
            }
            | Self::EditDestination {
                service,
                destination,
                to,
                ..
            } => {
                if let Some(there) = table.get_mut(service) {
                    let connections = Connections::default();
                    let fresh = Destination {
                        settings: *to,
                        connections,
                    };
                    there
                        .destinations
                        .entry(*destination)
                        .or_insert(fresh)
                        .settings = *to;
                }
            }
            Self::DeleteDestination {
                service,
                destination,
                ..
            } => {
                if let Some(there) = table.get_mut(service) {
                    there.destinations.remove(destination);
                }
            }
            Self::DeleteService { service, .. } => {
                table.remove(service);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A step on one of two services: a destination that is added, gains or loses, or none.
    fn any_step() -> impl Strategy<Value = Step> {
        (1_u32..3, 0_u8..4, 0_u32..3).prop_map(|(mark, kind, weight)| {
            let family = Family::V4;
            let service = ServiceKey::Fwmark { family, mark };
            let destination = SocketAddr::from(([10, 0, 1, 1], 0));
            let with = |weight| DestinationSettings {
                forward: Forward::Nat,
                weight,
                upper_threshold: 0,
                lower_threshold: 0,
                encapsulation: Encapsulation::default(),
            };
            match kind {
                0 => Step::AddDestination {
                    service,
                    destination,
                    to: with(weight),
                },
                1 | 2 => Step::EditDestination {
                    service,
                    destination,
                    from: with(1),
                    to: with(weight),
                },
                _ => Step::DeleteDestination {
                    service,
                    destination,
                    from: with(weight),
                },
            }
        })
    }

    proptest! {
        #[test]
        fn groups_keep_the_order_and_never_mix_services_or_gains_with_losses(
            steps in prop::collection::vec(any_step(), 0..300),
        ) {
            let groups: Vec<&[Step]> = together(&steps).collect();
            prop_assert_eq!(&groups.concat(), &steps);
            for group in groups {
                prop_assert!(!group.is_empty() && group.len() <= TOGETHER);
                let alike = group.iter().all(|step| {
                    step.service() == group[0].service() && step.course() == group[0].course()
                });
                prop_assert!(alike);
                prop_assert!(group.len() == 1 || group[0].course().is_some());
            }
        }
    }
}
