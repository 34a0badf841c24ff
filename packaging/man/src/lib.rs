//! Manual pages and shell completions. Options are taken from the programs' own parsers, and so
//! is the text of the plugins' `--help`: nothing here can say otherwise than the programs do.

mod director;
mod page;
mod plugin;

use std::io;
use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use clap_complete::aot::generate_to;

/// A manual page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its file, such as `governess.8`.
    pub file: String,
    /// Its source for `man(1)`.
    pub source: String,
}

/// The parser of every program that is installed, the director's last.
pub fn commands() -> Vec<Command> {
    let mut commands: Vec<Command> = plugin::all().into_iter().map(|one| one.command).collect();
    commands.push(hook::operate::cli::command());
    commands
}

/// Every page: a plugin's is in section 1, the director's in 8, its file's in 5.
pub fn pages() -> Vec<Page> {
    let mut pages: Vec<Page> = plugin::all().iter().map(plugin::page).collect();
    pages.push(director::page());
    pages.push(Page {
        file: "governess.toml.5".to_owned(),
        source: include_str!("../governess.toml.5").to_owned(),
    });
    pages
}

/// Writes all pages into `folder/man1`, `man5` and `man8`, and the completions of bash, zsh and
/// fish into `folder/completions/SHELL`.
///
/// # Errors
/// A file cannot be written.
pub fn write_to(folder: &Path) -> io::Result<()> {
    for page in pages() {
        let section = page.file.rsplit('.').next().unwrap_or_default();
        let folder = folder.join(format!("man{section}"));
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(&page.file), &page.source)?;
    }
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let folder = folder.join("completions").join(shell.to_string());
        std::fs::create_dir_all(&folder)?;
        for mut command in commands() {
            let name = command.get_name().to_owned();
            generate_to(shell, &mut command, name, &folder)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
