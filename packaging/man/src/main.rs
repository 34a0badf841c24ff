//! Writes the manual pages and shell completions into a folder, for packages.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let (Some(folder), None) = (words.next(), words.next()) else {
        eprintln!("usage: governess_man FOLDER");
        return ExitCode::from(64);
    };
    match man::write_to(Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("governess_man: {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}
