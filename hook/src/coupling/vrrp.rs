//! What keepalived tells of VRRP, from the lines of its `vrrp_notify_fifo`
//! (`keepalived.conf(5)`): `INSTANCE "governess" MASTER 100`. Shown, and never a reason to change
//! a weight: both directors keep their tables at all times.

use serde::{Deserialize, Serialize};

use super::fifo::Heard;

/// The name of the pair's one instance in keepalived's file: a sync group would ignore the weight
/// of a tracked file.
pub const INSTANCE: &str = "governess";

/// What this director is in the pair (RFC 5798 section 6.4; `fault` and `stop` are keepalived's).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// keepalived has not told yet: it tells changes alone.
    #[default]
    Unknown,
    /// It holds the addresses.
    Master,
    /// The other one does, or nobody.
    Backup,
    /// keepalived finds this director unable to hold them.
    Fault,
    /// keepalived has stopped.
    Stop,
}

impl State {
    /// Its name in the status.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Master => "master",
            Self::Backup => "backup",
            Self::Fault => "fault",
            Self::Stop => "stop",
        }
    }
}

/// One line about the pair's instance: its state and priority.
pub fn parse(line: &[u8]) -> Option<(State, u8)> {
    let text: Vec<u8> = line.iter().copied().filter(|byte| *byte != 0).collect();
    let text = std::str::from_utf8(&text).ok()?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let ["INSTANCE", name, state, priority] = words[..] else {
        return None;
    };
    let state = match state {
        "MASTER" | "MASTER_RX_LOWER_PRI" | "MASTER_PRIORITY" => State::Master,
        "BACKUP" | "BACKUP_PRIORITY" => State::Backup,
        "FAULT" => State::Fault,
        "STOP" => State::Stop,
        _ => return None,
    };
    let ours = name.trim_matches('"') == INSTANCE;
    Some((state, priority.parse().ok()?)).filter(|_| ours)
}

/// All that keepalived has told of the pair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vrrp {
    /// What it told last.
    pub state: State,
    /// The priority with everything counted in that it told last.
    pub priority: Option<u8>,
    /// Why nothing is heard at present; `None` while keepalived has the FIFO open.
    pub silent: Option<String>,
}

impl Vrrp {
    /// Takes in what was heard; gives the state before if there is another one now.
    pub fn hear(&mut self, heard: &Heard) -> Option<State> {
        match heard {
            Heard::Open => self.silent = None,
            Heard::Silent(why) => self.silent = Some(why.clone()),
            Heard::Line(line) => {
                let (state, priority) = parse(line)?;
                self.priority = Some(priority);
                let before = std::mem::replace(&mut self.state, state);
                return Some(before).filter(|before| *before != state);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &[u8]) -> Heard {
        Heard::Line(text.to_vec())
    }

    #[test]
    fn a_state_is_told_when_it_changes_and_the_priority_is_kept() {
        let mut vrrp = Vrrp::default();
        let said = |vrrp: &mut Vrrp, text: &[u8]| vrrp.hear(&line(text));
        let backup = said(&mut vrrp, b"INSTANCE \"governess\" BACKUP 100");
        assert_eq!(backup, Some(State::Unknown));
        assert_eq!(
            said(&mut vrrp, b"\0INSTANCE \"governess\" BACKUP_PRIORITY 50\0"),
            None
        );
        assert_eq!(vrrp.priority, Some(50));
        let master = said(&mut vrrp, b"INSTANCE \"governess\" MASTER 100");
        assert_eq!((master, vrrp.state), (Some(State::Backup), State::Master));
        assert_eq!(
            said(&mut vrrp, b"INSTANCE \"governess\" MASTER_RX_LOWER_PRI 100"),
            None
        );
        assert_eq!(
            said(&mut vrrp, b"INSTANCE \"governess\" STOP 0"),
            Some(State::Master)
        );
    }

    #[test]
    fn lines_of_others_and_of_nobody_change_nothing() {
        let mut vrrp = Vrrp::default();
        for text in [
            &b"INSTANCE \"VI_1\" MASTER 100"[..],
            b"GROUP \"governess\" MASTER 100",
            b"INSTANCE \"governess\" MASTER",
            b"INSTANCE \"governess\" MASTER 256",
            b"INSTANCE \"governess\" SLAVE 100",
            b"RS [10.0.1.1]:none:0 FWM 80 UP",
            b"\xff\0",
            b"",
        ] {
            assert_eq!(vrrp.hear(&line(text)), None);
        }
        assert_eq!(vrrp, Vrrp::default());
    }

    #[test]
    fn a_fifo_that_vanishes_leaves_what_was_told_last_with_a_word_about_it() {
        let mut vrrp = Vrrp::default();
        vrrp.hear(&line(b"INSTANCE \"governess\" MASTER 100"));
        vrrp.hear(&Heard::Silent("vrrp.fifo: is not there".to_owned()));
        assert_eq!(vrrp.state, State::Master);
        assert!(vrrp.silent.is_some());
        vrrp.hear(&Heard::Open);
        assert_eq!(vrrp.silent, None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(line: Vec<u8>) {
            parse(&line);
        }
    }
}
