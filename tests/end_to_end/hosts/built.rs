//! The programs of this build, and folders in which hosts find them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long anything may take on a machine under load.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The project's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A file of the project.
pub(crate) fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A program beside the folder of this test program; what is built for tests alone lies in
/// `examples/`.
pub(crate) fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = own.ancestors().nth(2).unwrap().join(name);
    assert!(
        path.exists(),
        "{} is missing: cargo build --workspace --bins --examples first",
        path.display()
    );
    path
}

/// A folder of plugins as a package would install it, with links for the modes.
pub(crate) fn plugins(folder: &Path) -> PathBuf {
    let plugins = folder.join("plugins");
    std::fs::create_dir(&plugins).unwrap();
    for (name, called) in [
        ("check_x224", "check_x224"),
        ("check_x224", "check_x224.nanny"),
        ("check_director", "check_director"),
        ("examples/check_that_breaks", "check_that_breaks"),
        ("examples/check_that_breaks", "check_that_breaks.nanny"),
    ] {
        std::os::unix::fs::symlink(program(name), plugins.join(called)).unwrap();
    }
    plugins
}

/// Waits until `look` gives something.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}
