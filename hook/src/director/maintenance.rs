//! The maintenance folder, as ldirectord has it: a file named after a server takes it out.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use shared::text;

use super::{About, Director};
use crate::clock::Moment;
use crate::config::{ServerId, ServiceId};
use crate::operate::evidence;
use crate::operate::journal::Event;

/// More of a file is no reason any more.
const LONGEST_REASON: usize = 200;

/// The names of the files in the folder, each with its first line. No folder is an empty one.
///
/// # Errors
/// The folder is there and cannot be read.
pub fn read(folder: &Path) -> io::Result<BTreeMap<String, String>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        entries => entries?,
    };
    let mut files = BTreeMap::new();
    for entry in entries {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string() {
            files.insert(name, first_line(&entry.path()));
        }
    }
    Ok(files)
}

fn file_fact(name: &str) -> [(String, serde_json::Value); 1] {
    [(evidence::FILE.to_owned(), name.into())]
}

/// A file that cannot be read takes its server out all the same.
fn first_line(path: &Path) -> String {
    let content = std::fs::read(path).unwrap_or_default();
    let content = String::from_utf8_lossy(&content).into_owned();
    let line = content.lines().next().unwrap_or("").trim();
    text::one_line(text::cut(line, LONGEST_REASON))
}

impl Director {
    /// Takes in what [`read`] gave. A folder that cannot be read changes nothing but the status.
    pub fn take_maintenance(&mut self, files: io::Result<BTreeMap<String, String>>, now: Moment) {
        const THING: &str = "maintenance_dir";
        let files = match files {
            Ok(files) => {
                self.host_problems.remove(THING);
                files
            }
            Err(error) => {
                let words = format!("cannot be read, so what it said last still holds: {error}");
                self.host_problems.insert(THING.to_owned(), words);
                return;
            }
        };
        if files == self.in_maintenance {
            return;
        }
        let before = std::mem::replace(&mut self.in_maintenance, files);
        for server in (0..self.config.servers.len()).map(ServerId) {
            self.note_maintenance(server, &before);
        }
        for service in self.service_ids() {
            self.converge(service, &[], now);
        }
        self.records.journal.flush();
    }

    fn note_maintenance(&mut self, server: ServerId, before: &BTreeMap<String, String>) {
        for name in self.names_in_folder(server) {
            let about = About::server(server);
            match (before.get(&name), self.in_maintenance.get(&name)) {
                (None, Some(reason)) => {
                    let reason = match reason.as_str() {
                        "" => String::new(),
                        reason => format!(" ({reason})"),
                    };
                    let words =
                        format!("drained by the file {name} in the maintenance folder{reason}");
                    self.note_with(Event::WishSet, about, words, file_fact(&name));
                }
                (Some(_), None) => {
                    let words = format!("the file {name} in the maintenance folder is gone");
                    self.note_with(Event::WishCleared, about, words, file_fact(&name));
                }
                _ => {}
            }
        }
    }

    /// Every name by which the folder may take the server out, of all services or of one.
    fn names_in_folder(&self, server: ServerId) -> Vec<String> {
        let known = &self.config.servers[server.0];
        let mut names = vec![known.name.clone(), known.address.to_string()];
        let services = self.config.services.iter();
        names.extend(
            services
                .filter(|service| service.servers.contains(&server))
                .map(|service| self.config.destination(service, server).to_string()),
        );
        names.dedup();
        names
    }

    /// The file that takes a server out of a service, and its reason.
    pub(super) fn maintenance_in(
        &self,
        service: ServiceId,
        server: ServerId,
    ) -> Option<(&str, &str)> {
        if self.in_maintenance.is_empty() {
            return None;
        }
        let service = &self.config.services[service.0];
        let known = &self.config.servers[server.0];
        let destination = self.config.destination(service, server).to_string();
        [known.name.clone(), known.address.to_string(), destination]
            .iter()
            .find_map(|name| self.in_maintenance.get_key_value(name))
            .map(|(name, reason)| (name.as_str(), reason.as_str()))
    }

    /// The first file that takes a server out of any service.
    pub(super) fn maintenance_of(&self, server: ServerId) -> Option<(&str, &str)> {
        let mut memberships = self.memberships(server).into_iter();
        memberships.find_map(|(service, _)| self.maintenance_in(service, server))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_with_the_reasons_and_one_that_is_not_there_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ex1"), "CU14, ticket 4711\nmore\n").unwrap();
        std::fs::write(folder.path().join("10.0.1.2:443"), "").unwrap();
        let read_now = |path: &Path| read(path).unwrap().into_iter().collect::<Vec<_>>();
        let expected = [("10.0.1.2:443", ""), ("ex1", "CU14, ticket 4711")];
        let expected = expected.map(|(name, reason)| (name.to_owned(), reason.to_owned()));
        assert_eq!(read_now(folder.path()), expected);
        assert_eq!(read_now(&folder.path().join("none")), []);
    }
}
