//! The options of a part as options of the whole: the same, each behind the part's name.

use std::ffi::OsString;
use std::marker::PhantomData;

use clap::builder::ValueParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, CommandFactory, Error, FromArgMatches};
use shared::cli::{Common, Plugin};

use super::part::Part;
use crate::{ad_dns, owa, smtp, x224};

/// A check that is part of a whole.
pub(super) trait Of: Plugin {
    /// Which.
    const PART: Part;

    /// The server, as far as reading the other options needs one: `server` is anybody.
    fn server(_words: &[OsString], server: &str) -> Vec<OsString> {
        vec!["-H".into(), server.into()]
    }
}

impl Of for x224::Arguments {
    const PART: Part = Part::Rdp;
}

impl Of for smtp::Arguments {
    const PART: Part = Part::Smtp;
}

impl Of for owa::Arguments {
    const PART: Part = Part::Owa;
}

impl Of for ad_dns::Arguments {
    const PART: Part = Part::Dns;

    /// Unless something else is to be asked, the server's name.
    fn server(words: &[OsString], server: &str) -> Vec<OsString> {
        let what = ["--hostname=", "--profile=", "--expect-file="];
        let asks = |word: &OsString| {
            let word = word.as_encoded_bytes();
            what.iter()
                .any(|option| word.starts_with(option.as_bytes()))
        };
        match words.iter().any(asks) {
            true => Vec::new(),
            false => vec!["-H".into(), server.into()],
        }
    }
}

/// What was said of a part: words for its own parser.
#[derive(Clone, Debug)]
pub(super) struct Prefixed<P> {
    words: Vec<OsString>,
    part: PhantomData<P>,
}

impl<P: Of> Prefixed<P> {
    /// Whether nothing was said of it.
    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether the part's own option of that name was given.
    pub(super) fn has(&self, option: &str) -> bool {
        let start = format!("--{option}=");
        let words = self.words.iter();
        words
            .map(|word| word.as_encoded_bytes())
            .any(|word| word.starts_with(start.as_bytes()))
    }

    /// The part's own arguments, for `server`, with `further` words of its own.
    ///
    /// # Errors
    /// Why they make no sense, in the names that the options have here.
    pub(super) fn read(&self, server: &str, further: &[OsString]) -> Result<P, String> {
        let words = std::iter::once(OsString::from("check"))
            .chain(P::server(&self.words, server))
            .chain(self.words.iter().cloned())
            .chain(further.iter().cloned());
        P::try_parse_from(words).map_err(|error| {
            let text = error.to_string();
            let what = text.split("\n\n").next().unwrap_or_default();
            let lines: Vec<&str> = what.lines().map(str::trim).collect();
            let line = lines.join(" ");
            let line = line.strip_prefix("error: ").unwrap_or(&line);
            line.replace("--", &format!("--{}-", P::PART))
        })
    }
}

/// The options of the part that are its own, without the server.
fn own_options<P: Of>() -> Vec<Arg> {
    let common = Common::augment_args(Command::new(""));
    let is_common = |option: &Arg| {
        let mut common = common.get_arguments();
        common.any(|known| known.get_id() == option.get_id())
    };
    let is_server = |option: &Arg| option.get_id() == "hostname" && P::PART != Part::Dns;
    let command = <P as CommandFactory>::command();
    let options = command.get_arguments();
    let own = options.filter(|option| !is_common(option) && !is_server(option));
    own.cloned().collect()
}

/// Its name here. It lives as long as the process, as clap wants it.
fn name_of<P: Of>(option: &Arg) -> Option<&'static str> {
    let name = format!("{}-{}", P::PART, option.get_long()?);
    Some(name.leak())
}

fn prefixed<P: Of>(option: &Arg) -> Option<Arg> {
    let name = name_of::<P>(option)?;
    let parser: ValueParser = option.get_value_parser().clone();
    let mut here = Arg::new(name)
        .long(name)
        .action(option.get_action().clone())
        .help_heading(heading(P::PART));
    if let Some(help) = option.get_help() {
        here = here.help(help_here(option, &help.to_string(), P::PART));
    }
    if is_flag(option) {
        return Some(here);
    }
    here = here.value_parser(parser);
    if let Some(names) = option.get_value_names() {
        here = here.value_names(names.to_vec());
    }
    if let Some(delimiter) = option.get_value_delimiter() {
        here = here.value_delimiter(delimiter);
    }
    Some(here)
}

/// Its help with the names that options have here, and its default, which stays the part's own.
fn help_here(option: &Arg, help: &str, part: Part) -> String {
    let help = help.replace("--", &format!("--{part}-"));
    let defaults = option.get_default_values().iter();
    let defaults: Vec<_> = defaults.map(|value| value.to_string_lossy()).collect();
    match (is_flag(option), defaults.as_slice()) {
        (false, [default]) => format!("{help} (default {default})"),
        _ => help,
    }
}

fn heading(part: Part) -> &'static str {
    match part {
        Part::Rdp => "Options of RDP, as check_x224 has them",
        Part::Smtp => "Options of mail, as check_exchange_smtp has them",
        Part::Owa => "Options of the web, as check_owa has them",
        Part::Dns => "Options of DNS, as check_ad_dns has them",
    }
}

fn is_flag(option: &Arg) -> bool {
    matches!(option.get_action(), ArgAction::SetTrue)
}

impl<P: Of> Args for Prefixed<P> {
    fn augment_args(command: Command) -> Command {
        let options = own_options::<P>();
        command.args(options.iter().filter_map(prefixed::<P>))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<P: Of> FromArgMatches for Prefixed<P> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut words = Vec::new();
        for option in own_options::<P>() {
            let (Some(name), Some(own)) = (name_of::<P>(&option), option.get_long()) else {
                continue;
            };
            if is_flag(&option) {
                if matches.get_flag(name) {
                    words.push(format!("--{own}").into());
                }
                continue;
            }
            for value in matches.get_raw(name).into_iter().flatten() {
                let mut word = OsString::from(format!("--{own}="));
                word.push(value);
                words.push(word);
            }
        }
        let prefixed = Self {
            words,
            part: PhantomData,
        };
        // What contradicts itself is a refusal of the command line, whoever is asked.
        match prefixed.read("server.invalid", &[]) {
            Ok(_) => Ok(prefixed),
            Err(why) => Err(Error::raw(ErrorKind::ArgumentConflict, why)),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
