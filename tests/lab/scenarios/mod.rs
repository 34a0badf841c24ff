//! The scenarios, one file for each or for a small group.
//!
//! A new one is a function and a line in [`ALL`]. Most begin with `Cluster::serving`, let traffic
//! run with `lab.traffic()`, do something to `lab.ex1` or `lab.governess`, wait with `lab.until` for
//! the scene that should follow, and end with `lab.uncut(traffic)`.

use crate::Outcome;
use crate::story::Story;

mod adopt;
mod governess_killed;
mod hang;
mod kernel_table;
mod killed;
mod last_one;
mod story;
mod topology;

/// A story told on fresh namespaces, and its name on the command line.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) tell: fn(&Story) -> Outcome,
}

/// The name of the scenario that is the demonstration, too.
pub(crate) const STORY: &str = "story";

/// All scenarios, in the order in which they run.
pub(crate) const ALL: &[Scenario] = &[
    // First: some of its tests want a kernel that has not loaded IPVS yet.
    scenario("kernel_table", kernel_table::kernel_table),
    scenario("topology", topology::topology),
    scenario("adopt_empty", adopt::adopt_empty),
    scenario("adopt_filled", adopt::adopt_filled),
    scenario("hang", hang::hang),
    scenario("killed", killed::killed),
    scenario("governess_killed", governess_killed::governess_killed),
    scenario("both_hang", last_one::both_hang),
    scenario("fall_together", last_one::fall_together),
    scenario(STORY, story::story),
];

const fn scenario(name: &'static str, tell: fn(&Story) -> Outcome) -> Scenario {
    Scenario { name, tell }
}
