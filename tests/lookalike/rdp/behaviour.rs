//! What the server can do, by name.

use std::io;
use std::time::Duration;

use super::challenge;
use super::peer::{Inside, Opening, Peer, Tls};
use crate::certificate::{OLD, Wish};
use crate::switch::HEALTHY;

/// STATUS_NO_LOGON_SERVERS (MS-ERREF 2.3.1).
const NO_LOGON_SERVERS: u32 = 0xc000_005e;

/// How far the clock is off, where it is: more than Kerberos bears.
const CLOCK_OFF: i64 = 600;

/// What the server does with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Confirms, selects NLA (HYBRID_EX), shakes hands and gives the challenge: Windows in health.
    Confirms,
    /// Confirms and selects this protocol (MS-RDPBCGR 2.2.1.2.1), with what belongs behind it.
    Selects(u8),
    /// Confirms in 11 bytes, without negotiation: Windows 2003 and older.
    NoNegotiation,
    /// Refuses with this failure (MS-RDPBCGR 2.2.1.2.2).
    Refuses(u8),
    /// Refuses with an MCS Disconnect Provider Ultimatum, as xrdp does.
    McsDisconnect,
    /// Accepts and says nothing, as a hung service does: the kernel accepts for it.
    Hangs,
    /// Healthy, a byte a second.
    Drips,
    /// Healthy, in fragments of 97 bytes and 20 ms.
    Fragments,
    /// Closes (FIN) without an answer.
    Closes,
    /// Closes (FIN) after 7 bytes of its answer.
    ClosesHalfway,
    /// Resets (RST) without an answer.
    Resets,
    /// Resets as soon as the connection is accepted: the return path through LVS-NAT.
    ResetsAtOnce,
    /// Greets as a mail server does.
    OtherProtocol,
    /// Answers in TPKT of another version than 3.
    WrongVersion,
    /// Answers with X.224 lengths that contradict each other.
    WrongLength,
    /// Answers with 100 MB.
    Floods,
    /// Speaks TLS without X.224 before it.
    TlsAtOnce,
    /// Selects TLS and hangs there.
    TlsHangs,
    /// Selects TLS and closes at the ClientHello.
    TlsCloses,
    /// Selects TLS and resets at the ClientHello.
    TlsResets,
    /// Selects TLS and answers the ClientHello with the alert handshake_failure.
    TlsAlert,
    /// Selects TLS and answers the ClientHello with plain text.
    TlsPlainText,
    /// Selects TLS and answers the ClientHello with the longest record, ten bytes a second.
    TlsDrips,
    /// Selects TLS and answers the ClientHello with 100 MB.
    TlsFloods,
    /// Speaks TLS 1.0 and nothing newer.
    TlsOld,
    /// Its certificate expired three days ago.
    CertificateExpired,
    /// Its certificate is valid from tomorrow on.
    CertificateNotYet,
    /// Its certificate ends in three days.
    CertificateEnds,
    /// Its certificate is for another server.
    CertificateOther,
    /// Its security authority hangs: no challenge.
    NlaHangs,
    /// Closes instead of a challenge.
    NlaCloses,
    /// Resets instead of a challenge.
    NlaResets,
    /// Refuses with an error code: no domain controller.
    NlaRefuses,
    /// Answers with something else than NTLM.
    NlaMalformed,
    /// Announces 2 GB and sends 100 MB.
    NlaFloods,
    /// The challenge of the server EX9.
    OtherServer,
    /// A challenge without names.
    Nameless,
    /// A clock ten minutes ahead.
    ClockAhead,
    /// A clock ten minutes behind.
    ClockBehind,
}

/// All behaviours by name, the healthy one first.
pub(super) const ALL: &[(&str, Behaviour)] = &[
    (HEALTHY, Behaviour::Confirms),
    ("selects_rdp", Behaviour::Selects(0)),
    ("selects_tls", Behaviour::Selects(1)),
    ("selects_hybrid", Behaviour::Selects(2)),
    ("selects_rdstls", Behaviour::Selects(4)),
    ("selects_hybrid_ex", Behaviour::Selects(8)),
    ("selects_rdsaad", Behaviour::Selects(16)),
    ("no_negotiation", Behaviour::NoNegotiation),
    ("refuses_tls_required", Behaviour::Refuses(1)),
    ("refuses_tls_not_allowed", Behaviour::Refuses(2)),
    ("refuses_no_certificate", Behaviour::Refuses(3)),
    ("refuses_inconsistent_flags", Behaviour::Refuses(4)),
    ("refuses_nla_required", Behaviour::Refuses(5)),
    ("refuses_client_certificate", Behaviour::Refuses(6)),
    ("refuses_unknown", Behaviour::Refuses(99)),
    ("mcs_disconnect", Behaviour::McsDisconnect),
    ("hangs", Behaviour::Hangs),
    ("drips", Behaviour::Drips),
    ("fragments", Behaviour::Fragments),
    ("closes", Behaviour::Closes),
    ("closes_halfway", Behaviour::ClosesHalfway),
    ("resets", Behaviour::Resets),
    ("resets_at_once", Behaviour::ResetsAtOnce),
    ("other_protocol", Behaviour::OtherProtocol),
    ("wrong_version", Behaviour::WrongVersion),
    ("wrong_length", Behaviour::WrongLength),
    ("floods", Behaviour::Floods),
    ("tls_at_once", Behaviour::TlsAtOnce),
    ("tls_hangs", Behaviour::TlsHangs),
    ("tls_closes", Behaviour::TlsCloses),
    ("tls_resets", Behaviour::TlsResets),
    ("tls_alert", Behaviour::TlsAlert),
    ("tls_plain_text", Behaviour::TlsPlainText),
    ("tls_drips", Behaviour::TlsDrips),
    ("tls_floods", Behaviour::TlsFloods),
    ("tls_old", Behaviour::TlsOld),
    ("certificate_expired", Behaviour::CertificateExpired),
    ("certificate_not_yet", Behaviour::CertificateNotYet),
    ("certificate_ends", Behaviour::CertificateEnds),
    ("certificate_other", Behaviour::CertificateOther),
    ("nla_hangs", Behaviour::NlaHangs),
    ("nla_closes", Behaviour::NlaCloses),
    ("nla_resets", Behaviour::NlaResets),
    ("nla_refuses", Behaviour::NlaRefuses),
    ("nla_malformed", Behaviour::NlaMalformed),
    ("nla_floods", Behaviour::NlaFloods),
    ("other_server", Behaviour::OtherServer),
    ("nameless", Behaviour::Nameless),
    ("clock_ahead", Behaviour::ClockAhead),
    ("clock_behind", Behaviour::ClockBehind),
];

/// A Connection Confirm with that negotiation structure, or none (MS-RDPBCGR 2.2.1.2).
fn confirm(negotiation: &[u8]) -> Vec<u8> {
    let length = 11 + negotiation.len() as u8;
    let mut bytes = vec![3, 0, 0, length, length - 5, 0xd0, 0, 0, 0x12, 0x34, 0];
    bytes.extend_from_slice(negotiation);
    bytes
}

/// A Connection Confirm that selects a protocol (RDP_NEG_RSP), with the flags of Windows.
pub fn selects(protocol: u8) -> Vec<u8> {
    confirm(&[2, 0x1f, 8, 0, protocol, 0, 0, 0])
}

/// A Connection Confirm with a failure (RDP_NEG_FAILURE).
fn refuses(code: u8) -> Vec<u8> {
    confirm(&[3, 0, 8, 0, code, 0, 0, 0])
}

impl Behaviour {
    /// The conversation of the server of that NetBIOS name.
    pub(super) fn peer(self, name: &str) -> io::Result<Peer> {
        let dns_name = format!("{name}.exch.test");
        let certificate = Wish::of_rdp(&dns_name);
        let tls = || Tls::of(certificate);
        let challenge = |computer: &str, ahead| Inside::Challenges {
            computer: computer.to_owned(),
            ahead,
        };
        Ok(match self {
            Self::Confirms => nla(tls()?, challenge(name, 0)),
            Self::Selects(2 | 8) => Peer {
                opening: Opening::Answers(self.selected()),
                ..nla(tls()?, challenge(name, 0))
            },
            Self::Selects(1) => over_tls(tls()?),
            Self::Drips => Peer {
                drip: Some((1, Duration::from_secs(1))),
                ..nla(tls()?, challenge(name, 0))
            },
            Self::Fragments => Peer {
                drip: Some((97, Duration::from_millis(20))),
                ..nla(tls()?, challenge(name, 0))
            },
            Self::TlsAtOnce => Peer {
                opening: Opening::Skipped,
                ..over_tls(tls()?)
            },
            Self::TlsHangs => over_tls(Tls::Silent),
            Self::TlsCloses => over_tls(Tls::Closes),
            Self::TlsResets => over_tls(Tls::Resets),
            // RFC 8446 section 6: fatal (2), handshake_failure (40).
            Self::TlsAlert => over_tls(Tls::Says(vec![0x15, 3, 3, 0, 2, 2, 40])),
            Self::TlsPlainText => over_tls(Tls::Says(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())),
            Self::TlsDrips => {
                let mut record = vec![0x16, 3, 3, 0x40, 0];
                record.resize(5 + 0x4000, 0);
                Peer {
                    drip: Some((1, Duration::from_millis(100))),
                    ..over_tls(Tls::Says(record))
                }
            }
            // A handshake record of the longest length with a ServerHello of 16 MB.
            Self::TlsFloods => {
                over_tls(Tls::Floods(vec![0x16, 3, 3, 0x40, 0, 2, 0xff, 0xff, 0xff]))
            }
            Self::TlsOld => over_tls(Tls::with(certificate, OLD)?),
            Self::CertificateExpired => certified((-90, -3), certificate, challenge(name, 0))?,
            Self::CertificateNotYet => certified((1, 90), certificate, challenge(name, 0))?,
            Self::CertificateEnds => certified((-90, 3), certificate, challenge(name, 0))?,
            Self::CertificateOther => {
                let other = Wish::of_rdp("EX9.exch.test");
                nla(Tls::of(other)?, challenge(name, 0))
            }
            Self::NlaHangs => nla(tls()?, Inside::Answers(Vec::new())),
            Self::NlaCloses => nla(tls()?, Inside::Closes),
            Self::NlaResets => nla(tls()?, Inside::Resets),
            Self::NlaRefuses => nla(tls()?, Inside::Answers(challenge::error(NO_LOGON_SERVERS))),
            Self::NlaMalformed => nla(tls()?, Inside::Answers(challenge::token(b"no NTLM"))),
            Self::NlaFloods => nla(
                tls()?,
                Inside::Floods(vec![0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]),
            ),
            Self::OtherServer => nla(tls()?, challenge("EX9", 0)),
            Self::Nameless => nla(tls()?, challenge("", 0)),
            Self::ClockAhead => nla(tls()?, challenge(name, CLOCK_OFF)),
            Self::ClockBehind => nla(tls()?, challenge(name, -CLOCK_OFF)),
            _ => below_tls(self.opening()),
        })
    }

    fn selected(self) -> Vec<u8> {
        match self {
            Self::Selects(protocol) => selects(protocol),
            _ => selects(8),
        }
    }

    /// What is said where TLS is not reached.
    fn opening(self) -> Opening {
        match self {
            Self::NoNegotiation => Opening::Answers(confirm(&[])),
            Self::Refuses(code) => Opening::Closes(refuses(code)),
            Self::McsDisconnect => Opening::Closes(vec![3, 0, 0, 9, 2, 0xf0, 0x80, 0x21, 0x80]),
            Self::Hangs => Opening::Hangs,
            Self::Closes => Opening::Closes(Vec::new()),
            Self::ClosesHalfway => Opening::Closes(selects(8).into_iter().take(7).collect()),
            Self::Resets => Opening::Resets,
            Self::ResetsAtOnce => Opening::ResetsAtOnce,
            Self::OtherProtocol => Opening::Greets(b"220 mail.exch.test ESMTP\r\n".to_vec()),
            Self::WrongVersion => Opening::Answers(vec![2, 0, 0, 0x0b, 6, 0xd0, 0, 0, 0, 0, 0]),
            Self::WrongLength => Opening::Answers(vec![3, 0, 0, 0x0b, 0xfe, 0xd0, 0, 0, 0, 0, 0]),
            Self::Floods => Opening::Floods(vec![3, 0, 0xff, 0xff, 0xfe, 0xd0]),
            _ => Opening::Answers(self.selected()),
        }
    }
}

fn below_tls(opening: Opening) -> Peer {
    Peer {
        opening,
        ..over_tls(Tls::Silent)
    }
}

fn over_tls(tls: Tls) -> Peer {
    Peer {
        opening: Opening::Answers(selects(1)),
        tls,
        inside: Inside::Waits,
        drip: None,
    }
}

fn nla(tls: Tls, inside: Inside) -> Peer {
    Peer {
        opening: Opening::Answers(selects(8)),
        inside,
        ..over_tls(tls)
    }
}

fn certified(days: (i64, i64), certificate: Wish<'_>, inside: Inside) -> io::Result<Peer> {
    let certificate = Wish {
        days,
        ..certificate
    };
    Ok(nla(Tls::of(certificate)?, inside))
}
