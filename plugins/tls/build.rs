//! How `check_over_tls` is linked: it is started anew for each reading, so what its loader does
//! counts.

use std::path::Path;
use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    // OpenSSL's functions are looked up when they are called first: a check needs a few dozens of
    // the thousands that the library offers.
    println!("cargo::rustc-link-arg-bins=-Wl,-z,lazy");
    // The unwinder comes from its archive: one shared library less to load. rustc asks for
    // libgcc_s by name, and the linker finds a script of that name first (GNU ld manual, "Implicit
    // Linker Scripts").
    let target = std::env::var("TARGET")?;
    if target == std::env::var("HOST")? && target.ends_with("-linux-gnu") && has_unwinder() {
        let directory = std::env::var("OUT_DIR")?;
        let script = Path::new(&directory).join("libgcc_s.so");
        std::fs::write(script, "GROUP(-l:libgcc_eh.a -l:libgcc.a -lc)\n")?;
        println!("cargo::rustc-link-arg-bins=-L{directory}");
    }
    Ok(())
}

/// Whether the C compiler has the archive.
fn has_unwinder() -> bool {
    let answer = Command::new("cc")
        .arg("-print-file-name=libgcc_eh.a")
        .output();
    answer.is_ok_and(|answer| {
        let path = String::from_utf8_lossy(&answer.stdout);
        Path::new(path.trim()).is_absolute()
    })
}
