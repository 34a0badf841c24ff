//! The receive connectors of an Exchange server, by port: what a healthy one announces and answers
//! (Microsoft, "Receive connectors" and "Network ports for clients and mail flow in Exchange").

use std::time::Duration;

/// How long an Exchange server waits before it sends a refusal (5xx), with a second for the way:
/// `TarpitInterval`, 5 s by default.
pub(super) const TARPIT: Duration = Duration::from_secs(6);

/// A receive connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connector {
    /// 25, "Default Frontend": anonymous senders from the world.
    DefaultFrontend,
    /// 587, "Client Frontend": users.
    ClientFrontend,
    /// 465, "Client Proxy": the front end of any server on behalf of 587. It speaks STARTTLS.
    ClientProxy,
    /// 2525, "Default": servers of the organization.
    Default,
    /// 717, "Outbound Proxy Frontend": the transport service of any server.
    OutboundProxy,
    /// Any other port.
    Other,
}

impl Connector {
    /// The connector of a port.
    pub fn of(port: u16) -> Self {
        match port {
            25 => Self::DefaultFrontend,
            587 => Self::ClientFrontend,
            465 => Self::ClientProxy,
            2525 => Self::Default,
            717 => Self::OutboundProxy,
            _ => Self::Other,
        }
    }

    /// What a healthy Exchange server announces there before TLS, beside STARTTLS and SIZE, and
    /// without which it does not do its work.
    pub fn expected(self) -> &'static [&'static str] {
        match self {
            Self::DefaultFrontend | Self::Default => &["X-ANONYMOUSTLS", "X-EXPS"],
            Self::ClientFrontend => &["AUTH"],
            Self::ClientProxy => &["X-ANONYMOUSTLS", "X-EXPS", "AUTH"],
            Self::OutboundProxy => &["X-ANONYMOUSTLS"],
            Self::Other => &[],
        }
    }

    /// Whether strangers may send mail there, so that a refusal is a fault.
    pub fn takes_strangers(self) -> bool {
        self == Self::DefaultFrontend
    }

    /// Whether it refuses strangers only after the tarpit.
    pub fn has_tarpit(self) -> bool {
        matches!(
            self,
            Self::ClientFrontend | Self::ClientProxy | Self::Default
        )
    }

    /// Whether people's mail programs come there, which accept no self-signed certificate.
    pub fn serves_people(self) -> bool {
        self == Self::ClientFrontend
    }

    /// Whether its certificate is for the name that clients know. The others are for Exchange
    /// itself, with a certificate that it made for itself.
    pub fn has_public_certificate(self) -> bool {
        matches!(
            self,
            Self::DefaultFrontend | Self::ClientFrontend | Self::Other
        )
    }
}
