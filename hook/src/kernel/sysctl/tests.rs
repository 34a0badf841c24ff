use std::fs;

use super::*;

const FORWARD: &str = "net.ipv4.ip_forward";
const TEMPLATE: &str = "net.ipv4.vs.expire_quiescent_template";

fn wanted(name: &'static str) -> WantedSysctl {
    WantedSysctl {
        name,
        value: "1",
        why: "a test",
    }
}

fn folder_with(values: &[(&str, &str)]) -> (tempfile::TempDir, ProcSys) {
    let folder = tempfile::tempdir().unwrap();
    let sysctls = ProcSys::at(folder.path());
    for (name, value) in values {
        let path = sysctls.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, value).unwrap();
    }
    (folder, sysctls)
}

#[test]
fn a_value_that_is_as_wanted_needs_no_step() {
    let (_folder, mut sysctls) = folder_with(&[(FORWARD, "1\n")]);
    let (steps, faults) = pending(&[wanted(FORWARD)], &mut sysctls);
    assert_eq!(steps, []);
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn a_difference_is_a_step_that_carries_both_values() {
    let (_folder, mut sysctls) = folder_with(&[(FORWARD, "0\n")]);
    let (steps, _) = pending(&[wanted(FORWARD)], &mut sysctls);
    let step = HostStep::SetSysctl {
        name: FORWARD,
        from: "0".to_owned(),
        to: "1",
    };
    assert_eq!(steps, [step]);
    sysctls.write(FORWARD, "1").unwrap();
    assert_eq!(pending(&[wanted(FORWARD)], &mut sysctls).0, []);
}

#[test]
fn values_parted_by_other_blanks_are_the_same() {
    let (_folder, mut sysctls) = folder_with(&[("net.ipv4.ip_local_port_range", "32768\t60999\n")]);
    let range = WantedSysctl {
        value: "32768 60999",
        ..wanted("net.ipv4.ip_local_port_range")
    };
    assert_eq!(pending(&[range], &mut sysctls).0, []);
}

#[test]
fn a_missing_parameter_is_named_with_its_module_and_hides_no_other() {
    let (_folder, mut sysctls) = folder_with(&[(FORWARD, "0\n")]);
    let (steps, faults) = pending(&[wanted(TEMPLATE), wanted(FORWARD)], &mut sysctls);
    assert_eq!(steps.len(), 1);
    let words: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        words,
        [
            "net.ipv4.vs.expire_quiescent_template: this kernel has no such parameter; it appears \
             with the module ip_vs: `modprobe ip_vs`"
        ]
    );
}

#[test]
fn writing_a_missing_parameter_makes_no_file() {
    let (folder, mut sysctls) = folder_with(&[]);
    let outcome = sysctls.write(FORWARD, "1");
    assert!(
        matches!(outcome, Err(SysctlError::Missing { .. })),
        "{outcome:?}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_read_only_folder_and_a_lack_of_rights_are_told_apart() {
    let words = |code| fault(FORWARD, "1", io::Error::from_raw_os_error(code)).to_string();
    assert!(words(libc::EROFS).contains("/proc/sys is read-only; set net.ipv4.ip_forward = 1"));
    assert!(words(libc::EACCES).contains("permission denied; run governess as root"));
    assert!(words(libc::EPERM).contains("permission denied; run governess as root"));
    assert!(words(libc::EINVAL).contains("Invalid argument"));
}

#[test]
fn a_dot_in_an_interface_name_is_written_as_a_slash() {
    let sysctls = ProcSys::default();
    assert_eq!(
        sysctls.path("net.ipv4.conf.eth0/100.rp_filter"),
        PathBuf::from("/proc/sys/net/ipv4/conf/eth0.100/rp_filter")
    );
}

#[test]
fn the_twin_behaves_like_the_kernel() {
    let mut twin = MemorySysctls::holding([(FORWARD, "0")]);
    assert_eq!(pending(&[wanted(FORWARD)], &mut twin).0.len(), 1);
    twin.write(FORWARD, "1").unwrap();
    assert_eq!(pending(&[wanted(FORWARD)], &mut twin).0, []);
    let missing = twin.write(TEMPLATE, "1");
    assert!(
        matches!(missing, Err(SysctlError::Missing { .. })),
        "{missing:?}"
    );
}
