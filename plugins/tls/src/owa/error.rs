//! From an error of the HTTP library to why no more came.

use std::error::Error;
use std::io;

use plugins::owa::evidence::Ending;
use shared::dial::Fault;

pub(super) fn ending(error: &hyper::Error) -> Ending {
    if error.is_parse_too_large() {
        return Ending::TooMuch;
    }
    // A connection that the server had closed before the request was on its way ends it without
    // an answer too.
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return Ending::Closed;
    }
    match cause(error) {
        Some(cause) if !error.is_parse() => of_io(cause),
        _ => Ending::NotHttp(error.to_string()),
    }
}

/// The error of the connection below.
fn cause(error: &hyper::Error) -> Option<&io::Error> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(cause) = error.downcast_ref() {
            return Some(cause);
        }
        source = error.source();
    }
    None
}

fn of_io(error: &io::Error) -> Ending {
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::UnexpectedEof, _) => Ending::Closed,
        (io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe, _) => Ending::Reset,
        (_, Some(code)) => Ending::Broken(Fault::of(io::Error::from_raw_os_error(code))),
        // The HTTP library's own words on a broken chunk.
        (io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData, None) => {
            Ending::NotHttp(error.to_string())
        }
        (_, None) => Ending::Tls(error.to_string()),
    }
}
