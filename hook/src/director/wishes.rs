//! The operator's wishes, kept across restarts and reloads.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::policy::Standing;
use crate::table::Target;

/// The file `wishes.json`.
#[derive(Debug)]
pub struct Wishes {
    /// `None` for wishes that die with this process.
    path: Option<PathBuf>,
    content: Content,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    schema: u32,
    /// Weights set by hand in the kernel's table, by destination.
    weights: BTreeMap<Target, u32>,
    /// What was asked for by command, by the server's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    servers: BTreeMap<String, ServerWishes>,
}

/// What was asked for one server by command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerWishes {
    /// In or out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stand: Option<Signed<Stand>>,
    /// The weight it is to have in all of its services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<Signed<Weight>>,
}

/// A wish with who, why and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed<T> {
    /// What is wished.
    #[serde(flatten)]
    pub wish: T,
    /// The operator's user name.
    pub author: String,
    /// In the operator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was asked for, in seconds since 1970.
    pub since: u64,
}

/// A weight that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weight {
    /// 0 takes the server out.
    pub weight: u32,
}

/// Whether a server is to be in or out. Times are seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stand", rename_all = "snake_case")]
pub enum Stand {
    /// Out; done when its connections have ended.
    Drain {
        /// Done by then, whatever is left.
        until: u64,
        /// It is done, and was told.
        done: bool,
    },
    /// Out.
    Disable,
    /// In, whatever its checks say.
    Force {
        /// Until then.
        until: u64,
    },
}

impl Stand {
    /// The same in the policy's words.
    pub fn standing(self) -> Standing {
        match self {
            Self::Drain { .. } => Standing::Drained,
            Self::Disable => Standing::Disabled,
            Self::Force { .. } => Standing::Forced,
        }
    }

    /// When it ends by itself, or was to be done.
    pub fn until(self) -> Option<u64> {
        match self {
            Self::Drain { until, .. } | Self::Force { until } => Some(until),
            Self::Disable => None,
        }
    }
}

impl ServerWishes {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Wishes {
    /// No wishes at all, and no file.
    pub fn none() -> Self {
        let content = Content {
            schema: 1,
            weights: BTreeMap::new(),
            servers: BTreeMap::new(),
        };
        Self {
            path: None,
            content,
        }
    }

    /// Reads the wishes; no file is no wish.
    ///
    /// # Errors
    /// The file cannot be read, or is not ours: a wish must not be lost by overwriting it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let content = match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::none().content,
            Err(error) => return Err(error),
        };
        Ok(Self {
            path: Some(path.to_owned()),
            content,
        })
    }

    /// The weight wished for a destination: set by hand in the table, or asked for its server.
    pub fn weight(&self, server: &str, target: Target) -> Option<u32> {
        let by_hand = self.content.weights.get(&target).copied();
        by_hand.or_else(|| Some(self.of(server)?.weight.as_ref()?.wish.weight))
    }

    /// What was asked for a server by command.
    pub fn of(&self, server: &str) -> Option<&ServerWishes> {
        self.content.servers.get(server)
    }

    /// The destinations with a weight set by hand at an address, in whatever service.
    pub fn by_hand_at(&self, address: IpAddr) -> Vec<Target> {
        let targets = self.content.weights.keys();
        let there = targets.filter(|target| target.destination.ip() == address);
        there.copied().collect()
    }

    /// All servers that something was asked for.
    pub fn servers(&self) -> impl Iterator<Item = (&str, &ServerWishes)> {
        let servers = self.content.servers.iter();
        servers.map(|(name, wishes)| (name.as_str(), wishes))
    }

    /// Notes a weight set by hand in the table, on disk before this returns.
    ///
    /// # Errors
    /// The file cannot be written; the wish holds until the end of this process all the same.
    pub fn set_by_hand(&mut self, target: Target, weight: u32) -> io::Result<()> {
        self.content.weights.insert(target, weight);
        self.save()
    }

    /// Forgets every weight wished for a destination and its server, since the configured one was
    /// set by hand.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn clear_by_hand(&mut self, server: &str, target: Target) -> io::Result<()> {
        self.content.weights.remove(&target);
        if let Some(wishes) = self.content.servers.get_mut(server) {
            wishes.weight = None;
        }
        self.save()
    }

    /// Changes what was asked for a server, and the weights set by hand at its destinations, as one:
    /// on disk before this returns, or not at all.
    ///
    /// # Errors
    /// The file cannot be written; then nothing has changed.
    pub fn change(
        &mut self,
        server: &str,
        targets: &[Target],
        change: impl FnOnce(&mut ServerWishes, &mut BTreeMap<Target, u32>),
    ) -> io::Result<()> {
        let before = self.content.clone();
        let mut wishes = self.content.servers.remove(server).unwrap_or_default();
        let mut by_hand: BTreeMap<Target, u32> = targets
            .iter()
            .filter_map(|target| self.content.weights.remove_entry(target))
            .collect();
        change(&mut wishes, &mut by_hand);
        self.content.weights.append(&mut by_hand);
        if !wishes.is_empty() {
            self.content.servers.insert(server.to_owned(), wishes);
        }
        self.save().inspect_err(|_| self.content = before)
    }

    fn save(&self) -> io::Result<()> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let bytes = serde_json::to_vec_pretty(&self.content).map_err(io::Error::other)?;
        super::replace_file(path, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ex1() -> Target {
        "fwm:80/10.0.1.1".parse().unwrap()
    }

    fn drain(reason: &str) -> Signed<Stand> {
        Signed {
            wish: Stand::Drain {
                until: 1_800_000_000,
                done: false,
            },
            author: "alice".to_owned(),
            reason: Some(reason.to_owned()),
            since: 1_700_000_000,
        }
    }

    #[test]
    fn a_weight_by_hand_survives_a_restart_and_is_gone_once_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wishes.json");
        Wishes::open(&path).unwrap().set_by_hand(ex1(), 0).unwrap();
        let mut wishes = Wishes::open(&path).unwrap();
        assert_eq!(wishes.weight("ex1", ex1()), Some(0));
        wishes.clear_by_hand("ex1", ex1()).unwrap();
        assert_eq!(Wishes::open(&path).unwrap().weight("ex1", ex1()), None);
    }

    #[test]
    fn a_drain_survives_a_restart_with_author_and_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wishes.json");
        let asked = drain("CU14");
        Wishes::open(&path)
            .unwrap()
            .change("ex1", &[], |wishes, _| wishes.stand = Some(asked.clone()))
            .unwrap();
        let again = Wishes::open(&path).unwrap();
        assert_eq!(again.of("ex1").unwrap().stand, Some(asked));
    }

    #[test]
    fn the_file_of_an_earlier_version_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wishes.json");
        std::fs::write(&path, r#"{"schema":1,"weights":{"fwm:80/10.0.1.1":5}}"#).unwrap();
        let wishes = Wishes::open(&path).unwrap();
        assert_eq!(wishes.weight("ex1", ex1()), Some(5));
    }

    #[test]
    fn a_damaged_file_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wishes.json");
        std::fs::write(&path, "{\"schema\":1,\"wei").unwrap();
        assert!(Wishes::open(&path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"{\"schema\":1,\"wei");
    }

    #[test]
    fn a_wish_that_cannot_be_kept_is_not_held_either() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        std::fs::create_dir(&gone).unwrap();
        let mut wishes = Wishes::open(&gone.join("wishes.json")).unwrap();
        std::fs::remove_dir(&gone).unwrap();
        let kept = wishes.change("ex1", &[], |wishes, _| wishes.stand = Some(drain("")));
        assert!(kept.is_err() && wishes.of("ex1").is_none());
    }

    proptest! {
        // Each one waits for the disk, many times.
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn whatever_is_asked_for_is_there_after_a_restart(
            orders in prop::collection::vec((0_usize..3, prop::option::of("\\PC{0,9}"), 0_u32..9), 1..20),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("wishes.json");
            let mut wishes = Wishes::open(&path).unwrap();
            for (server, reason, weight) in orders {
                let stand = reason.as_deref().map(drain);
                let signed = Signed {
                    wish: Weight { weight },
                    author: "bob".to_owned(),
                    reason,
                    since: 0,
                };
                wishes
                    .change(&format!("ex{server}"), &[], |wishes, _| {
                        *wishes = ServerWishes { stand, weight: (weight > 0).then_some(signed) };
                    })
                    .unwrap();
                let again = Wishes::open(&path).unwrap();
                let all = |wishes: &Wishes| format!("{:?}", wishes.content);
                prop_assert_eq!(all(&again), all(&wishes));
            }
        }
    }
}
