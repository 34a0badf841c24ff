//! Chooses the table that a configuration wants driven.

use std::io;

use super::VirtualServers;
use super::ipvs::Ipvs;
use super::keepalived_files::KeepalivedFiles;
use super::memory::Memory;
use super::weights::Weights;
use crate::config::{Backend, Config};
use crate::director::record::TableIdentity;

/// The table of a configuration. The kernel is first asked when the table is first read.
pub fn open(config: &Config) -> Box<dyn VirtualServers> {
    match config.director.backend {
        Backend::Ipvs => Box::new(Ipvs::new()),
        Backend::Weights => Box::new(Weights::default()),
        Backend::KeepalivedFiles => Box::new(KeepalivedFiles::of(config)),
        Backend::Memory => Box::new(Memory::default()),
    }
}

/// What tells this table from that of another boot, namespace or process.
///
/// # Errors
/// `/proc` is not mounted.
pub fn identity(backend: Backend) -> io::Result<TableIdentity> {
    match backend {
        Backend::Ipvs | Backend::Weights | Backend::KeepalivedFiles => Ok(TableIdentity {
            boot: std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?
                .trim()
                .to_owned(),
            namespace: namespace()?,
        }),
        // The twin dies with its process; no later one can have inherited from it.
        Backend::Memory => Ok(TableIdentity {
            boot: format!("memory-{}", std::process::id()),
            namespace: 0,
        }),
    }
}

fn namespace() -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(std::fs::metadata("/proc/self/ns/net")?.ino())
}
