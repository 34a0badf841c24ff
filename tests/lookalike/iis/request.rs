//! Reading a request.

use std::io::{self, Read};

/// The longest request that is read.
const LONGEST: usize = 64 * 1024;

/// A request as far as it matters.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// The path without a query.
    pub(super) path: String,
    pub(super) host: String,
    pub(super) cookie: String,
    pub(super) body: String,
}

impl Request {
    /// The next one of a connection; nothing when the client has closed it.
    pub(super) fn read(stream: &mut impl Read) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            match stream.read(&mut byte)? {
                0 if head.is_empty() => return Ok(None),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ => head.extend(byte),
            }
            if head.len() > LONGEST {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        let mut lines = text.lines();
        let mut words = lines.next().unwrap_or_default().split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default().to_owned();
        let header = |wanted: &str| {
            let found = lines.clone().filter_map(|line| line.split_once(':'));
            let found = found.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.trim().to_owned()).next()
        };
        let length = header("content-length").and_then(|length| length.parse().ok());
        let mut body = vec![0; length.unwrap_or(0).min(LONGEST)];
        stream.read_exact(&mut body)?;
        Ok(Some(Self {
            method,
            path,
            host: header("host").unwrap_or_default(),
            cookie: header("cookie").unwrap_or_default(),
            body: String::from_utf8_lossy(&body).into_owned(),
        }))
    }

    /// Whether Exchange takes it for a health request.
    pub(super) fn is_for_health(&self) -> bool {
        let path = self.path.to_ascii_lowercase();
        self.method == "GET" && path.ends_with("/healthcheck.htm")
    }

    /// The virtual directory that it is for.
    pub(super) fn vdir(&self) -> &str {
        self.path.split('/').nth(1).unwrap_or_default()
    }
}
