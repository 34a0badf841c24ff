//! The score by which keepalived weighs this director, in a track file (`keepalived.conf(5)`,
//! `track_file`): 0, or less while this director is unfit. The servers' health never enters.

use std::io;
use std::path::{Path, PathBuf};

/// What an unfit director loses. The hook that hangs loses more: see `export keepalived`.
pub const UNFIT: i16 = -50;

/// A longer file is none of ours.
const LONGEST: usize = 16;

/// How fit this director is to hold the addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// What is wrong with it; `None` if it is fit.
    pub unfit: Option<String>,
}

impl Score {
    /// As keepalived adds it to the priority.
    pub fn value(&self) -> i16 {
        match self.unfit {
            Some(_) => UNFIT,
            None => 0,
        }
    }
}

/// What there is to tell of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// The score, when first known, and when it or its reason changes.
    Score(Score),
    /// The file was missing or altered, and was written again.
    Repaired,
    /// It cannot be written, or the score not be known.
    Failed(String),
    /// It can again.
    FailureEnded,
}

/// The track file.
#[derive(Clone, Debug)]
pub struct ScoreFile {
    path: PathBuf,
    told: Option<Score>,
    failing: Option<String>,
}

impl ScoreFile {
    /// Touches nothing yet.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            told: None,
            failing: None,
        }
    }

    /// The score that an earlier run left there. A restart must not make an unfit director
    /// attractive until it is judged anew.
    pub fn left_behind(&self) -> Score {
        let unfit = read(&self.path).is_some_and(|value| value < 0);
        Score {
            unfit: unfit.then(|| "as it was before this start; judged anew in a moment".to_owned()),
        }
    }

    /// Sees to it that the file says this, and tells what is new.
    pub fn keep(&mut self, unfit: Option<&str>) -> Vec<Told> {
        let score = Score {
            unfit: unfit.map(str::to_owned),
        };
        let mut told = Vec::new();
        let expected = self.told.as_ref().map(Score::value) == Some(score.value());
        if read(&self.path) != Some(score.value()) {
            if let Err(error) = write(&self.path, score.value()) {
                told.extend(self.fail(format!("cannot be written: {error}")));
            } else if expected && self.failing.is_none() {
                told.push(Told::Repaired);
            }
        }
        if self.told.as_ref() != Some(&score) {
            self.told = Some(score.clone());
            told.push(Told::Score(score));
        }
        if self.failing.is_some() && read(&self.path) == self.told.as_ref().map(Score::value) {
            self.failing = None;
            told.push(Told::FailureEnded);
        }
        told
    }

    /// Tells a failure once.
    pub fn fail(&mut self, words: String) -> Option<Told> {
        let news = self.failing.as_ref() != Some(&words);
        self.failing = Some(words.clone());
        news.then_some(Told::Failed(words))
    }
}

fn read(path: &Path) -> Option<i16> {
    let content = std::fs::read(path).ok()?;
    let short = (content.len() <= LONGEST).then_some(content)?;
    std::str::from_utf8(&short).ok()?.trim().parse().ok()
}

/// By renaming: keepalived reads the old content or the new. Not synced: after the death of the
/// machine the file says nothing true any more.
fn write(path: &Path, value: i16) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    std::fs::write(&beside, format!("{value}\n"))?;
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHY: &str = "interface eth1 has no carrier";

    fn score(unfit: Option<&str>) -> Told {
        Told::Score(Score {
            unfit: unfit.map(str::to_owned),
        })
    }

    #[test]
    fn the_file_says_0_or_less_50_and_a_change_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("not/yet/there/score");
        let mut file = ScoreFile::new(path.clone());
        assert_eq!(file.left_behind(), Score::default());
        assert_eq!(file.keep(None), [score(None)]);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "0\n");
        assert!(file.keep(None).is_empty());
        assert_eq!(file.keep(Some(WHY)), [score(Some(WHY))]);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "-50\n");
        assert!(ScoreFile::new(path).left_behind().unfit.is_some());
    }

    #[test]
    fn a_file_that_somebody_alters_or_deletes_is_put_right() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("score");
        let mut file = ScoreFile::new(path.clone());
        file.keep(None);
        for altered in [
            "-254\n",
            "",
            "\0\0 none of ours, and longer than any score\n",
        ] {
            std::fs::write(&path, altered).unwrap();
            assert_eq!(file.keep(None), [Told::Repaired]);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "0\n");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(file.keep(None), [Told::Repaired]);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_told_once_and_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("score");
        std::fs::create_dir(&path).unwrap();
        let mut file = ScoreFile::new(path.clone());
        let told = file.keep(Some(WHY));
        assert!(
            matches!(&told[..], [Told::Failed(why), Told::Score(_)] if why.contains("cannot be written")),
            "{told:?}"
        );
        assert!(file.keep(Some(WHY)).is_empty());
        std::fs::remove_dir(&path).unwrap();
        assert_eq!(file.keep(Some(WHY)), [Told::FailureEnded]);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "-50\n");
    }
}
