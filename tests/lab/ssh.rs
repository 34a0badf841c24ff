//! sshd on a director, and an ssh that finds it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::machine::Machine;
use crate::process::{Process, checked, ours};
use crate::story::Story;

/// Keys and configuration of both ends.
const FOLDER: &str = "/tmp/ssh";

/// An sshd that runs.
pub(crate) struct Sshd {
    host: &'static str,
    _process: Process,
}

impl Sshd {
    /// Starts it on a director, at its own inside address and in the sight of its own folders, and
    /// waits until it lets root in from outside.
    pub(crate) fn begin(story: &Story, machine: &Machine) -> Outcome<Self> {
        fs::create_dir_all(format!("{FOLDER}/bin"))?;
        fs::create_dir_all("/run/sshd")?;
        for key in ["host", "user"] {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]);
            checked(keygen.arg(file(key)))?;
        }
        let governess = ours("governess")?;
        let programs = Path::new(governess.get_program()).parent();
        let programs = programs.ok_or("governess lies nowhere")?.display();
        let config = format!(
            "HostKey {FOLDER}/host\nAuthorizedKeysFile {FOLDER}/user.pub\nStrictModes no\n\
             UsePAM no\nPidFile none\nPermitRootLogin yes\nPasswordAuthentication no\n\
             SetEnv PATH={programs}:/usr/bin:/bin\n"
        );
        fs::write(file("sshd_config"), config)?;
        let client = format!(
            "#!/bin/sh\nexec /usr/bin/ssh -F none -i {FOLDER}/user -o IdentitiesOnly=yes \
             -o UserKnownHostsFile={FOLDER}/known -o StrictHostKeyChecking=accept-new \
             -o BatchMode=yes \"$@\"\n"
        );
        fs::write(file("bin/ssh"), client)?;
        fs::set_permissions(file("bin/ssh"), Permissions::from_mode(0o755))?;

        let mut sshd = Command::new("/usr/sbin/sshd");
        sshd.args(["-D", "-e", "-f"]).arg(file("sshd_config"));
        let log = file("sshd.log");
        let shown = log.clone();
        story.on_failure("sshd: its log", move || {
            fs::read_to_string(&shown).unwrap_or_default()
        });
        let process = Process::start(&machine.place, &mut machine.command(&sshd), &log)?;
        let started = Self {
            host: machine.inside,
            _process: process,
        };
        story.until_some("sshd lets us in", || {
            let mut ssh = Command::new(file("bin/ssh"));
            machine
                .place
                .within(|| checked(ssh.args([started.host, "true"])))?
        })?;
        Ok(started)
    }

    /// What ssh calls it.
    pub(crate) fn host(&self) -> &str {
        self.host
    }

    /// Where programs are searched, the ssh that knows the keys first.
    pub(crate) fn path(&self) -> Outcome<String> {
        let usual = std::env::var("PATH")?;
        Ok(format!("{FOLDER}/bin:{usual}"))
    }
}

fn file(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}
