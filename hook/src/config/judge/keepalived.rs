//! Judges the `[keepalived]` section, and what its files ask of names.

use std::path::PathBuf;

use super::super::fault::Fault;
use super::super::file;
use super::super::{Backend, Keepalived, Server, VirtualService};
use super::absolute;

/// Where the files lie unless the configuration says otherwise.
const FILES: &str = "/run/governess/keepalived";

pub(super) fn judge(
    file: &file::File,
    backend: Backend,
    services: &[VirtualService],
    servers: &[Server],
    faults: &mut Vec<Fault>,
) -> Keepalived {
    let nothing = file::Keepalived::default();
    let written = file.keepalived.as_ref().unwrap_or(&nothing);
    absolute("files", &written.files, faults);
    absolute("fifo", &written.fifo, faults);
    if backend == Backend::KeepalivedFiles {
        let names = services.iter().map(|service| &service.name);
        for name in names.chain(servers.iter().map(|server| &server.name)) {
            if !names_a_file(name) {
                let message = format!("\"{name}\" cannot be part of a file's name");
                faults.push(Fault::at(0..0, message).suggest(
                    "backend = \"keepalived-files\" writes files called SERVICE.SERVER: letters, \
                     digits, - and _",
                ));
            }
        }
    }
    Keepalived {
        files: PathBuf::from(
            written
                .files
                .as_ref()
                .map_or(FILES, |path| path.as_ref().as_str()),
        ),
        fifo: written.fifo.as_ref().map(|path| path.as_ref().into()),
    }
}

/// A dot could make two pairs of names one file.
fn names_a_file(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !name.is_empty() && name.len() <= 100 && name.chars().all(fits)
}
