//! `--extra-opts=[section][@file]`: options from an ini file, as the Monitoring Plugins have it,
//! so that one file serves plugins of both kinds.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::arguments::{read, read_from};
use crate::text::quoted;

const NAME: &[u8] = b"--extra-opts";

/// Where the Monitoring Plugins look for their ini file, first match wins; before these, the file
/// that the environment variable MP_CONFIG_FILE names.
const FILES: [&str; 9] = [
    "/usr/local/etc/monitoring-plugins/monitoring-plugins.ini",
    "/usr/local/etc/monitoring-plugins.ini",
    "/etc/monitoring-plugins/monitoring-plugins.ini",
    "/etc/monitoring-plugins.ini",
    "/etc/nagios/plugins.ini",
    "/usr/local/nagios/etc/plugins.ini",
    "/usr/local/etc/nagios/plugins.ini",
    "/etc/opt/nagios/plugins.ini",
    "/etc/nagios-plugins.ini",
];

/// Takes every `--extra-opts` out of `words`: what each asks for, and the words that stay. The
/// value stands behind `=`, or is the next word unless that begins with `-`.
pub(super) fn take_out(words: Vec<OsString>) -> (Vec<OsString>, Vec<OsString>) {
    let (mut asked, mut rest) = (Vec::new(), Vec::new());
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        match word.as_encoded_bytes().strip_prefix(NAME) {
            Some(b"") => {
                let is_value = |next: &OsString| !next.as_encoded_bytes().starts_with(b"-");
                asked.push(words.next_if(is_value).unwrap_or_default());
            }
            Some([b'=', ..]) => {
                let text = word.to_string_lossy();
                let value = text.split_once('=').map_or("", |(_, value)| value);
                asked.push(value.into());
            }
            _ if word == "--" => {
                rest.push(word);
                rest.extend(words.by_ref());
            }
            _ => rest.push(word),
        }
    }
    (asked, rest)
}

/// The options that `ask` (`[section][@file]`) names; the section defaults to `default`.
pub(super) fn options(ask: &OsString, default: &str) -> Result<Vec<OsString>, String> {
    let ask = ask
        .to_str()
        .ok_or("the value of --extra-opts is not UTF-8")?;
    let (section, file) = match ask.split_once('@') {
        Some((section, file)) => (section, Some(file)),
        None => (ask, None),
    };
    let section = if section.is_empty() { default } else { section };
    let (named, text) = match file {
        Some("-") => ("stdin".to_owned(), read_from(std::io::stdin().lock())),
        file => {
            let path = match file {
                Some(file) if !file.is_empty() => PathBuf::from(file),
                _ => standard_file().ok_or_else(no_standard_file)?,
            };
            (path.display().to_string(), read(&path))
        }
    };
    let text = text.map_err(|error| format!("--extra-opts: cannot read {named}: {error}"))?;
    section_of(&text, section).map_err(|why| format!("--extra-opts: {named}{why}"))
}

fn standard_file() -> Option<PathBuf> {
    let by_environment = std::env::var_os("MP_CONFIG_FILE").map(PathBuf::from);
    let standard = FILES.iter().map(Path::new).find(|path| path.exists());
    by_environment.or_else(|| standard.map(Path::to_path_buf))
}

fn no_standard_file() -> String {
    format!(
        "--extra-opts: no ini file was found (MP_CONFIG_FILE, {}); name one as \
         --extra-opts=SECTION@FILE",
        FILES.join(", ")
    )
}

/// The lines `option[=value]` of every section of that name, as words of a command line; what is
/// wrong is told with its line.
fn section_of(text: &str, wanted: &str) -> Result<Vec<OsString>, String> {
    let mut words = Vec::new();
    let (mut current, mut found) = (None, false);
    for (number, line) in text.lines().enumerate() {
        let refuse = |why: &str| Err(format!(", line {}: {why}", number + 1));
        let line = line.trim();
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            let Some(name) = header.strip_suffix(']') else {
                return refuse("a section is written [NAME]");
            };
            current = Some(name.trim());
            found |= current == Some(wanted);
            continue;
        }
        match current {
            None => return refuse("an option stands before the first section"),
            Some(name) if name == wanted => match word(line) {
                Some(word) => words.push(word),
                None => return refuse("expected option or option=value"),
            },
            Some(_) => {}
        }
    }
    if !found {
        return Err(format!(
            " has no section [{}]",
            quoted(wanted.as_bytes(), 64)
        ));
    }
    Ok(words)
}

/// `option=value` as `--option=value`, `o=value` as `-ovalue`.
fn word(line: &str) -> Option<OsString> {
    let (option, value) = match line.split_once('=') {
        Some((option, value)) => (option.trim_end(), Some(value.trim_start())),
        None => (line, None),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if option.is_empty() || option.starts_with('-') || !option.bytes().all(plain) {
        return None;
    }
    let word = match (option.len(), value) {
        (1, value) => format!("-{option}{}", value.unwrap_or_default()),
        (_, None | Some("")) => format!("--{option}"),
        (_, Some(value)) => format!("--{option}={value}"),
    };
    Some(word.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const INI: &str = "; a comment\n[check_x224]\n tls\nrequire = nla\nw=3\n\n[other]\nport=1\n\
                       [check_x224]\n# another\nexpect-name=\n";

    #[test]
    fn every_section_of_the_name_gives_its_options() {
        let words = section_of(INI, "check_x224").expect("well-formed");
        assert_eq!(words, ["--tls", "--require=nla", "-w3", "--expect-name"]);
        assert_eq!(section_of(INI, "other").expect("there"), ["--port=1"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, words) in [
            ("tls\n[check_x224]\n", "line 1: an option stands before"),
            ("[check_x224\n", "line 1: a section is written"),
            ("[check_x224]\n\n--tls\n", "line 3: expected option"),
            ("[check_x224]\n=3\n", "line 2: expected option"),
            ("[other]\n", "no section [check_x224]"),
            ("", "no section [check_x224]"),
        ] {
            let refusal = section_of(text, "check_x224").expect_err(text);
            assert!(refusal.contains(words), "{refusal}");
        }
    }

    #[test]
    fn every_spelling_is_taken_out_of_the_words() {
        let taken = |command: &str| {
            let (asked, rest) = take_out(command.split(' ').map(OsString::from).collect());
            let joined = |words: Vec<OsString>| {
                let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
                words.join(",")
            };
            (joined(asked), joined(rest))
        };
        for (command, asked, rest) in [
            ("-H rs1 --extra-opts=rdp@/f -v", "rdp@/f", "-H,rs1,-v"),
            ("--extra-opts rdp -H rs1", "rdp", "-H,rs1"),
            ("--extra-opts -H rs1", "", "-H,rs1"),
            ("--extra-opts=a --extra-opts=b", "a,b", ""),
            ("-H rs1 -- --extra-opts=a", "", "-H,rs1,--,--extra-opts=a"),
        ] {
            let (a, b) = taken(command);
            assert_eq!((a.as_str(), b.as_str()), (asked, rest), "{command}");
        }
    }

    proptest! {
        #[test]
        fn no_file_panics(text in "(?s).*", section in ".*") {
            let _ = section_of(&text, &section);
        }
    }
}
