//! What is asked of whom, and how it is judged.

use std::sync::Arc;
use std::time::Duration;

use shared::dial::Target;
use shared::threshold::Thresholds;
use shared::verdict::{Advice, Finding, Verdict};

use super::part::Part;
use super::policy::Policy;
use crate::{ad_dns, owa, smtp, x224};

/// What is asked of whom, and how it is judged.
#[derive(Debug)]
pub struct Plan {
    /// Those that are one pool, if there are several.
    pub(super) servers: Vec<Server>,
    /// Whether the last one is no server but the address that clients reach the pool by.
    pub(super) last_is_the_way: bool,
    pub(super) rule: Rule,
}

/// A server to check.
#[derive(Debug)]
pub(super) struct Server {
    /// As the caller named it.
    pub(super) name: String,
    /// What is asked of it; why nothing can be.
    pub(super) questions: Result<Vec<(Part, Question)>, Finding>,
}

/// How the parts make a whole.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) policy: Policy,
    /// Those that were named.
    pub(super) weights: Vec<(Part, u32)>,
    /// The advisory findings that count in full.
    pub(super) enforced: Vec<Advice>,
    /// Advisory: how long the whole may take, in seconds.
    pub(super) time: Thresholds,
    /// How long it took.
    pub(super) took: Duration,
}

impl Rule {
    /// What a part counts.
    pub(super) fn weight(&self, part: Part) -> u32 {
        let named = self.weights.iter().rev().find(|(known, _)| *known == part);
        named.map_or(1, |(_, weight)| *weight)
    }
}

/// What is asked of one part of one server.
#[derive(Debug)]
pub enum Question {
    /// RDP.
    Rdp(Target, x224::Options),
    /// Mail.
    Smtp(Target, smtp::Options),
    /// The web.
    Owa(Target, Box<owa::Options>),
    /// DNS.
    Dns(Arc<ad_dns::Options>),
    /// Nothing: this is known before.
    Known(Box<Verdict>),
}
