//! The kernel's packet filter, by the program `nft` of nftables.
//!
//! Calls block, for some 20 milliseconds as a rule and for [`LIMITS`] at most.

use std::time::{Duration, Instant};

use super::command::{self, Failure, Limits, Outcome};
use super::foreign::HostRules;
use super::generation::Generations;
use super::script::{self, FAMILY, TABLE};
use super::{FirewallError, Firewalls, Standing};
use crate::setup::Firewall;
use crate::table::Family;

/// A transaction that a busy machine takes longer for is not to be waited for. The output is that
/// of a host with some hundred thousand rules of its own.
const LIMITS: Limits = Limits {
    time: Duration::from_secs(10),
    output: 64 << 20,
};

/// The rules are read at least so often, whatever the kernel says of their changes.
const READ_EVERY: Duration = Duration::from_secs(60);

/// Longest part of what `nft` says that an error repeats.
const LONGEST_SAYING: usize = 400;

/// Our table in the kernel, of the network namespace in which the calls are made.
///
/// A table is recognised by its content alone, so that a restart does not rewrite it and any
/// alteration is found, also one that keeps the number of rules or switches the table off. Where
/// an `nft` shows our rules in other words than the ones known here, what it showed right after
/// our own writing is what later listings are compared with; then a restart writes once. The
/// program is run only where the kernel's rules have changed since it was last run.
#[derive(Debug, Default)]
pub struct Nft {
    shown: Option<Shown>,
    generations: Generations,
    found: Option<Found>,
}

/// When these rules were last found to be there.
#[derive(Debug)]
struct Found {
    rules: Firewall,
    generation: u32,
    at: Instant,
}

/// What the listing of some rules looks like with this `nft`.
#[derive(Debug)]
struct Shown {
    rules: Firewall,
    listing: String,
}

impl Nft {
    /// Touches nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The host's rules outside our table, of nftables and of iptables, as far as they are there.
    ///
    /// # Errors
    /// `nft` cannot list them. A host without `nft` has the rules of iptables only.
    pub fn host_rules(&self) -> Result<HostRules, FirewallError> {
        const WHAT: &str = "read the host's packet filter";
        let mut rules = HostRules::default();
        match nft(WHAT, &["-j", "list", "ruleset"], "") {
            Ok(listing) => rules
                .add_nftables(&listing)
                .map_err(|reason| unreadable(WHAT, "nft", reason))?,
            Err(FirewallError::NotInstalled { .. }) => {}
            Err(error) => return Err(error),
        }
        for tool in &IPTABLES {
            if tool.has_legacy_tables()
                && let Some(saved) = tool.saved(Variant::Legacy)
            {
                rules.add_iptables(tool.family, &saved);
            }
            if rules.needs_iptables(tool.family)
                && let Some(saved) = tool.saved(Variant::NfTables)
            {
                rules.explain_by_iptables(tool.family, &saved);
            }
        }
        Ok(rules)
    }

    fn remembers(&self, wanted: &Firewall, listing: &str) -> bool {
        self.shown
            .as_ref()
            .is_some_and(|shown| shown.rules == *wanted && shown.listing == listing)
    }
}

impl Nft {
    fn is_unchanged(&self, wanted: &Firewall, generation: Option<u32>) -> bool {
        self.found.as_ref().is_some_and(|found| {
            Some(found.generation) == generation
                && found.rules == *wanted
                && found.at.elapsed() < READ_EVERY
        })
    }

    fn read(&self, wanted: &Firewall) -> Result<Standing, FirewallError> {
        let table = script::normalised(&script::table(wanted)?);
        let listing = match listing() {
            Err(FirewallError::NotInstalled { .. }) if table.is_empty() => None,
            listing => listing?,
        };
        Ok(match listing {
            None if table.is_empty() => Standing::Current,
            None => Standing::Absent,
            Some(listing) if listing == table || self.remembers(wanted, &listing) => {
                Standing::Current
            }
            Some(_) => Standing::Other,
        })
    }
}

impl Firewalls for Nft {
    fn standing(&mut self, wanted: &Firewall) -> Result<Standing, FirewallError> {
        // Before the reading: a change during it is found by the next one.
        let generation = self.generations.present();
        if self.is_unchanged(wanted, generation) {
            return Ok(Standing::Current);
        }
        let standing = self.read(wanted)?;
        let current = generation.filter(|_| standing == Standing::Current);
        self.found = current.map(|generation| Found {
            rules: wanted.clone(),
            generation,
            at: Instant::now(),
        });
        Ok(standing)
    }

    fn replace(&mut self, wanted: &Firewall) -> Result<(), FirewallError> {
        let first = write(wanted)?;
        if first == script::normalised(&script::table(wanted)?) {
            self.shown = None;
            return Ok(());
        }
        // Either this nft has words of its own, or somebody altered the table between our writing
        // and our reading. Nobody does so twice alike.
        let second = write(wanted)?;
        self.shown = (first == second).then(|| Shown {
            rules: wanted.clone(),
            listing: second,
        });
        Ok(())
    }

    fn check(&mut self, wanted: &Firewall) -> Result<(), FirewallError> {
        let script = script::replacement(wanted)?;
        nft("check the firewall rules", &["-c", "-f", "-"], &script).map(drop)
    }
}

/// Replaces the table and gives what is listed then.
fn write(wanted: &Firewall) -> Result<String, FirewallError> {
    let script = script::replacement(wanted)?;
    match nft("replace the firewall rules", &["-f", "-"], &script) {
        // Without nft nobody made the table that is not wanted.
        Err(FirewallError::NotInstalled { .. }) if is_nothing(wanted) => Ok(String::new()),
        written => written.and_then(|_| Ok(listing()?.unwrap_or_default())),
    }
}

fn is_nothing(wanted: &Firewall) -> bool {
    wanted.marks.is_empty() && wanted.masquerade.is_empty()
}

/// The programs that print the rules of iptables in one family. There are two variants of each,
/// with rules of their own in the kernel; the plain name may be that of either.
struct Iptables {
    family: Family,
    legacy: [&'static str; 2],
    nf_tables: [&'static str; 2],
    /// The kernel's list of tables that the legacy variant made.
    legacy_tables: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Variant {
    Legacy,
    NfTables,
}

const IPTABLES: [Iptables; 2] = [
    Iptables {
        family: Family::V4,
        legacy: ["iptables-legacy-save", "iptables-save"],
        nf_tables: ["iptables-nft-save", "iptables-save"],
        legacy_tables: "/proc/net/ip_tables_names",
    },
    Iptables {
        family: Family::V6,
        legacy: ["ip6tables-legacy-save", "ip6tables-save"],
        nf_tables: ["ip6tables-nft-save", "ip6tables-save"],
        legacy_tables: "/proc/net/ip6_tables_names",
    },
];

impl Iptables {
    fn has_legacy_tables(&self) -> bool {
        std::fs::read_to_string(self.legacy_tables).is_ok_and(|names| !names.trim().is_empty())
    }

    /// The first line of what is printed names the variant.
    fn saved(&self, variant: Variant) -> Option<String> {
        let programs = match variant {
            Variant::Legacy => self.legacy,
            Variant::NfTables => self.nf_tables,
        };
        let is_it = |saved: &String| {
            let head = saved.lines().next().unwrap_or_default();
            !head.is_empty() && head.contains("nf_tables") == (variant == Variant::NfTables)
        };
        programs
            .into_iter()
            .filter_map(|program| command::run(program, &[], "", LIMITS).ok())
            .map(|outcome| outcome.stdout)
            .find(is_it)
    }
}

/// Our table as it is now; none if there is none.
fn listing() -> Result<Option<String>, FirewallError> {
    const WHAT: &str = "read the firewall rules";
    let outcome = run(WHAT, &["-s", "list", "table", FAMILY, TABLE], "")?;
    if outcome.status.success() {
        return Ok(Some(script::normalised(&outcome.stdout)));
    }
    if outcome
        .stderr
        .starts_with("Error: No such file or directory")
    {
        return Ok(None);
    }
    Err(complaint(WHAT, &outcome))
}

/// What a successful call prints.
fn nft(what: &'static str, arguments: &[&str], script: &str) -> Result<String, FirewallError> {
    let outcome = run(what, arguments, script)?;
    if outcome.status.success() {
        Ok(outcome.stdout)
    } else {
        Err(complaint(what, &outcome))
    }
}

fn run(what: &'static str, arguments: &[&str], script: &str) -> Result<Outcome, FirewallError> {
    command::run("nft", arguments, script, LIMITS).map_err(|failure| match failure {
        Failure::NotInstalled => FirewallError::NotInstalled { what },
        Failure::NotStarted(error) => stalled(what, format!("nft could not be run: {error}")),
        Failure::OutOfTime => {
            let seconds = LIMITS.time.as_secs();
            stalled(
                what,
                format!("nft did not end within {seconds} s and was ended"),
            )
        }
        Failure::TooMuchOutput => stalled(what, "nft said more than is sensible".to_owned()),
    })
}

fn stalled(what: &'static str, reason: String) -> FirewallError {
    FirewallError::Stalled { what, reason }
}

fn unreadable(what: &'static str, program: &'static str, reason: String) -> FirewallError {
    FirewallError::Unreadable {
        what,
        program,
        reason,
    }
}

/// `nft` has one exit status for everything; the kernel's answer is in its words.
pub(super) fn complaint(what: &'static str, outcome: &Outcome) -> FirewallError {
    let said = said(outcome);
    // "Could not process rule: No such file or directory" is a chain type or a statement that the
    // kernel does not know; nothing else in our script refers to something that may be missing.
    const LACKING: [&str; 4] = [
        "Protocol not supported",
        "cache initialization failed: Invalid argument",
        "Operation not supported",
        "No such file or directory",
    ];
    if said.contains("Operation not permitted") {
        FirewallError::Permission { what }
    } else if LACKING.iter().any(|words| said.contains(words)) {
        FirewallError::Unsupported { what, said }
    } else {
        FirewallError::Refused { what, said }
    }
}

fn said(outcome: &Outcome) -> String {
    let line = shared::text::one_line(shared::text::cut(outcome.stderr.trim(), LONGEST_SAYING));
    if line.is_empty() {
        format!("nothing, and ended with {}", outcome.status)
    } else {
        line
    }
}
