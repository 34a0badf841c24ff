//! Links `check_over_tls` statically, OpenSSL too, where the archives are installed: it is started
//! anew for each reading, and loading OpenSSL's shared libraries costs as much as the handshake.

#[path = "../static_link.rs"]
mod static_link;

const OPENSSL: [static_link::Library; 2] = [
    ("ssl", &["libssl.a", "libcrypto.a", "libc.a"]),
    ("crypto", &["libcrypto.a", "libc.a"]),
];

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=../static_link.rs");
    let libraries = [&OPENSSL[..], &static_link::C[..]].concat();
    if !static_link::link(&libraries, &["bins"])? {
        // Then OpenSSL's functions are looked up when they are called first: a check needs a few
        // dozens of the thousands that the library offers.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,lazy");
    }
    Ok(())
}
