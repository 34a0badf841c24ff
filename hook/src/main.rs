//! The `governess` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    hook::operate::cli::main()
}
