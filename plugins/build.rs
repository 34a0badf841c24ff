//! Links the checks statically where the C library's archives are installed.

mod static_link;

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=static_link.rs");
    static_link::link(&static_link::C, &["bins", "examples"])?;
    Ok(())
}
