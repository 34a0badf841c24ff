//! Links the checks statically where the C library's archives are installed.
//!
//! A dynamically linked program dies in the loader when no descriptor is left to open a library
//! with: exit 127 and a line on stderr, which Piranha's nanny and keepalived's `misc_dynamic`
//! take for "up". A static one gets as far as its own failing answer, and starts faster.
//!
//! `-C target-feature=+crt-static` would need `--target`, since procedural macros cannot be
//! linked that way. So the linker is told `-static-pie`, and finds, under the names of the shared
//! libraries that rustc asks for, scripts that name the archives (GNU ld manual, "Implicit Linker
//! Scripts"; lld reads them too).

use std::path::Path;
use std::process::Command;

/// Each library that rustc links a program with, and the archives that take its place.
const LIBRARIES: [(&str, &[&str]); 7] = [
    ("c", &["libc.a", "libgcc_eh.a", "libgcc.a"]),
    ("gcc_s", &["libgcc_eh.a", "libgcc.a", "libc.a"]),
    ("util", &["libutil.a"]),
    ("rt", &["librt.a"]),
    ("pthread", &["libpthread.a"]),
    ("m", &["libm.a"]),
    ("dl", &["libdl.a"]),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=GOVERNESS_LINK");
    let target = std::env::var("TARGET")?;
    let native = target == std::env::var("HOST")? && target.ends_with("-linux-gnu");
    let wanted = std::env::var("GOVERNESS_LINK").as_deref() != Ok("dynamic");
    if !(native && wanted) {
        return Ok(());
    }
    let missing = LIBRARIES
        .iter()
        .flat_map(|(_, archives)| archives.iter())
        .find(|archive| !is_installed(archive));
    if let Some(archive) = missing {
        println!(
            "cargo::warning={archive} is not installed (packages libc6-dev, glibc-static): the \
             checks are linked dynamically and cannot answer where no descriptor is free"
        );
        return Ok(());
    }
    let directory = std::env::var("OUT_DIR")?;
    for (library, archives) in LIBRARIES {
        let named: Vec<String> = archives.iter().map(|name| format!("-l:{name}")).collect();
        let script = format!("GROUP({})\n", named.join(" "));
        std::fs::write(
            Path::new(&directory).join(format!("lib{library}.so")),
            script,
        )?;
    }
    for kind in ["bins", "examples"] {
        println!("cargo::rustc-link-arg-{kind}=-L{directory}");
        println!("cargo::rustc-link-arg-{kind}=-static-pie");
    }
    Ok(())
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
