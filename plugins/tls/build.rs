//! Lets the loader look up OpenSSL's functions when they are called first: a check needs a few
//! dozens of the thousands that the library offers, and is started anew for each reading.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg-bins=-Wl,-z,lazy");
}
