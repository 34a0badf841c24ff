//! The twin of the kernel's packet filter, in memory.

use super::{FirewallError, Firewalls, Standing, script};
use crate::setup::Firewall;

/// A packet filter that marks nothing and only remembers what it was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryFirewall {
    held: Firewall,
}

impl MemoryFirewall {
    /// A twin that starts with given rules.
    pub fn holding(held: Firewall) -> Self {
        Self { held }
    }

    /// What it was last told to hold.
    pub fn held(&self) -> &Firewall {
        &self.held
    }
}

impl Firewalls for MemoryFirewall {
    fn standing(&mut self, wanted: &Firewall) -> Result<Standing, FirewallError> {
        Ok(if self.held == *wanted {
            Standing::Current
        } else if self.held == Firewall::default() {
            Standing::Absent
        } else {
            Standing::Other
        })
    }

    fn replace(&mut self, wanted: &Firewall) -> Result<(), FirewallError> {
        self.check(wanted)?;
        self.held = wanted.clone();
        Ok(())
    }

    fn check(&mut self, wanted: &Firewall) -> Result<(), FirewallError> {
        script::replacement(wanted)?;
        Ok(())
    }
}
