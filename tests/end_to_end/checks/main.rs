//! The checks as their hosts run them: the built programs, beside each other.
#![allow(clippy::unwrap_used, reason = "a test program")]

mod host;
mod mail_and_web;
mod memory;
mod no_openssl;
mod options_from_files;
mod outcomes;
mod second_program;
mod servers;
