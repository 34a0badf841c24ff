//! `backend = "keepalived-files"`: keepalived owns the table and follows one file a server and
//! service, named `SERVICE.SERVER`, by a `track_file` of weight 1 and a real server of weight 1
//! (`packaging/keepalived/track_file.conf`).
//!
//! A file holds the wanted weight minus 1, since keepalived adds it to the configured 1. A file
//! that is not there counts as 0 (`track_file.c` of keepalived), so that a hook that is gone
//! leaves a server that serves.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::ipvs::Ipvs;
use super::weights::is_weight_alone;
use super::{KernelError, VirtualServers};
use crate::config::Config;
use crate::operate::plan;
use crate::table::{
    Connections, Destination, DestinationSettings, Encapsulation, Service, ServiceKey, Step, Table,
};

/// A number is no longer than this; what is longer is none of ours.
const LONGEST: usize = 32;

/// The files of a configuration as a table of weights.
#[derive(Debug)]
pub struct KeepalivedFiles {
    folder: PathBuf,
    files: Vec<TrackFile>,
    /// As the files are to be understood; the weights in it are replaced by theirs.
    pattern: Table,
    kernel: Ipvs,
}

#[derive(Debug)]
struct TrackFile {
    service: ServiceKey,
    destination: SocketAddr,
    path: PathBuf,
}

impl KeepalivedFiles {
    /// The files of these services and servers. Touches nothing yet.
    pub fn of(config: &Config) -> Self {
        let folder = config.keepalived.files.clone();
        let mut files = Vec::new();
        let mut pattern = Table::new();
        for service in &config.services {
            let mut destinations = std::collections::BTreeMap::new();
            for id in &service.servers {
                let destination = config.destination(service, *id);
                let settings = DestinationSettings {
                    forward: service.forward,
                    weight: 1,
                    upper_threshold: 0,
                    lower_threshold: 0,
                    encapsulation: Encapsulation::default(),
                };
                destinations.insert(
                    destination,
                    Destination {
                        settings,
                        connections: Connections::default(),
                    },
                );
                files.push(TrackFile {
                    service: service.key,
                    destination,
                    path: folder.join(name(&service.name, &config.servers[id.0].name)),
                });
            }
            let settings = service.settings.clone();
            pattern.insert(
                service.key,
                Service {
                    settings,
                    destinations,
                },
            );
        }
        Self {
            folder,
            files,
            pattern,
            kernel: Ipvs::new(),
        }
    }

    fn write(&self, file: &TrackFile, weight: u32) -> io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        // Not synced: after the death of the machine the file says nothing true any more.
        let mut beside = self.folder.clone().into_os_string();
        beside.push("/.");
        beside.push(file.path.file_name().unwrap_or_default());
        beside.push(".new");
        std::fs::write(&beside, format!("{}\n", i64::from(weight) - 1))?;
        std::fs::rename(&beside, &file.path)
    }
}

/// The name of the file of one server in one service.
pub fn name(service: &str, server: &str) -> String {
    format!("{service}.{server}")
}

impl VirtualServers for KeepalivedFiles {
    fn dump(&mut self) -> Result<Table, KernelError> {
        let mut table = self.pattern.clone();
        for file in &self.files {
            let weight = read(&file.path).map_err(|source| KernelError::Refused {
                what: format!("read {}", file.path.display()),
                source,
            })?;
            let there = table
                .get_mut(&file.service)
                .and_then(|service| service.destinations.get_mut(&file.destination));
            if let Some(there) = there {
                there.settings.weight = weight;
            }
        }
        Ok(table)
    }

    fn apply(&mut self, step: &Step) -> Result<(), KernelError> {
        let not_ours = || KernelError::NotOurs {
            what: plan::words(step),
        };
        let Step::EditDestination {
            service,
            destination,
            from,
            to,
        } = step
        else {
            return Err(not_ours());
        };
        let file = self
            .files
            .iter()
            .find(|file| (file.service, file.destination) == (*service, *destination))
            .filter(|_| is_weight_alone(from, to))
            .ok_or_else(not_ours)?;
        self.write(file, to.weight)
            .map_err(|source| KernelError::Refused {
                what: format!("write {}", file.path.display()),
                source,
            })
    }

    fn fingerprint(&mut self) -> Option<String> {
        let weights = self.files.iter().map(|file| read(&file.path).ok());
        let weights: Option<Vec<u32>> = weights.collect();
        weights.map(|weights| format!("{weights:?}"))
    }

    fn in_force(&mut self) -> Result<Option<Table>, KernelError> {
        self.kernel.dump().map(Some)
    }
}

/// The weight that keepalived makes of a file: 1 and its number, never below 0. What is absent,
/// empty or no number counts as 0 for keepalived, and so here.
fn read(path: &Path) -> io::Result<u32> {
    let content = match std::fs::read(path) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let text = std::str::from_utf8(&content).unwrap_or_default().trim();
    let number: i64 = match text {
        long if long.len() > LONGEST => 0,
        text => text.parse().unwrap_or(0),
    };
    Ok(u32::try_from(number.saturating_add(1).max(0)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = include_str!("../../../packaging/keepalived/governess.toml");

    fn files(folder: &Path) -> KeepalivedFiles {
        let text = CONFIG.replace("/run/governess/keepalived", folder.to_str().unwrap());
        KeepalivedFiles::of(&Config::parse(Path::new("g.toml"), &text).unwrap())
    }

    fn weights(files: &mut KeepalivedFiles) -> Vec<u32> {
        let table = files.dump().unwrap();
        let destinations = table.values().flat_map(|there| there.destinations.values());
        destinations.map(|there| there.settings.weight).collect()
    }

    fn set(files: &mut KeepalivedFiles, at: usize, weight: u32) {
        let table = files.dump().unwrap();
        let (service, found) = table.iter().next().unwrap();
        let (destination, there) = found.destinations.iter().nth(at).unwrap();
        let from = there.settings;
        files
            .apply(&Step::EditDestination {
                service: *service,
                destination: *destination,
                from,
                to: DestinationSettings { weight, ..from },
            })
            .unwrap();
    }

    #[test]
    fn without_files_every_server_serves_as_keepalived_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(weights(&mut files(&folder.path().join("absent"))), [1, 1]);
    }

    #[test]
    fn a_file_holds_the_weight_minus_one_under_the_name_of_service_and_server() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("made");
        let mut files = files(&folder);
        let before = files.fingerprint();
        set(&mut files, 0, 0);
        set(&mut files, 1, 7);
        let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(text("exchange.ex1"), "-1\n");
        assert_eq!(text("exchange.ex2"), "6\n");
        assert_eq!(weights(&mut files), [0, 7]);
        assert_ne!(files.fingerprint(), before);
        let left = std::fs::read_dir(&folder).unwrap().count();
        assert_eq!(left, 2, "nothing half written lies beside them");
    }

    #[test]
    fn what_is_no_number_counts_as_keepalived_counts_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = files(folder.path());
        for (text, weight) in [
            ("", 1),
            ("x", 1),
            ("-5", 0),
            ("40", 41),
            ("-99999999999999999999999", 1),
        ] {
            std::fs::write(folder.path().join("exchange.ex1"), text).unwrap();
            assert_eq!(weights(&mut files)[0], weight, "{text:?}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("file");
        std::fs::write(&blocked, "").unwrap();
        let mut files = files(&blocked);
        let table = files.pattern.clone();
        let (service, found) = table.iter().next().unwrap();
        let (destination, there) = found.destinations.iter().next().unwrap();
        let from = there.settings;
        let to = DestinationSettings { weight: 0, ..from };
        let step = Step::EditDestination {
            service: *service,
            destination: *destination,
            from,
            to,
        };
        let error = files.apply(&step).unwrap_err().to_string();
        assert!(error.contains("exchange.ex1"), "{error}");
    }
}
