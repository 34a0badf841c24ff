//! What a human should look at, though the server works: certificate, clock, time.

use std::time::{Duration, SystemTime};

use shared::date::UnixTime;
use shared::text::spoken;
use shared::tls::{Session, advisories};
use shared::verdict::{Advice, Advisory, Condition, Kind};

use super::super::Options;
use super::super::evidence::{Evidence, Reply};
use super::replies;
use crate::identity::Clock;

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
    all.extend(worst_clock(evidence).and_then(|clock| skew(&clock)));
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

/// The clock that is furthest from ours, of those that the answers show.
pub(super) fn worst_clock(evidence: &Evidence) -> Option<Clock> {
    let clocks = replies(evidence).filter_map(clock);
    clocks.max_by_key(|clock| clock.apart().0)
}

fn skew(clock: &Clock) -> Option<Advisory> {
    (clock.apart().0 > SKEW).then(|| Advisory {
        advice: Advice::Skew,
        condition: Condition::Degraded,
        enforced: Condition::Degraded,
        kind: Kind::Skew,
        summary: format!(
            "the clock of the server is {} this machine's (HTTP Date); Kerberos bears 300 s; look \
             at the time service of both",
            clock.words()
        ),
    })
}

/// The server wrote its date, cut to a whole second, after the request was sent and before the
/// answer was read.
fn clock(reply: &Reply) -> Option<Clock> {
    let date = u64::try_from(reply.head.date?.0).ok()?;
    let (from, to) = reply.between;
    Some(Clock {
        says: SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(date))?,
        step: SECOND,
        now: to,
        took: to.duration_since(from).unwrap_or_default(),
    })
}
