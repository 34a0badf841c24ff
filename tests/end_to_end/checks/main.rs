//! The checks as their hosts run them: the built programs, beside each other.
#![allow(clippy::unwrap_used, reason = "a test program")]

#[path = "../../../plugins/tls/tests/peer/challenge.rs"]
#[allow(dead_code, reason = "each test program uses a part of it")]
mod challenge;
mod host;
mod no_openssl;
mod options_from_files;
mod outcomes;
#[path = "../../../plugins/tls/tests/peer/mod.rs"]
#[allow(dead_code, reason = "each test program uses a part of it")]
mod peer;
mod second_program;
mod servers;
