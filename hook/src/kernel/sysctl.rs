//! Kernel parameters: read first, written only on a difference.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use crate::setup::{HostStep, WantedSysctl};

/// Kernel parameters: those under `/proc/sys`, or their twins in memory.
pub trait Sysctls: Send {
    /// The value, without the blanks around it.
    ///
    /// # Errors
    /// There is no such parameter, or it cannot be read.
    fn read(&mut self, name: &str) -> Result<String, SysctlError>;

    /// Sets the value, and returns once the kernel has it.
    ///
    /// # Errors
    /// It cannot be written, or the kernel made something else of it.
    fn write(&mut self, name: &str, value: &str) -> Result<(), SysctlError>;
}

/// What is left to do for the parameters that can be read, and what is wrong with the others.
pub fn pending(
    wanted: &[WantedSysctl],
    sysctls: &mut dyn Sysctls,
) -> (Vec<HostStep>, Vec<SysctlError>) {
    let mut steps = Vec::new();
    let mut faults = Vec::new();
    for WantedSysctl { name, value, .. } in wanted {
        match sysctls.read(name) {
            Ok(found) if same(&found, value) => {}
            Ok(from) => steps.push(HostStep::SetSysctl {
                name,
                from,
                to: value,
            }),
            Err(fault) => faults.push(fault),
        }
    }
    (steps, faults)
}

/// Several values in one parameter are parted by any blanks.
fn same(one: &str, other: &str) -> bool {
    one.split_whitespace().eq(other.split_whitespace())
}

/// Why a parameter could not be read or set, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum SysctlError {
    /// The kernel has no such parameter, or none yet.
    #[error("{name}: this kernel has no such parameter; {}", remedy(name))]
    Missing {
        /// The parameter.
        name: String,
    },
    /// `/proc/sys` is mounted read-only, as containers have it.
    #[error(
        "{name}: /proc/sys is read-only; set {name} = {value} on the machine itself, or run \
         governess where /proc/sys can be written"
    )]
    ReadOnly {
        /// The parameter.
        name: String,
        /// The value wanted.
        value: String,
    },
    /// We may not.
    #[error(
        "{name}: permission denied; run governess as root, or set {name} = {value} by sysctl.d"
    )]
    Permission {
        /// The parameter.
        name: String,
        /// The value wanted.
        value: String,
    },
    /// The kernel did not take the value.
    #[error("{name}: {value} was written, but the kernel has {found:?}")]
    NotTaken {
        /// The parameter.
        name: String,
        /// The value wanted.
        value: String,
        /// The value found afterwards.
        found: String,
    },
    /// Something else.
    #[error("{name}: {source}")]
    Failed {
        /// The parameter.
        name: String,
        /// The answer.
        source: io::Error,
    },
}

fn remedy(name: &str) -> &'static str {
    if name.starts_with("net.ipv4.vs.") {
        "it appears with the module ip_vs: `modprobe ip_vs`"
    } else if name.starts_with("net.netfilter.") {
        "it appears with the module nf_conntrack: `modprobe nf_conntrack`"
    } else if name.starts_with("net.ipv6.") {
        "IPv6 is switched off here (ipv6.disable=1)"
    } else {
        "is /proc mounted, and the kernel not too old for it?"
    }
}

/// The parameters under `/proc/sys`, of the network namespace of the calling thread.
#[derive(Clone, Debug)]
pub struct ProcSys {
    root: PathBuf,
}

impl Default for ProcSys {
    fn default() -> Self {
        Self::at("/proc/sys")
    }
}

impl ProcSys {
    /// The parameters under another folder.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// In a name, dots part; a dot of an interface's name is written as a slash (`sysctl(8)`).
    fn path(&self, name: &str) -> PathBuf {
        let swapped: String = name
            .chars()
            .map(|letter| match letter {
                '.' => '/',
                '/' => '.',
                letter => letter,
            })
            .collect();
        self.root.join(swapped)
    }
}

impl Sysctls for ProcSys {
    fn read(&mut self, name: &str) -> Result<String, SysctlError> {
        match std::fs::read_to_string(self.path(name)) {
            Ok(text) => Ok(text.trim().to_owned()),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(SysctlError::Missing {
                name: name.to_owned(),
            }),
            Err(source) => Err(SysctlError::Failed {
                name: name.to_owned(),
                source,
            }),
        }
    }

    fn write(&mut self, name: &str, value: &str) -> Result<(), SysctlError> {
        set(&self.path(name), value).map_err(|error| fault(name, value, error))?;
        let found = self.read(name)?;
        if same(&found, value) {
            Ok(())
        } else {
            Err(SysctlError::NotTaken {
                name: name.to_owned(),
                value: value.to_owned(),
                found,
            })
        }
    }
}

/// Never makes a file: a parameter is there or it is not.
fn set(path: &std::path::Path, value: &str) -> io::Result<()> {
    use io::Write;
    let mut file = std::fs::OpenOptions::new().write(true).open(path)?;
    // The kernel takes a value from one write only.
    file.write_all(format!("{value}\n").as_bytes())
}

fn fault(name: &str, value: &str, source: io::Error) -> SysctlError {
    let (name, value) = (name.to_owned(), value.to_owned());
    match source.kind() {
        ErrorKind::NotFound => SysctlError::Missing { name },
        ErrorKind::ReadOnlyFilesystem => SysctlError::ReadOnly { name, value },
        ErrorKind::PermissionDenied => SysctlError::Permission { name, value },
        _ => SysctlError::Failed { name, source },
    }
}

impl SysctlError {
    /// The same refusal, met in trying whether `value` could be written.
    pub fn wanting(self, value: &str) -> Self {
        let value = value.to_owned();
        match self {
            Self::ReadOnly { name, .. } => Self::ReadOnly { name, value },
            Self::Permission { name, .. } => Self::Permission { name, value },
            other => other,
        }
    }
}

/// Kernel parameters without a kernel; those that were not put in are missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemorySysctls {
    values: BTreeMap<String, String>,
}

impl MemorySysctls {
    /// A twin that starts with given values.
    pub fn holding<'a>(values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self {
            values: values.into_iter().map(owned).collect(),
        }
    }
}

impl Sysctls for MemorySysctls {
    fn read(&mut self, name: &str) -> Result<String, SysctlError> {
        let value = self.values.get(name).cloned();
        value.ok_or_else(|| SysctlError::Missing {
            name: name.to_owned(),
        })
    }

    fn write(&mut self, name: &str, value: &str) -> Result<(), SysctlError> {
        self.read(name)?;
        self.values.insert(name.to_owned(), value.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
