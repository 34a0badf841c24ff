//! The files in `packaging/keepalived`, judged by keepalived itself. They run in the kernel lab.

use std::path::Path;
use std::process::Command;

use crate::built::{plugins, program, root, text};

/// Interfaces as the files name them, in a network namespace of their own.
const WITH_INTERFACES: &str = "ip link add eth0 type veth peer name eth1 && \
     ip link set eth0 up && ip link set eth1 up && exec keepalived --config-test --use-file \"$1\"";

#[test]
fn keepalived_accepts_every_packaged_file_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = plugins(folder.path());
    let mut files = 0;
    for entry in std::fs::read_dir(root().join("packaging/keepalived")).unwrap() {
        let path = entry.unwrap().path();
        let of_keepalived = path.extension().is_some_and(|end| end == "conf");
        if !of_keepalived {
            continue;
        }
        files += 1;
        let text = std::fs::read_to_string(&path)
            .unwrap()
            .replace("/usr/lib/nagios/plugins", &plugins.to_string_lossy());
        let copy = folder.path().join(path.file_name().unwrap());
        std::fs::write(&copy, text).unwrap();
        accepts(&copy);
    }
    assert!(files >= 4, "{files} files");
}

#[track_caller]
fn accepts(file: &Path) {
    let output = Command::new("unshare")
        .args(["--net", "sh", "-c", WITH_INTERFACES, "sh"])
        .arg(file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}: {output:?}", file.display());
    assert_eq!(said.trim(), "", "{}", file.display());
}

#[test]
fn keepalived_accepts_the_file_for_a_pair_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().display();
    for sync in ["", "sync = true\n"] {
        let config = folder.path().join("governess.toml");
        let pair = format!(
            "\n[pair]\npartner = [\"10.0.1.33\", \"10.0.1.34\"]\nscore_file = \
             \"{here}/score\"\nfifo = \"{here}/vrrp.fifo\"\n{sync}"
        );
        let text = text("packaging/examples/original.toml") + &pair;
        std::fs::write(&config, text).unwrap();
        let exported = Command::new(program("governess"))
            .args(["export", "keepalived", "-c"])
            .arg(&config)
            .output()
            .unwrap();
        assert!(exported.status.success(), "{exported:?}");
        let file = folder.path().join("keepalived.conf");
        std::fs::write(&file, exported.stdout).unwrap();
        std::fs::write(folder.path().join("score"), "0\n").unwrap();
        accepts(&file);
    }
}
