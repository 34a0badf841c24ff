//! The kernel tests of the IPVS module, with `ipvsadm` as their witness: they need this kernel, too.

use crate::Outcome;
use crate::process::{ours, to_the_end};
use crate::story::Story;

pub(super) fn kernel_table(story: &Story) -> Outcome {
    story.tell("the kernel tests of the IPVS module");
    let ended = to_the_end(&mut ours("ipvs_kernel_tests")?)?;
    eprintln!("{}{}", ended.stdout, ended.stderr);
    let sum = ended.stdout.lines().last().unwrap_or_default();
    let passed = sum
        .split_once(" passed, 0 failed")
        .and_then(|(count, _)| count.parse().ok());
    match passed {
        Some(1_u32..) if ended.code() == Some(0) => {
            story.figure(sum);
            Ok(())
        }
        _ => Err(format!("exit code {:?}, closing line: {sum}", ended.code()).into()),
    }
}
