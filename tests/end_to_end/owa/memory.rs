//! A reply of 100 MB does not show in the memory of the check. A program of its own, because the
//! kernel tells the peak of all children together.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test program"
)]

#[allow(dead_code, reason = "each test program uses a part of it")]
mod ask;

use std::mem::MaybeUninit;

use lookalike::iis::Page;

use ask::{PATIENT, check, everywhere};

/// The most that any child that has ended had in memory, in bytes.
fn peak_of_children() -> i64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to a local that lives through the call (getrusage(2)).
    let outcome = unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr()) };
    assert_eq!(outcome, 0);
    // SAFETY: rusage is plain numbers, zeroed above and filled by the kernel.
    1024 * unsafe { usage.assume_init() }.ru_maxrss
}

/// In bytes; the check and its second program each.
const MOST: i64 = 16 << 20;

#[test]
fn a_reply_of_100_mb_leaves_the_check_small() {
    for page in [
        Page::Healthy,
        Page::HugeBody,
        Page::HugeHead,
        Page::EndlessBody,
    ] {
        let iis = everywhere(page);
        let words = format!("-t {PATIENT}");
        let output = check(iis.address(), &words).output().unwrap();
        assert!(output.status.code().is_some(), "{output:?}");
        let peak = peak_of_children();
        ask::print(&format!(
            "{page:?}: peak of all so far {} KiB\n",
            peak / 1024
        ));
        assert!(peak <= MOST, "{page:?}: {peak} bytes");
    }
}
