//! How a program that lives for one check starts OpenSSL.
//!
//! Half of what a handshake costs such a program is OpenSSL's own start, and half of that is done
//! for features that a client without verification never uses (OpenSSL 3.0: 19 million
//! instructions for a whole check, 15 million with these options).

use std::ptr;

use openssl_sys::{OPENSSL_INIT_NO_ATEXIT, OPENSSL_init_ssl};

/// The tables of names such as "aes128" for ciphers and digests: TLS finds them by number
/// (crypto.h, `OPENSSL_INIT_NO_ADD_ALL_CIPHERS` and `OPENSSL_INIT_NO_ADD_ALL_DIGESTS`).
const NO_NAMES: u64 = 0x10 | 0x20;

/// The words for errors outside of TLS, such as those of a broken certificate: their numbers are
/// told (crypto.h, `OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS`); the words for errors of TLS are loaded.
const NO_WORDS: u64 = 0x1;

/// The file openssl.cnf: the checks set what they need by themselves, and what an administrator
/// forbids there shall still be seen (crypto.h, `OPENSSL_INIT_NO_LOAD_CONFIG`).
const NO_CONFIG: u64 = 0x80;

/// Starts OpenSSL for one check. For a program whose only use of OpenSSL this is, before any
/// other use; a process that stays leaves it to OpenSSL.
pub fn for_one_check() {
    // SAFETY: OPENSSL_init_ssl(3) may be called at any time and takes no settings for null; what
    // openssl-sys would do has been done by it then, which is what assume_init asks for.
    unsafe {
        OPENSSL_init_ssl(
            NO_NAMES | NO_WORDS | NO_CONFIG | OPENSSL_INIT_NO_ATEXIT,
            ptr::null_mut(),
        );
        openssl_sys::assume_init();
    }
}
