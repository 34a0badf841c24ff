//! The check programs of other hosts as checks of ours.

use super::draft::Probe;

/// How the other host reads a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads<'a> {
    /// Exit 0 is health, everything else is failure (keepalived, ldirectord).
    ExitCode,
    /// Exit 1 is failure, 2 is weight 0, everything else is health (keepalived's
    /// `misc_dynamic`).
    Weight,
    /// Exactly this on standard output is health (nanny).
    Output(&'a str),
}

/// A program as a check, with what has to be said of it.
pub(super) struct Converted {
    pub(super) probe: Probe,
    /// Milliseconds, where the command line says.
    pub(super) timeout: Option<u64>,
    pub(super) remark: Option<String>,
}

/// Our own plugins, whose answers need no interpreter.
const OURS: [&str; 5] = [
    "check_x224",
    "check_exchange_smtp",
    "check_owa",
    "check_ad_dns",
    "check_exchange",
];

/// Endings of a plugin's name that choose its host mode.
const MODES: [&str; 6] = [
    "nagios",
    "json",
    "nanny",
    "keepalived",
    "keepalived-weight",
    "ldirectord",
];

/// The check that a command line is; the server's address in it is `{address}` already. `port` is
/// the port that it is meant for, where that is known. An error if no check can say it.
pub(super) fn check(
    words: &[String],
    port: Option<u16>,
    reads: Reads<'_>,
) -> Result<Converted, String> {
    let Some(program) = words.first() else {
        return Err("the command is empty".to_owned());
    };
    if let Some(odd) = words.iter().find(|word| has_placeholder(word)) {
        return Err(format!("\"{odd}\" would be taken for a placeholder"));
    }
    let name = program.rsplit('/').next().unwrap_or(program);
    let (stem, mode) = match name.rsplit_once('.') {
        Some((stem, mode)) if MODES.contains(&mode) => (stem, Some(mode)),
        _ => (name, None),
    };
    if stem == "check_x224"
        && let Some(converted) = x224(&words[1..], port)
    {
        return Ok(converted);
    }
    if OURS.contains(&stem) && program.starts_with('/') {
        return Ok(in_nagios_mode(words, mode.is_some()));
    }
    Ok(interpreted(words, reads))
}

/// Whether a word holds braces that our `exec` would look into, `{address}` left aside.
fn has_placeholder(word: &str) -> bool {
    let rest = word.replace("{address}", "");
    rest.contains('{') && rest.contains('}')
}

/// `check_x224` runs inside governess, if every option has its key.
fn x224(words: &[String], port: Option<u16>) -> Option<Converted> {
    let mut keys = Vec::new();
    let mut asked = port.unwrap_or(3389);
    let mut timeout = None;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (option, inline) = match word.split_once('=') {
            Some((option, value)) if option.starts_with("--") => (option, Some(value)),
            _ => (word.as_str(), None),
        };
        let mut value = || inline.or_else(|| words.next().map(String::as_str));
        match option {
            "-H" | "--hostname" if value()? == "{address}" => {}
            "-m" | "--host-mode" => drop(value()?),
            "-p" | "--port" => asked = value()?.parse().ok()?,
            "-t" | "--timeout" => {
                timeout = Some(value()?.parse::<u64>().ok()?.checked_mul(1000)?);
            }
            "--tls" => keys.push(("tls", "true".to_owned())),
            "--nla" => keys.push(("nla", "true".to_owned())),
            "--require" => keys.push(("require", super::write::quoted(value()?))),
            "--expect-name" => keys.push(("expect_name", super::write::quoted(value()?))),
            "--certificate" => keys.push(("certificate", super::write::quoted(value()?))),
            _ => return None,
        }
    }
    let remark = "check_x224 runs inside governess from now on, as `x224`".to_owned();
    Some(Converted {
        probe: Probe::X224 { port: asked, keys },
        timeout,
        remark: Some(remark),
    })
}

/// Another plugin of ours, told to answer as `exec` reads: without its mode it is nagios.
fn in_nagios_mode(words: &[String], named_by_mode: bool) -> Converted {
    let mut kept = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-m" | "--host-mode" => drop(words.next()),
            word if word.starts_with("--host-mode=") => {}
            word => kept.push(word.to_owned()),
        }
    }
    if named_by_mode {
        kept.extend(["--host-mode".to_owned(), "nagios".to_owned()]);
    }
    Converted {
        probe: Probe::Exec(kept),
        timeout: None,
        remark: None,
    }
}

/// `exec` takes exit 1 for a warning, under which a server serves; the other hosts do not. A
/// shell stands between them.
fn interpreted(words: &[String], reads: Reads<'_>) -> Converted {
    let (script, name) = match reads {
        Reads::ExitCode => ("\"$@\" || exit 2", words[0].clone()),
        Reads::Weight => ("\"$@\"; case $? in 1|2) exit 2;; esac", words[0].clone()),
        Reads::Output(expected) => ("test \"$(\"$@\")\" = \"$0\" || exit 2", expected.to_owned()),
    };
    let mut exec: Vec<String> = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    exec.push(name);
    exec.extend(words.iter().cloned());
    let remark = format!(
        "{} is run as `exec` through a shell, which turns every failure into exit 2; `verify` \
         cannot see whether the program is there",
        words[0]
    );
    Converted {
        probe: Probe::Exec(exec),
        timeout: None,
        remark: Some(remark),
    }
}
