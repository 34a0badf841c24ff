//! Icinga 2 with the packaged CheckCommands, in a folder of its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::built::text;
use crate::core::{Running, Service, Stored};

/// Its API on loopback, with an authority of its own.
pub(crate) struct Api {
    pub(crate) port: u16,
    /// The authority's certificate.
    pub(crate) ca: PathBuf,
}

/// Who may see everything, for what a test reads back.
const READER: &str = "reader:reads";

impl Api {
    /// Does what `icinga2 api setup` does, in a folder that an [`Icinga`] will be configured in.
    pub(crate) fn set_up(folder: &Path) -> Self {
        let data = folder.join("icinga/data");
        let certificates = data.join("certs");
        std::fs::create_dir_all(&certificates).unwrap();
        let at = |name: &str| certificates.join(name).display().to_string();
        let pki = |words: &[&str]| {
            let output = Command::new("icinga2")
                .env("ICINGA2_USER", "root")
                .env("ICINGA2_GROUP", "root")
                .arg("pki")
                .args(words)
                .arg("-D")
                .arg(format!("DataDir={}", data.display()))
                .output()
                .unwrap();
            assert!(output.status.success(), "{words:?}: {output:?}");
        };
        let (key, csr, certificate) = (at("test.key"), at("test.csr"), at("test.crt"));
        pki(&["new-ca"]);
        pki(&["new-cert", "--cn", "test", "--key", &key, "--csr", &csr]);
        pki(&["sign-csr", "--csr", &csr, "--cert", &certificate]);
        let ca = certificates.join("ca.crt");
        std::fs::copy(data.join("ca/ca.crt"), &ca).unwrap();
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        Self { port, ca }
    }

    /// The objects that make Icinga offer it.
    pub(crate) fn objects(&self) -> String {
        let (reader, password) = READER.split_once(':').unwrap();
        format!(
            "object Endpoint NodeName {{ }}\nobject Zone ZoneName {{\n  endpoints = [ NodeName ]\n}}\n\
             object ApiListener \"api\" {{\n  bind_host = \"127.0.0.1\"\n  bind_port = {}\n}}\n\
             object ApiUser \"{reader}\" {{\n  password = \"{password}\"\n  permissions = [ \"*\" ]\n}}\n",
            self.port
        )
    }

    /// The attributes of a service, `HOST!SERVICE`, as Icinga has them.
    pub(crate) fn service(&self, object: &str) -> Option<Value> {
        let port = self.port;
        let output = Command::new("curl")
            .args(["-sS", "--user", READER, "--cacert"])
            .arg(&self.ca)
            .args(["--resolve", &format!("test:{port}:127.0.0.1")])
            .arg(format!("https://test:{port}/v1/objects/services/{object}"))
            .output()
            .unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).ok()?;
        answer["results"][0].get("attrs").cloned()
    }
}

/// An Icinga, configured and perhaps running.
pub(crate) struct Icinga {
    folder: PathBuf,
    running: Option<Running>,
}

impl Icinga {
    /// Writes the configuration: these services on the host `ex1`, and further objects.
    pub(crate) fn configure(
        folder: &Path,
        plugins: &Path,
        services: &[Service],
        objects: &str,
    ) -> Self {
        let folder = folder.join("icinga");
        for name in ["data", "log", "cache", "run", "spool", "perfdata", "tmp"] {
            std::fs::create_dir_all(folder.join(name)).unwrap();
        }
        let governess = crate::built::program("governess");
        let packaged = text("packaging/icinga2/governess.conf")
            .replace("/usr/sbin/governess", &governess.to_string_lossy())
            .replace(
                "/etc/governess",
                &folder.parent().unwrap().to_string_lossy(),
            );
        std::fs::write(folder.join("governess.conf"), packaged).unwrap();
        let mut all = frame(&folder, plugins) + objects;
        for service in services {
            let prefix = service.check.trim_start_matches("check_");
            write!(
                all,
                "object Service \"{}\" {{\n  host_name = \"ex1\"\n  check_command = \"{}\"\n  \
                 check_interval = 2s\n  retry_interval = 2s\n  max_check_attempts = 1\n",
                service.name, service.check
            )
            .unwrap();
            for (option, value) in &service.options {
                let variable = option.replace('-', "_");
                writeln!(all, "  vars.{prefix}_{variable} = \"{value}\"").unwrap();
            }
            all += "}\n";
        }
        std::fs::write(folder.join("icinga2.conf"), all).unwrap();
        Self {
            folder,
            running: None,
        }
    }

    /// `icinga2 daemon -C`: accepted without a warning.
    pub(crate) fn verify(&self) {
        let output = self.daemon().arg("--validate").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
        assert!(!said.contains("warning/"), "{said}");
    }

    /// Runs it in the foreground.
    pub(crate) fn start(&mut self) {
        let log = File::create(self.folder.join("stdout")).unwrap();
        let child = self
            .daemon()
            .process_group(0)
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.running = Some(Running(child));
    }

    /// Ends it as its operator does.
    pub(crate) fn stop(&mut self) {
        self.running = None;
    }

    fn daemon(&self) -> Command {
        let mut command = Command::new("icinga2");
        command.env("ICINGA2_USER", "root");
        command.env("ICINGA2_GROUP", "root");
        command.args(["daemon", "-c"]);
        command.arg(self.folder.join("icinga2.conf"));
        for (constant, name) in [
            ("DataDir", "data"),
            ("LogDir", "log"),
            ("CacheDir", "cache"),
            ("InitRunDir", "run"),
            ("SpoolDir", "spool"),
            ("PidPath", "run/pid"),
            ("StatePath", "data/state"),
            ("VarsPath", "cache/vars"),
            ("ObjectsPath", "cache/objects"),
            ("ModAttrPath", "data/modified-attributes"),
        ] {
            let value = self.folder.join(name);
            command.args(["-D", &format!("{constant}={}", value.display())]);
        }
        command.args(["-D", "RunAsUser=root", "-D", "RunAsGroup=root"]);
        command
    }

    /// What it wrote of each service the last time.
    pub(crate) fn stored(&self) -> BTreeMap<String, Stored> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.folder.join("perfdata"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        let mut stored = BTreeMap::new();
        for file in files {
            for line in std::fs::read_to_string(file).unwrap_or_default().lines() {
                let fields: Vec<&str> = line.split('\t').collect();
                if let [name, state, text, perfdata] = fields.as_slice() {
                    let result = Stored {
                        state: state.parse().unwrap(),
                        text: text.trim().to_owned(),
                        perfdata: perfdata.trim().to_owned(),
                    };
                    stored.insert((*name).to_owned(), result);
                }
            }
        }
        stored
    }

    /// What it said, for a test that failed.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("stdout")).unwrap_or_default()
    }
}

fn frame(folder: &Path, plugins: &Path) -> String {
    format!(
        "const NodeName = \"test\"\nconst ZoneName = NodeName\nconst PluginDir = \"{plugins}\"\n\
         include <itl>\ninclude \"{folder}/governess.conf\"\n\
         object CheckerComponent \"checker\" {{ }}\n\
         object PerfdataWriter \"perfdata\" {{\n  rotation_interval = 1s\n  \
         service_perfdata_path = \"{folder}/perfdata/service\"\n  \
         service_temp_path = \"{folder}/tmp/service\"\n  \
         host_perfdata_path = \"{folder}/tmp/host-perfdata\"\n  \
         host_temp_path = \"{folder}/tmp/host\"\n  service_format_template = \
         \"$service.name$\\t$service.state_id$\\t$service.output$\\t$service.perfdata$\"\n}}\n\
         object Host \"ex1\" {{\n  address = \"127.0.0.1\"\n  check_command = \"dummy\"\n  \
         enable_active_checks = false\n}}\n\
         object CheckCommand \"check_that_breaks\" {{\n  command = [ PluginDir + \
         \"/check_that_breaks\" ]\n  arguments = {{\n    \"--hostname\" = \
         \"$that_breaks_hostname$\"\n    \"--port\" = \"$that_breaks_port$\"\n    \"--timeout\" = \
         \"$that_breaks_timeout$\"\n  }}\n}}\n",
        plugins = plugins.display(),
        folder = folder.display()
    )
}
