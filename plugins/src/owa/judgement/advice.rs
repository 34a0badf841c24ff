//! What a human should look at, though the server works: certificate, clock, time.

use std::time::{Duration, SystemTime};

use shared::date::UnixTime;
use shared::text::spoken;
use shared::tls::{Session, advisories};
use shared::verdict::{Advice, Advisory, Condition, Kind};

use super::super::Options;
use super::super::evidence::{Evidence, Reply};
use super::replies;

/// How far the server's clock may be away before a human should look at it. Logons by Kerberos end
/// at 300 s (RFC 4120 section 1.6); the check is there to tell before that.
const SKEW: Duration = Duration::from_secs(60);
/// `Date` is in whole seconds (RFC 9110 section 5.6.7).
const SECOND: Duration = Duration::from_secs(1);

/// Everything that is worth an advice.
pub(super) fn all(options: &Options, evidence: &Evidence) -> Vec<Advisory> {
    let mut all = Vec::new();
    if let Some((session, now)) = &evidence.first.session {
        let wish = &options.certificate;
        let now = UnixTime::from(*now);
        all = advisories(&session.leaf, wish.name.as_ref(), wish.days, now);
        all.extend(distrust(session, evidence).filter(|_| wish.require_trust));
    }
    all.extend(worst_skew(evidence).and_then(|skew| skew.advisory()));
    if replies(evidence).next().is_some() {
        all.extend(slowness(options, evidence));
    }
    all
}

/// Browsers and Outlook refuse a certificate that they have no reason to trust.
fn distrust(session: &Session, evidence: &Evidence) -> Option<Advisory> {
    let why = evidence.first.distrust.as_deref()?;
    let issuer = match (session.leaf.self_signed, session.leaf.issuer.as_str()) {
        (true, _) => "itself",
        (false, "") => "an authority without a name",
        (false, issuer) => issuer,
    };
    Some(Advisory {
        advice: Advice::Certificate,
        condition: Condition::Degraded,
        enforced: Condition::Failed,
        kind: Kind::Certificate,
        summary: format!(
            "the chain of certificates is not trusted here: {why} (issued by {issuer}); send the \
             intermediate certificates, or install the authority on this machine (/etc/ssl/certs)"
        ),
    })
}

fn slowness(options: &Options, evidence: &Evidence) -> Option<Advisory> {
    let total = evidence.total;
    let condition = options.time.judge(total.as_secs_f64());
    (condition != Condition::Healthy).then(|| Advisory {
        advice: Advice::Time,
        condition,
        enforced: condition,
        kind: Kind::Slow,
        summary: format!(
            "the answers took {}, outside the range asked for",
            spoken(total)
        ),
    })
}

/// The greatest difference between the server's clock and ours that an answer shows.
pub(super) fn worst_skew(evidence: &Evidence) -> Option<Skew> {
    replies(evidence).filter_map(skew).max_by_key(Skew::apart)
}

/// How far a server's clock is from ours, at least.
pub(super) enum Skew {
    Ahead(Duration),
    Behind(Duration),
}

impl Skew {
    fn apart(&self) -> Duration {
        match self {
            Self::Ahead(apart) | Self::Behind(apart) => *apart,
        }
    }

    /// In seconds by which the server's clock is ahead of ours.
    pub(super) fn seconds(&self) -> String {
        let sign = match self {
            Self::Ahead(_) => "",
            Self::Behind(_) => "-",
        };
        format!("{sign}{:.3}", self.apart().as_secs_f64())
    }

    pub(super) fn words(&self) -> String {
        let side = match self {
            Self::Ahead(_) => "ahead of",
            Self::Behind(_) => "behind",
        };
        format!("{} {side}", spoken(self.apart()))
    }

    fn advisory(&self) -> Option<Advisory> {
        (self.apart() > SKEW).then(|| Advisory {
            advice: Advice::Skew,
            condition: Condition::Degraded,
            enforced: Condition::Degraded,
            kind: Kind::Skew,
            summary: format!(
                "the clock of the server is {} this machine's (HTTP Date); Kerberos bears 300 s; \
                 look at the time service of both",
                self.words()
            ),
        })
    }
}

/// The server wrote its date, cut to a whole second, after the request was sent and before the
/// answer was read.
fn skew(reply: &Reply) -> Option<Skew> {
    let date = u64::try_from(reply.head.date?.0).ok()?;
    let date = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(date))?;
    let (from, to) = reply.between;
    Some(match date.duration_since(to) {
        Ok(ahead) => Skew::Ahead(ahead),
        Err(_) => Skew::Behind(from.duration_since(date + SECOND).unwrap_or_default()),
    })
}
