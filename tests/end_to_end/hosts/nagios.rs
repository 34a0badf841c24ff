//! Nagios Core with the packaged commands, in a folder of its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::built::text;
use crate::core::{Running, Service, Stored};

/// What every configuration needs around its services.
const FRAME: &str = "
define timeperiod {
    timeperiod_name  always
    alias            always
    monday           00:00-24:00
    tuesday          00:00-24:00
    wednesday        00:00-24:00
    thursday         00:00-24:00
    friday           00:00-24:00
    saturday         00:00-24:00
    sunday           00:00-24:00
}
define contact {
    contact_name                    nobody
    host_notifications_enabled      0
    service_notifications_enabled   0
    host_notification_period        always
    service_notification_period     always
    host_notification_commands      check_x224
    service_notification_commands   check_x224
}
define command {
    command_name  check_that_breaks
    command_line  $USER1$/check_that_breaks $ARG1$
}
define host {
    host_name               ex1
    address                 127.0.0.1
    max_check_attempts      1
    active_checks_enabled   0
    check_period            always
    contacts                nobody
    notification_period     always
    notification_interval   0
}
define service {
    name                    every-service
    register                0
    host_name               ex1
    check_interval          2
    retry_interval          2
    max_check_attempts      1
    check_period            always
    contacts                nobody
    notification_period     always
    notification_interval   0
}
";

/// A Nagios, configured and perhaps running.
pub(crate) struct Nagios {
    folder: PathBuf,
    _running: Option<Running>,
}

impl Nagios {
    /// Writes the configuration: these services, and further objects and settings.
    pub(crate) fn configure(
        folder: &Path,
        plugins: &Path,
        services: &[Service],
        objects: &str,
        settings: &str,
    ) -> Self {
        let folder = folder.join("nagios");
        for name in ["rw", "spool", "archives", "tmp"] {
            std::fs::create_dir_all(folder.join(name)).unwrap();
        }
        // The governess and the sudo of a package are this build's, run by root.
        let governess = crate::built::program("governess");
        let packaged = text("packaging/nagios/governess.cfg")
            .replace("sudo ", "")
            .replace("/usr/sbin/governess", &governess.to_string_lossy())
            .replace(
                "/etc/governess",
                &folder.parent().unwrap().to_string_lossy(),
            );
        let mut all = FRAME.to_owned() + objects;
        for service in services {
            write!(
                all,
                "define service {{\n use every-service\n service_description {}\n check_command \
                 {}!{}\n}}\n",
                service.name,
                service.check,
                service.words().join(" ")
            )
            .unwrap();
        }
        std::fs::write(folder.join("governess.cfg"), packaged).unwrap();
        std::fs::write(folder.join("objects.cfg"), all).unwrap();
        let user1 = format!("$USER1$={}\n", plugins.display());
        std::fs::write(folder.join("resource.cfg"), user1).unwrap();
        std::fs::write(folder.join("nagios.cfg"), main(&folder, settings)).unwrap();
        Self {
            folder,
            _running: None,
        }
    }

    /// `nagios4 -v`: accepted without a warning.
    pub(crate) fn verify(&self) {
        let output = Command::new("nagios4")
            .arg("-v")
            .arg(self.folder.join("nagios.cfg"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
        assert!(
            said.contains("Total Warnings: 0") && said.contains("Total Errors:   0"),
            "{said}"
        );
    }

    /// Runs it in the foreground.
    pub(crate) fn start(&mut self) {
        let log = File::create(self.folder.join("stdout")).unwrap();
        let child = Command::new("nagios4")
            .arg(self.folder.join("nagios.cfg"))
            .process_group(0)
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self._running = Some(Running(child));
    }

    /// Where it takes external commands.
    pub(crate) fn command_file(&self) -> PathBuf {
        self.folder.join("rw/nagios.cmd")
    }

    /// What its `status.dat` holds of services that were checked.
    pub(crate) fn stored(&self) -> BTreeMap<String, Stored> {
        let text = std::fs::read_to_string(self.folder.join("status.dat")).unwrap_or_default();
        let blocks = text.split("servicestatus {").skip(1);
        let block = |block: &str| {
            let fields: BTreeMap<&str, &str> = block
                .lines()
                .take_while(|line| line.trim() != "}")
                .filter_map(|line| line.trim().split_once('='))
                .collect();
            if fields.get("has_been_checked") != Some(&"1") {
                return None;
            }
            let stored = Stored {
                state: fields["current_state"].parse().unwrap(),
                text: fields["plugin_output"].trim().to_owned(),
                perfdata: fields["performance_data"].trim().to_owned(),
            };
            Some((fields["service_description"].to_owned(), stored))
        };
        blocks.filter_map(block).collect()
    }

    /// What it said, for a test that failed.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("nagios.log")).unwrap_or_default()
    }
}

fn main(folder: &Path, settings: &str) -> String {
    let at = |name: &str| folder.join(name).display().to_string();
    format!(
        "log_file={}\ncfg_file={}\ncfg_file={}\nresource_file={}\nobject_cache_file={}\n\
         precached_object_file={}\nstatus_file={}\nstatus_update_interval=1\nnagios_user=root\n\
         nagios_group=root\ncheck_external_commands=1\ncommand_file={}\nquery_socket={}\n\
         lock_file={}\ntemp_file={}\ntemp_path={}\nevent_broker_options=0\nlog_rotation_method=n\n\
         log_archive_path={}\nuse_syslog=0\ncheck_result_path={}\ncheck_result_reaper_frequency=1\n\
         interval_length=1\ncheck_for_updates=0\nstate_retention_file={}\ncheck_workers=2\n\
         illegal_macro_output_chars=`~$&|'\"<>\n{settings}",
        at("nagios.log"),
        at("governess.cfg"),
        at("objects.cfg"),
        at("resource.cfg"),
        at("objects.cache"),
        at("objects.precache"),
        at("status.dat"),
        at("rw/nagios.cmd"),
        at("rw/nagios.qh"),
        at("pid"),
        at("tmp/file"),
        at("tmp"),
        at("archives"),
        at("spool"),
        at("retention.dat"),
    )
}
