//! The name of a virtual directory.

use std::fmt;
use std::str::FromStr;

/// The longest name that is taken: IIS knows no limit of its own below that of a path.
const LONGEST: usize = 128;

/// A virtual directory of the site, such as `owa`: one or more segments of a path, without the
/// slashes around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vdir(String);

impl Vdir {
    /// The path of its health page.
    pub fn health_page(&self) -> String {
        format!("/{}/healthcheck.htm", self.0)
    }

    /// The component whose state its health page tells, by the name that
    /// `Get-ServerComponentState` gives it, where Exchange has one for it.
    pub fn component(&self) -> Option<&'static str> {
        self.known().map(|(_, component, _)| component)
    }

    /// The application pool of its front end, where Exchange has one for it.
    pub fn pool(&self) -> Option<&'static str> {
        self.known().map(|(_, _, pool)| pool)
    }

    /// The name as a label of performance data.
    pub fn label(&self) -> String {
        let plain = |letter: char| match letter {
            letter if letter.is_ascii_alphanumeric() => letter.to_ascii_lowercase(),
            _ => '_',
        };
        self.0.chars().map(plain).collect()
    }

    fn known(&self) -> Option<(&'static str, &'static str, &'static str)> {
        let name = self.0.to_ascii_lowercase();
        KNOWN.into_iter().find(|(known, ..)| *known == name)
    }
}

/// Virtual directories of the front end, their components and application pools, as Exchange 2013
/// to 2019 have them.
const KNOWN: [(&str, &str, &str); 9] = [
    ("owa", "OwaProxy", "MSExchangeOWAAppPool"),
    ("ecp", "EcpProxy", "MSExchangeECPAppPool"),
    ("ews", "EwsProxy", "MSExchangeServicesAppPool"),
    ("mapi", "MapiProxy", "MSExchangeMapiFrontEndAppPool"),
    ("rpc", "RpcProxy", "MSExchangeRpcProxyFrontEndAppPool"),
    ("oab", "OabProxy", "MSExchangeOABAppPool"),
    (
        "autodiscover",
        "AutoDiscoverProxy",
        "MSExchangeAutodiscoverAppPool",
    ),
    (
        "microsoft-server-activesync",
        "ActiveSyncProxy",
        "MSExchangeSyncAppPool",
    ),
    (
        "powershell",
        "RpsProxy",
        "MSExchangePowerShellFrontEndAppPool",
    ),
];

impl Default for Vdir {
    fn default() -> Self {
        Self("owa".to_owned())
    }
}

/// As it stands in messages: `/owa`.
impl fmt::Display for Vdir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0)
    }
}

impl FromStr for Vdir {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bare = text.trim_matches('/');
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let segment = |segment: &str| {
            !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(plain)
        };
        let good = bare.len() <= LONGEST && bare.split('/').all(segment);
        good.then(|| Self(bare.to_owned())).ok_or_else(|| {
            "expected the name of a virtual directory, such as owa, ews or \
             Microsoft-Server-ActiveSync"
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_health_page_lies_in_the_virtual_directory_however_it_is_written() {
        for written in ["owa", "/owa", "owa/", "/owa/"] {
            let vdir: Vdir = written.parse().unwrap();
            assert_eq!(vdir.health_page(), "/owa/healthcheck.htm");
            assert_eq!(vdir.to_string(), "/owa");
        }
    }

    #[test]
    fn components_are_known_without_regard_to_case() {
        let vdir: Vdir = "EWS".parse().unwrap();
        assert_eq!(vdir.component(), Some("EwsProxy"));
        assert_eq!(vdir.pool(), Some("MSExchangeServicesAppPool"));
        let other: Vdir = "own/app".parse().unwrap();
        assert_eq!(other.component(), None);
    }

    #[test]
    fn a_label_has_no_letter_that_a_monitoring_core_misreads() {
        let vdir: Vdir = "Microsoft-Server-ActiveSync".parse().unwrap();
        assert_eq!(vdir.label(), "microsoft_server_activesync");
    }

    #[test]
    fn what_would_break_a_request_is_refused() {
        let long = "x".repeat(LONGEST + 1);
        for bad in [
            "", "/", "a b", "a\r\nb", "..", "a/../b", "a//b", "owa?x", "owa#x", "öwa", &long,
        ] {
            assert!(bad.parse::<Vdir>().is_err(), "{bad:?}");
        }
    }
}
