//! What `nft` 1.0.6 says on a stock kernel, recorded with modules taken away.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use crate::kernel::firewall::FirewallError;
use crate::kernel::firewall::command::Outcome;
use crate::kernel::firewall::nft::complaint;

const WHAT: &str = "replace the firewall rules";

fn said(stderr: &str) -> FirewallError {
    let outcome = Outcome {
        status: ExitStatus::from_raw(1 << 8),
        stdout: String::new(),
        stderr: stderr.to_owned(),
    };
    complaint(WHAT, &outcome)
}

#[test]
fn a_kernel_without_nf_tables_or_a_part_of_it_is_told_with_what_to_do() {
    for stderr in [
        "mnl.c:60: Unable to initialize Netlink socket: Protocol not supported\n",
        "netlink: Error: cache initialization failed: Invalid argument\n",
        "/dev/stdin:8:8-27: Error: Could not process rule: No such file or directory\n\tchain \
         governess_masquerade { type nat hook postrouting priority srcnat; policy accept;\n\t      \
         ^^^^^^^^^^^^^^^^^^^^\n",
    ] {
        let error = said(stderr);
        assert!(
            matches!(error, FirewallError::Unsupported { .. }),
            "{error}"
        );
        let words = error.to_string();
        assert!(words.contains("modprobe -a nf_tables"), "{words}");
        assert!(!words.contains('\n'), "{words}");
    }
}

#[test]
fn a_lack_of_rights_is_told_with_what_to_do() {
    let stderr = "Operation not permitted (you must be root)\nnetlink: Error: cache initialization \
                  failed: Operation not permitted\n";
    let words = said(stderr).to_string();
    assert_eq!(
        words,
        "replace the firewall rules: permission denied; run governess as root or with \
         CAP_NET_ADMIN"
    );
}

#[test]
fn any_other_refusal_is_passed_on_in_one_line() {
    let stderr = "/dev/stdin:1:49-49: Error: syntax error, unexpected '}'\n table x { y }\n";
    let words = said(stderr).to_string();
    assert!(
        words.starts_with("replace the firewall rules: nft says: /dev/stdin:1:49-49: Error"),
        "{words}"
    );
    assert!(!words.contains('\n'), "{words}");
    assert!(said("").to_string().contains("exit status: 1"));
}
