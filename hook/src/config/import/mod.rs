//! Brings the files of other programs over: Piranha's `lvs.cf`, `ldirectord.cf`, `ipvsadm -Sn`
//! and keepalived's `virtual_server` blocks become one governess.toml.
//!
//! Nothing is dropped silently: what cannot be carried over is told with its line, and a word that
//! the other program would not know either is refused. Pure: no file but the given ones is read.

mod command;
mod draft;
mod iptables;
mod ipvsadm;
mod keepalived;
mod ldirectord;
mod mail;
mod names;
mod piranha;
mod ports;
mod sorry;
mod text;
mod told;
mod web;
mod write;

pub use told::{Remark, Told};

use draft::Draft;
use text::Line;

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// `/etc/sysconfig/ha/lvs.cf`
    Piranha,
    /// `ldirectord.cf`
    Ldirectord,
    /// What `ipvsadm -Sn` prints
    Ipvsadm,
    /// `keepalived.conf`: its `virtual_server` blocks
    Keepalived,
}

impl Format {
    /// The program's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Piranha => "Piranha",
            Self::Ldirectord => "ldirectord",
            Self::Ipvsadm => "ipvsadm",
            Self::Keepalived => "keepalived",
        }
    }
}

/// A governess.toml, and what its reader has to know.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The file; the remarks stand at its head as comments.
    pub toml: String,
    /// What was not carried over, was changed, or never worked.
    pub remarks: Vec<Remark>,
    /// Whose file it was.
    pub format: Format,
}

/// Reads a file of another program. `format` is guessed if not given; `rules` are the packet
/// filter's, as `iptables-save` prints them or a script gives them, for they alone know the ports
/// of a mark.
///
/// # Errors
/// What is wrong, each with its line.
pub fn import(
    file: &[u8],
    format: Option<Format>,
    rules: Option<&[u8]>,
) -> Result<Imported, Vec<Remark>> {
    let lines = text::lines(file)?;
    let format = match format.or_else(|| guess(&lines)) {
        Some(format) => format,
        None => {
            return Err(vec![Remark {
                line: 0,
                words: "this looks like no file of Piranha, ldirectord, ipvsadm or keepalived; \
                        say whose it is with --from"
                    .to_owned(),
            }]);
        }
    };
    let mut told = Told::default();
    let mut draft = match format {
        Format::Piranha => piranha::read(&lines, &mut told),
        Format::Ldirectord => ldirectord::read(&lines, &mut told),
        Format::Ipvsadm => ipvsadm::read(&lines, &mut told),
        Format::Keepalived => keepalived::read(&lines, &mut told),
    };
    if let Some(rules) = rules {
        let rules = text::lines(rules).map_err(told::of_the_rules)?;
        iptables::read(&rules, &mut draft, &mut told);
    }
    finish(draft, format, told)
}

fn finish(mut draft: Draft, format: Format, mut told: Told) -> Result<Imported, Vec<Remark>> {
    draft.settle(&mut told);
    if draft.services.is_empty() && !told.refuses() {
        told.refuse(0, "no virtual service is left to import");
    }
    let remarks = told.conclude()?;
    Ok(Imported {
        toml: write::toml(&draft, format, &remarks),
        remarks,
        format,
    })
}

/// Whose file it is, by the first line that tells.
fn guess(lines: &[Line<'_>]) -> Option<Format> {
    lines.iter().find_map(|line| {
        let text = line.text.trim_start();
        let mut words = text.split([' ', '\t', '=']).filter(|word| !word.is_empty());
        let first = words.next()?;
        let second = words.next().unwrap_or("");
        match first {
            "-A" | "-a" | "--add-service" | "--add-server" => Some(Format::Ipvsadm),
            "virtual" | "failover" if text.trim_end().ends_with('{') => Some(Format::Piranha),
            "virtual" | "virtual6" | "checktimeout" | "negotiatetimeout" | "checkinterval"
            | "autoreload" | "quiescent" | "fallback" => Some(Format::Ldirectord),
            "serial_no" | "primary" | "nat_router" | "backup_active" | "service" | "network" => {
                Some(Format::Piranha)
            }
            "virtual_server"
            | "virtual_server_group"
            | "global_defs"
            | "vrrp_instance"
            | "vrrp_sync_group"
            | "vrrp_script" => Some(Format::Keepalived),
            _ if second == "{" => Some(Format::Keepalived),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests;
