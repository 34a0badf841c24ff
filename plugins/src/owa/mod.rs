//! Do the web parts of an Exchange server answer, and do they say that they are healthy?
//!
//! Exchange serves `/VDIR/healthcheck.htm` in each of its virtual directories, before any logon,
//! for load balancers to ask. This check gets it over TLS for any set of virtual directories, over
//! one connection while the server keeps it, and judges what came: only `200 OK<br/>FQDN` is
//! health, and a connection closed without an answer says that the component is offline.
//!
//! It must be a GET: to HEAD, Exchange answers as to any other request, 401 or a redirect, so a
//! load balancer that asks with HEAD takes every server out, or none.
//!
//! Nothing here links a TLS library. The conversation is carried out where one is linked, in the
//! package `plugins-tls`, and leaves its evidence in the plain data that is here.

mod arguments;
pub mod evidence;
mod judgement;
mod options;
mod vdir;
pub mod wire;

pub use arguments::Arguments;
pub use judgement::judge;
pub use options::{Certificate, Options};
pub use vdir::Vdir;

/// The check's name.
pub const NAME: &str = "owa";

/// The registered port of HTTPS.
pub const PORT: u16 = 443;
