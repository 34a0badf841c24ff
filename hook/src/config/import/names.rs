//! Names for servers, services and checks, no two alike.

use std::collections::BTreeMap;

/// Names that are given, and to what.
#[derive(Debug)]
pub(super) struct Names<T> {
    given: BTreeMap<String, T>,
}

impl<T: PartialEq + Clone> Names<T> {
    pub(super) fn new() -> Self {
        Self {
            given: BTreeMap::new(),
        }
    }

    /// The first of `proposals` that is free or was given to the same thing before; after them
    /// the first one with a number. True if it is given for the first time.
    pub(super) fn give(&mut self, proposals: &[String], thing: &T) -> (String, bool) {
        let base = proposals.first().map_or("unnamed", String::as_str);
        let numbered = (2_u64..).map(|number| format!("{base}-{number}"));
        let fits = |name: &String| self.given.get(name).is_none_or(|there| there == thing);
        let name = proposals.iter().cloned().chain(numbered).find(fits);
        let name = name.unwrap_or_default();
        let first = self.given.insert(name.clone(), thing.clone()).is_none();
        (name, first)
    }
}
