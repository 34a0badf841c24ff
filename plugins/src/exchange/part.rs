//! The parts of an Exchange server that are checked.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;

/// A part of an Exchange server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Part {
    /// Remote desktop, by the check `x224`.
    Rdp,
    /// The receive connectors, by the check `exchange_smtp`.
    Smtp,
    /// The web parts, by the check `owa`.
    Owa,
    /// What DNS servers say of the server's name, by the check `ad_dns`.
    Dns,
}

impl Part {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Rdp, Self::Smtp, Self::Owa, Self::Dns];

    /// Its name, which is also the prefix of its options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rdp => "rdp",
            Self::Smtp => "smtp",
            Self::Owa => "owa",
            Self::Dns => "dns",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `PART=N`: how much a part counts, 1 unless named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PartWeight {
    pub(super) part: Part,
    pub(super) weight: u32,
}

/// The greatest weight of a part: that of a server in IPVS as keepalived's checks can give it.
const WEIGHT_MOST: u32 = 253;

impl FromStr for PartWeight {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (part, weight) = text.split_once('=')?;
            let part = Part::ALL.into_iter().find(|known| known.name() == part)?;
            let plain = weight.bytes().all(|byte| byte.is_ascii_digit());
            let weight = weight.parse().ok().filter(|_| plain)?;
            (1..=WEIGHT_MOST)
                .contains(&weight)
                .then_some(Self { part, weight })
        };
        read().ok_or_else(|| {
            format!(
                "expected PART=N, PART one of rdp, smtp, owa and dns, N from 1 to {WEIGHT_MOST}"
            )
        })
    }
}
