//! The operator's wishes, kept across restarts.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::record::Target;

/// The file `wishes.json`.
#[derive(Debug)]
pub struct Wishes {
    path: PathBuf,
    content: Content,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    schema: u32,
    /// Weights set by hand, by destination.
    weights: BTreeMap<Target, u32>,
}

impl Wishes {
    /// No wishes at all, and no file.
    pub fn none() -> Self {
        let content = Content {
            schema: 1,
            weights: BTreeMap::new(),
        };
        Self {
            path: PathBuf::new(),
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
            Err(error) if error.kind() == io::ErrorKind::NotFound => Content {
                schema: 1,
                weights: BTreeMap::new(),
            },
            Err(error) => return Err(error),
        };
        Ok(Self {
            path: path.to_owned(),
            content,
        })
    }

    /// The weight wished for a destination.
    pub fn weight(&self, target: &str) -> Option<u32> {
        self.content.weights.get(target).copied()
    }

    /// Notes a wish, on disk before this returns.
    ///
    /// # Errors
    /// The file cannot be written; the wish holds until the end of this process all the same.
    pub fn set(&mut self, target: &str, weight: u32) -> io::Result<()> {
        self.content.weights.insert(target.to_owned(), weight);
        self.save()
    }

    /// Forgets a wish.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn clear(&mut self, target: &str) -> io::Result<()> {
        self.content.weights.remove(target);
        self.save()
    }

    fn save(&self) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(&self.content).map_err(io::Error::other)?;
        super::replace_file(&self.path, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_survives_a_restart_and_is_gone_once_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wishes.json");
        Wishes::open(&path)
            .unwrap()
            .set("fwm:80/10.0.1.1", 0)
            .unwrap();
        let mut wishes = Wishes::open(&path).unwrap();
        assert_eq!(wishes.weight("fwm:80/10.0.1.1"), Some(0));
        wishes.clear("fwm:80/10.0.1.1").unwrap();
        assert_eq!(Wishes::open(&path).unwrap().weight("fwm:80/10.0.1.1"), None);
    }

    #[test]
    fn a_damaged_file_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wishes.json");
        std::fs::write(&path, "{\"schema\":1,\"wei").unwrap();
        assert!(Wishes::open(&path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"{\"schema\":1,\"wei");
    }
}
