//! What each connector of an Exchange 2019 server announces and answers.

use super::Behaviour;

/// A receive connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connector {
    /// 25, "Default Frontend".
    DefaultFrontend,
    /// 587, "Client Frontend".
    ClientFrontend,
    /// 465, "Client Proxy".
    ClientProxy,
    /// 717, "Outbound Proxy Frontend".
    OutboundProxy,
    /// 2525, "Default".
    Default,
}

impl Connector {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::DefaultFrontend,
        Self::ClientFrontend,
        Self::ClientProxy,
        Self::OutboundProxy,
        Self::Default,
    ];

    /// Its port on a real server.
    pub fn port(self) -> u16 {
        match self {
            Self::DefaultFrontend => 25,
            Self::ClientFrontend => 587,
            Self::ClientProxy => 465,
            Self::OutboundProxy => 717,
            Self::Default => 2525,
        }
    }

    /// Whether it belongs to the transport service rather than to the front end.
    pub(super) fn is_hub(self) -> bool {
        matches!(self, Self::ClientProxy | Self::Default)
    }

    /// Whether strangers may send.
    pub(super) fn takes_strangers(self) -> bool {
        self == Self::DefaultFrontend
    }

    /// Whether refusals are delayed.
    pub(super) fn has_tarpit(self) -> bool {
        self != Self::OutboundProxy
    }

    /// The keywords of EHLO, in the order of the server.
    pub(super) fn capabilities(self, behaviour: Behaviour, over_tls: bool) -> Vec<&'static str> {
        let size = match self {
            Self::Default => "SIZE",
            _ => "SIZE 37748736",
        };
        let auth = match (self, over_tls) {
            (Self::ClientFrontend | Self::ClientProxy, false) => "AUTH GSSAPI NTLM",
            (Self::ClientFrontend | Self::ClientProxy, true) => "AUTH GSSAPI NTLM LOGIN",
            (_, false) => "AUTH NTLM",
            (_, true) => "AUTH NTLM LOGIN",
        };
        let frontend = self == Self::ClientFrontend;
        let mut keywords = vec![size, "PIPELINING", "DSN", "ENHANCEDSTATUSCODES"];
        if !over_tls {
            keywords.push("STARTTLS");
            if !frontend {
                keywords.push("X-ANONYMOUSTLS");
            }
        }
        keywords.push(auth);
        if !frontend {
            keywords.push("X-EXPS GSSAPI NTLM");
        }
        keywords.extend(["8BITMIME", "BINARYMIME", "CHUNKING"]);
        if self.is_hub() {
            keywords.extend(["XEXCH50", "XSHADOWREQUEST"]);
        }
        if !frontend {
            keywords.push("XRDST");
        }
        keywords.push("SMTPUTF8");
        for keyword in &mut keywords {
            match behaviour {
                Behaviour::Rewritten if *keyword == "STARTTLS" => *keyword = "XXXXXXXA",
                Behaviour::RewrittenOther if *keyword == "CHUNKING" => *keyword = "XXXXXXXB",
                _ => {}
            }
        }
        keywords.retain(|keyword| match behaviour {
            Behaviour::NoStarttls => *keyword != "STARTTLS",
            Behaviour::NoAnonymousTls => {
                *keyword != "X-ANONYMOUSTLS" && !keyword.starts_with("X-EXPS")
            }
            Behaviour::NoSize => !keyword.starts_with("SIZE"),
            _ => true,
        });
        keywords
    }
}
