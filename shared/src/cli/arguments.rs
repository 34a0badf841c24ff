//! From the words that a host passes to the words that the option parser reads.

use std::ffi::{OsStr, OsString};

use crate::host_mode::HostMode;

/// ldirectord passes `VIP|FWM VPORT RIP RPORT` behind the name, and nothing else; every other
/// host passes options.
pub(super) fn for_clap(mode: HostMode, words: Vec<OsString>) -> Vec<OsString> {
    if mode != HostMode::Ldirectord {
        return words;
    }
    match words.split_at_checked(words.len().saturating_sub(4)) {
        Some((before, [_vip, _vport, rip, rport]))
            if !before.is_empty() && !words_are_options(&words, before.len()) =>
        {
            let mut options = before.to_vec();
            options.extend([OsString::from("--hostname"), rip.clone()]);
            // The real port of a virtual service by firewall mark may be 0: the check's own then.
            if rport != OsStr::new("0") {
                options.extend([OsString::from("--port"), rport.clone()]);
            }
            options
        }
        _ => words,
    }
}

fn words_are_options(words: &[OsString], from: usize) -> bool {
    let is_option = |word: &OsString| word.as_encoded_bytes().starts_with(b"-");
    words.iter().skip(from).any(is_option)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mode: HostMode, command: &str) -> String {
        let words = command.split(' ').map(OsString::from).collect();
        let read: Vec<_> = for_clap(mode, words)
            .into_iter()
            .map(|word| word.into_string().expect("UTF-8"))
            .collect();
        read.join(" ")
    }

    #[test]
    fn what_ldirectord_passes_becomes_host_and_port() {
        assert_eq!(
            read(HostMode::Ldirectord, "check 192.168.1.35 443 10.0.1.1 3389"),
            "check --hostname 10.0.1.1 --port 3389"
        );
        assert_eq!(
            read(
                HostMode::Ldirectord,
                "check -m ldirectord 80 0 [2001:db8::1] 0"
            ),
            "check -m ldirectord --hostname [2001:db8::1]"
        );
    }

    #[test]
    fn options_and_other_hosts_words_stay_as_they_are() {
        for command in [
            "check",
            "check -H rs1",
            "check -H 10.0.1.1 -p 3389",
            "check a b c",
        ] {
            assert_eq!(read(HostMode::Ldirectord, command), command);
        }
        assert_eq!(read(HostMode::Nagios, "check a b c d"), "check a b c d");
    }
}
