//! Which host asks: found before anything else is parsed, so that every error obeys it.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::HostMode;

/// Options of one letter that take no value, behind which `-m` may stand in the same word.
const FLAGS: &[u8] = b"46hVv";

/// The mode that `arguments` (the program's name first) ask for: by `-m` or `--host-mode` in any
/// spelling, else by the name's last part (`check_x224.nanny`), else `nagios`.
///
/// A mode that does not exist is a usage error, and that too must be said to somebody: to the
/// host whose name is nearest to the misspelt one.
pub fn find(arguments: &[OsString]) -> HostMode {
    let by_option = option_value(arguments.get(1..).unwrap_or_default());
    let by_name = arguments.first().and_then(|name| called_by(name));
    match by_option {
        Some(value) => exact(value)
            .or(by_name)
            .or_else(|| nearest(value))
            .unwrap_or(HostMode::Nagios),
        None => by_name.unwrap_or(HostMode::Nagios),
    }
}

/// The mode in the name that a program is called by.
fn called_by(program: &OsStr) -> Option<HostMode> {
    exact(Path::new(program).extension()?.as_encoded_bytes())
}

fn exact(value: &[u8]) -> Option<HostMode> {
    HostMode::ALL
        .into_iter()
        .find(|mode| mode.name().as_bytes() == value)
}

fn nearest(value: &[u8]) -> Option<HostMode> {
    let common = |mode: &HostMode| {
        let pairs = mode.name().bytes().zip(value);
        pairs
            .take_while(|(a, b)| *a == b.to_ascii_lowercase())
            .count()
    };
    HostMode::ALL
        .into_iter()
        .filter(|mode| common(mode) > 0)
        // Of equals the last one wins, and "keepalived" is to win over "keepalived-weight".
        .rev()
        .max_by_key(common)
}

/// The value of the first `-m` or `--host-mode`: `-m X`, `-mX`, `-m=X`, `-vmX`, `--host-mode X`,
/// `--host-mode=X`. Nothing after `--` is an option.
fn option_value(arguments: &[OsString]) -> Option<&[u8]> {
    let mut words = arguments.iter().map(|word| word.as_encoded_bytes());
    while let Some(word) = words.next() {
        match word {
            b"--" => return None,
            b"--host-mode" => return words.next(),
            _ => {}
        }
        if let Some(value) = word.strip_prefix(b"--host-mode=") {
            return Some(value);
        }
        match attached_value(word) {
            Some(b"") => return words.next(),
            Some(value) => return Some(value.strip_prefix(b"=").unwrap_or(value)),
            None => {}
        }
    }
    None
}

/// What follows `-m` in a word of short options; empty when the next word is the value.
fn attached_value(word: &[u8]) -> Option<&[u8]> {
    let letters = word.strip_prefix(b"-")?;
    let flags = letters
        .iter()
        .take_while(|letter| FLAGS.contains(letter))
        .count();
    letters.get(flags..)?.strip_prefix(b"m")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(command: &str) -> HostMode {
        find(&command.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn every_spelling_of_the_option_is_found_anywhere() {
        for command in [
            "check_x224 -m nanny",
            "check_x224 -mnanny",
            "check_x224 -m=nanny",
            "check_x224 --host-mode nanny -H rs1",
            "check_x224 -H rs1 --host-mode=nanny --nonsense",
            "check_x224 -vvm nanny",
            "check_x224 -H rs1 -v4mnanny",
            "check_x224.json -m nanny",
        ] {
            assert_eq!(found(command), HostMode::Nanny, "{command}");
        }
    }

    #[test]
    fn the_name_called_by_is_found_for_every_mode() {
        for mode in HostMode::ALL {
            let command = format!("/usr/lib/governess/check_x224.{} -H rs1", mode.name());
            assert_eq!(found(&command), mode, "{command}");
        }
    }

    #[test]
    fn without_a_word_about_it_the_host_is_nagios() {
        for command in [
            "check_x224",
            "check_x224.real -H -p",
            "x -Hm nanny",
            "x -- -m nanny",
        ] {
            assert_eq!(found(command), HostMode::Nagios, "{command}");
        }
        assert_eq!(find(&[]), HostMode::Nagios);
    }

    #[test]
    fn a_misspelt_mode_is_answered_to_the_host_that_was_meant() {
        assert_eq!(found("check_x224 -m nany"), HostMode::Nanny);
        assert_eq!(found("check_x224 -m Keepalive"), HostMode::Keepalived);
        assert_eq!(
            found("check_x224 -m keepalived-w"),
            HostMode::KeepalivedWeight
        );
        assert_eq!(found("check_x224 -m ldirector"), HostMode::Ldirectord);
        assert_eq!(found("check_x224.nanny -m zzz"), HostMode::Nanny);
        assert_eq!(found("check_x224 -m zzz"), HostMode::Nagios);
        assert_eq!(found("check_x224 -m"), HostMode::Nagios);
    }

    proptest! {
        #[test]
        fn no_arguments_panic(words in prop::collection::vec(".*", 0..6)) {
            find(&words.into_iter().map(OsString::from).collect::<Vec<_>>());
        }
    }
}
