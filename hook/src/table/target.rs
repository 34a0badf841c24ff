//! A destination by its name in the state files and in what people read.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Family, Protocol, ServiceKey};

/// One destination of one service. Shown as `fwm:80/10.0.1.1`; with its port where that is not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// The virtual service.
    pub service: ServiceKey,
    /// The real server's address and port.
    pub destination: SocketAddr,
}

/// A name that is not one of a service or a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a virtual service or destination")]
pub struct NotAName;

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.destination.port() {
            0 => write!(f, "{}/{}", self.service, self.destination.ip()),
            _ => write!(f, "{}/{}", self.service, self.destination),
        }
    }
}

impl FromStr for ServiceKey {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let (kind, rest) = text.split_once(':').ok_or(NotAName)?;
        let marked = |family| {
            let mark = rest.parse().map_err(|_| NotAName)?;
            Ok(Self::Fwmark { family, mark })
        };
        let addressed = |protocol| {
            let socket = rest.parse().map_err(|_| NotAName)?;
            Ok(Self::Address { protocol, socket })
        };
        match kind {
            "fwm" => marked(Family::V4),
            "fwm6" => marked(Family::V6),
            "tcp" => addressed(Protocol::Tcp),
            "udp" => addressed(Protocol::Udp),
            "sctp" => addressed(Protocol::Sctp),
            _ => Err(NotAName),
        }
    }
}

impl FromStr for Target {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let (service, place) = text.split_once('/').ok_or(NotAName)?;
        let destination = match place.parse::<SocketAddr>() {
            Ok(socket) => socket,
            Err(_) => SocketAddr::new(place.parse::<IpAddr>().map_err(|_| NotAName)?, 0),
        };
        Ok(Self {
            service: service.parse()?,
            destination,
        })
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let named = |error| serde::de::Error::custom(format!("{text:?} is {error}"));
        text.parse().map_err(named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_as_it_is_written() {
        for name in [
            "fwm:80/10.0.1.1",
            "fwm6:80/2001:db8::1",
            "tcp:192.0.2.1:443/10.0.1.1:8443",
            "udp:[2001:db8::35]:53/[2001:db8::1]:53",
            "sctp:192.0.2.1:0/10.0.1.1",
        ] {
            let target: Target = name.parse().expect(name);
            assert_eq!(target.to_string(), name);
            assert_eq!(target.service.to_string().parse(), Ok(target.service));
        }
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for text in [
            "",
            "/",
            "fwm:80",
            "fwm:80/",
            "fwm:x/10.0.1.1",
            "icmp:80/10.0.1.1",
            "tcp:80/10.0.1.1",
            "fwm:80/10.0.1.1/10.0.1.1",
        ] {
            assert_eq!(text.parse::<Target>(), Err(NotAName), "{text}");
        }
    }
}
