//! From the words that a host passes to the words that the option parser reads.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::extra_opts;
use crate::host_mode::HostMode;

/// Where the options of a check lie to which its host can pass none, by the name of the check.
const ARGUMENTS: &str = "/etc/governess/args";

/// The longest file of options that is read.
const FILE_MOST: u64 = 64 * 1024;

/// The words of the command line with everything that is written elsewhere put in: options from
/// files come first, so that the command line wins.
pub(super) fn complete(
    mode: HostMode,
    check: &str,
    server: &str,
    words: Vec<OsString>,
) -> Result<Vec<OsString>, String> {
    let program = words.first().cloned().unwrap_or_default();
    let given = words.get(1..).unwrap_or_default();
    let mut all = match mode {
        HostMode::Ldirectord => from_arguments_file(&program)?,
        _ => Vec::new(),
    };
    all.extend_from_slice(given);
    let (asked, rest) = extra_opts::take_out(all);
    let mut complete = vec![program];
    for ask in asked {
        complete.extend(extra_opts::options(&ask, &format!("check_{check}"))?);
    }
    complete.extend(rest);
    Ok(for_clap(mode, server, complete))
}

/// ldirectord passes no options of ours, so they lie in a file that is named after the check.
fn from_arguments_file(program: &OsStr) -> Result<Vec<OsString>, String> {
    let Some(name) = Path::new(program).file_name() else {
        return Ok(Vec::new());
    };
    let path = Path::new(ARGUMENTS).join(name);
    let text = match read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
    };
    one_a_line(&text).map_err(|why| format!("{}, {why}", path.display()))
}

/// `--option`, `--option=value`, `--option value` or `-o value` on each line; empty lines and
/// lines that begin with `#` say nothing.
fn one_a_line(text: &str) -> Result<Vec<OsString>, String> {
    let mut words = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if !line.starts_with('-') {
            return Err(format!(
                "line {}: expected an option that begins with -, such as --tls",
                number + 1
            ));
        }
        match line.split_once(char::is_whitespace) {
            // `--option=value`, and the blank is part of the value.
            Some((option, _)) if option.contains('=') => words.push(line.into()),
            Some((option, value)) => words.extend([option.into(), value.trim_start().into()]),
            None => words.push(line.into()),
        }
    }
    Ok(words)
}

/// A file of options, or of a secret, which must be short and UTF-8. A named pipe is not waited
/// for.
///
/// # Errors
/// It cannot be read, or is something else.
pub fn read(path: &Path) -> io::Result<String> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    read_from(file)
}

/// The same from anything that can be read.
pub(super) fn read_from(source: impl Read) -> io::Result<String> {
    let mut text = String::new();
    source.take(FILE_MOST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_MOST {
        return Err(io::Error::other(format!(
            "it is longer than {FILE_MOST} bytes"
        )));
    }
    Ok(text)
}

/// ldirectord passes `VIP|FWM VPORT RIP RPORT` behind the name, and nothing else; every other
/// host passes options. `server` is the option that takes RIP.
fn for_clap(mode: HostMode, server: &str, words: Vec<OsString>) -> Vec<OsString> {
    if mode != HostMode::Ldirectord {
        return words;
    }
    match words.split_at_checked(words.len().saturating_sub(4)) {
        Some((before, [_vip, _vport, rip, rport]))
            if !before.is_empty() && !words_are_options(&words, before.len()) =>
        {
            let mut options = before.to_vec();
            options.extend([OsString::from(server), rip.clone()]);
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
        let read: Vec<_> = for_clap(mode, "--hostname", words)
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
    fn a_check_that_takes_servers_by_another_option_gets_it_by_that() {
        let words = ["check", "192.168.1.35", "53", "10.0.1.5", "53"].map(OsString::from);
        let read = for_clap(HostMode::Ldirectord, "--server", words.to_vec());
        assert_eq!(read, ["check", "--server", "10.0.1.5", "--port", "53"]);
    }

    #[test]
    fn an_arguments_file_has_one_option_a_line() {
        let text = "# the RDP check\n\n--tls\n  --require nla \n-t 3\n--expect-name=EX 1\n";
        let words = one_a_line(text).expect("well-formed");
        assert_eq!(
            words,
            ["--tls", "--require", "nla", "-t", "3", "--expect-name=EX 1"]
        );
        let refusal = one_a_line("--tls\nnla\n").expect_err("no option");
        assert!(refusal.contains("line 2"), "{refusal}");
    }

    #[test]
    fn a_file_of_options_that_is_too_long_or_not_text_is_refused() {
        assert_eq!(read_from(&b"--tls"[..]).expect("short"), "--tls");
        assert!(read_from(io::repeat(b'x')).is_err());
        assert!(read_from(&[0xff][..]).is_err());
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
