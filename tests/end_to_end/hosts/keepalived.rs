//! The files in `packaging/keepalived`, judged by keepalived itself. They run in the kernel lab.

use std::process::Command;

use crate::built::{plugins, root};

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
        let output = Command::new("unshare")
            .args(["--net", "sh", "-c", WITH_INTERFACES, "sh"])
            .arg(&copy)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{}: {output:?}", path.display());
        assert_eq!(said.trim(), "", "{}", path.display());
    }
    assert!(files >= 4, "{files} files");
}
