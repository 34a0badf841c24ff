//! Links programs statically; shared by the build scripts of the checks.
//!
//! A dynamically linked program dies in the loader when no descriptor is left to open a library
//! with: exit 127 and a line on stderr, which Piranha's nanny and keepalived's `misc_dynamic`
//! take for "up". A static one gets as far as its own failing answer, and starts faster.
//!
//! `-C target-feature=+crt-static` would need `--target`, since procedural macros cannot be
//! linked that way. So the linker is told `-static-pie`, and finds, under the names of the shared
//! libraries that it is asked for, scripts that name the archives (GNU ld manual, "Implicit Linker
//! Scripts"; lld reads them too).

use std::io;
use std::path::Path;
use std::process::Command;

/// A library that a program is linked with, and the archives that take its place.
pub(crate) type Library = (&'static str, &'static [&'static str]);

/// What rustc links every program with.
pub(crate) const C: [Library; 7] = [
    ("c", &["libc.a", "libgcc_eh.a", "libgcc.a"]),
    ("gcc_s", &["libgcc_eh.a", "libgcc.a", "libc.a"]),
    ("util", &["libutil.a"]),
    ("rt", &["librt.a"]),
    ("pthread", &["libpthread.a"]),
    ("m", &["libm.a"]),
    ("dl", &["libdl.a"]),
];

/// Has the linker take the archives of `libraries` for these kinds of targets of the package, and
/// tells whether that can be.
///
/// # Errors
/// The scripts could not be written.
pub(crate) fn link(libraries: &[Library], kinds: &[&str]) -> io::Result<bool> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=GOVERNESS_LINK");
    let variable = |name| std::env::var(name).unwrap_or_default();
    let target = variable("TARGET");
    let native = target == variable("HOST") && target.ends_with("-linux-gnu");
    if !native || variable("GOVERNESS_LINK") == "dynamic" {
        return Ok(false);
    }
    let mut archives = libraries.iter().flat_map(|(_, archives)| archives.iter());
    if let Some(missing) = archives.find(|archive| !is_installed(archive)) {
        println!(
            "cargo::warning={missing} is not installed (packages libc6-dev and libssl-dev, or \
             glibc-static and openssl-static): linked dynamically, a check starts more slowly and \
             cannot answer where no descriptor is free"
        );
        return Ok(false);
    }
    let directory = variable("OUT_DIR");
    for (library, archives) in libraries {
        let named: Vec<String> = archives.iter().map(|name| format!("-l:{name}")).collect();
        let script = format!("GROUP({})\n", named.join(" "));
        std::fs::write(
            Path::new(&directory).join(format!("lib{library}.so")),
            script,
        )?;
    }
    for kind in kinds {
        println!("cargo::rustc-link-arg-{kind}=-L{directory}");
        println!("cargo::rustc-link-arg-{kind}=-static-pie");
    }
    Ok(true)
}

/// Whether the C compiler finds `archive` in its library path.
fn is_installed(archive: &str) -> bool {
    let answer = Command::new("cc")
        .arg(format!("-print-file-name={archive}"))
        .output();
    answer.is_ok_and(|answer| {
        let path = String::from_utf8_lossy(&answer.stdout);
        Path::new(path.trim()).is_absolute()
    })
}
