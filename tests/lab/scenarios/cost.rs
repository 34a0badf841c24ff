//! What a misfortune costs the clients, and that it is no more than with keepalived alone.

use std::time::Duration;

use crate::Outcome;
use crate::pair::{Keeper, Pair, VISITOR};
use crate::story::same;
use crate::topology::Topology;
use crate::traffic::{Traffic, Visits};

/// What two runs of the same may differ by: an advertisement more or less (1 s), and the delays of
/// an emulated machine.
const SPREAD: Duration = Duration::from_secs(3);

/// What clients notice from now on.
pub(super) struct Watch {
    visits: Visits,
    sessions: Traffic,
}

/// What they noticed.
pub(super) struct Cost {
    without_service: Duration,
    cut: usize,
}

impl Watch {
    pub(super) fn begin(pair: &Pair<'_>) -> Outcome<Self> {
        let clients = Topology::client_addresses().take(4);
        Ok(Self {
            sessions: Traffic::begin(&pair.net.client, clients, &[25, 443])?,
            visits: Visits::begin(VISITOR, 25)?,
        })
    }

    /// Ends it, and prints what was noticed.
    pub(super) fn end(self, pair: &Pair<'_>, of: &str) -> Outcome<Cost> {
        let gap = self.visits.longest_gap()?;
        let toll = self.sessions.toll()?;
        let keeper = match pair.keeper {
            Keeper::Governess => "with governess",
            Keeper::KeepalivedAlone => "keepalived alone",
        };
        pair.story.figure(&format!(
            "{of}, {keeper}: {:.1} s without service; established: {toll}",
            gap.as_secs_f64()
        ));
        Ok(Cost {
            without_service: gap,
            cut: toll.harmed(),
        })
    }
}

impl Cost {
    /// Fails if this is more than `alone`.
    pub(super) fn is_no_more_than(&self, alone: &Self) -> Outcome {
        no_longer(self.without_service, alone.without_service)?;
        let (cut, limit) = (self.cut, alone.cut);
        if cut > limit {
            return Err(
                format!("{cut} connections were cut, and {limit} by keepalived alone").into(),
            );
        }
        Ok(())
    }

    /// Fails if a connection was cut.
    pub(super) fn cuts_none(&self) -> Outcome {
        same("connections cut", &self.cut, &0)
    }
}

/// Fails if it took longer than with keepalived alone.
pub(super) fn no_longer(with: Duration, alone: Duration) -> Outcome {
    if with > alone + SPREAD {
        let (with, alone) = (with.as_secs_f64(), alone.as_secs_f64());
        return Err(format!("it took {with:.1} s, and {alone:.1} s with keepalived alone").into());
    }
    Ok(())
}

/// Does the same to both directors twice: with governess, and, once `mended`, with keepalived alone.
/// Fails if it costs more with governess.
pub(super) fn beside_keepalived_alone(
    pair: &mut Pair<'_>,
    misfortune: impl Fn(&mut Pair<'_>) -> Outcome<Cost>,
    mended: impl FnOnce(&mut Pair<'_>) -> Outcome,
) -> Outcome {
    let with = misfortune(pair)?;
    mended(pair)?;
    pair.leave_to_keepalived()?;
    with.is_no_more_than(&misfortune(pair)?)
}
