//! Where an Icinga 2 is met by its API, who asks, and what is exchanged.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use native_tls::Certificate;

/// A secret is one line; a file larger than this holds something else.
const LONGEST_SECRET: u64 = 4096;

/// The `[icinga]` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Icinga {
    /// Name or address of the API.
    pub host: String,
    /// Its TCP port.
    pub port: u16,
    /// The name that its certificate must have.
    pub name: String,
    /// The authorities that its certificate must be of; `None` for those of the system.
    pub ca: Option<PathBuf>,
    /// Who we are there.
    pub login: Login,
    /// The reported checks whose results it finds, by name.
    pub take: Vec<String>,
    /// Whether it is given the verdicts of our own checks.
    pub give: bool,
    /// The service that is given the verdict on this director; `{machine}` in its host stands for
    /// this machine's name.
    pub director: Option<Object>,
    /// What it calls a server, where that is not the server's name.
    pub hosts: BTreeMap<String, String>,
    /// How often its present state is read beside the events.
    pub interval: Duration,
}

impl Icinga {
    /// What a check on a server is called there.
    pub fn object(&self, server: &str, check: &str) -> Object {
        let host = self.hosts.get(server).map_or(server, String::as_str);
        Object {
            host: host.to_owned(),
            service: check.to_owned(),
        }
    }
}

/// A service of Icinga's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// Its host.
    pub host: String,
    /// Its own name.
    pub service: String,
}

impl fmt::Display for Object {
    /// As Icinga's API writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}!{}", self.host, self.service)
    }
}

/// How we show who we are. The secret stays in its file, so that it can be in no report, and is
/// read at each connection, so that a new one needs no restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// An ApiUser with its password (RFC 7617).
    Password {
        /// The ApiUser's name.
        user: String,
        /// The file of its password.
        file: PathBuf,
    },
    /// A bearer token (RFC 6750), for a proxy before the API.
    Token {
        /// The file of the token.
        file: PathBuf,
    },
}

impl Login {
    /// The file of the secret.
    pub fn file(&self) -> &Path {
        match self {
            Self::Password { file, .. } | Self::Token { file } => file,
        }
    }

    /// The value of the header `Authorization`.
    ///
    /// # Errors
    /// What is wrong with the file, without its content.
    pub fn header(&self) -> Result<String, String> {
        let secret = secret(self.file())
            .map_err(|why| format!("the secret in {}: {why}", self.file().display()))?;
        Ok(match self {
            Self::Password { user, .. } => {
                format!(
                    "Basic {}",
                    BASE64_STANDARD.encode(format!("{user}:{secret}"))
                )
            }
            Self::Token { .. } => format!("Bearer {secret}"),
        })
    }
}

/// The one line of a file that is nobody else's business.
fn secret(path: &Path) -> Result<String, String> {
    let unread = |error| format!("it cannot be read: {error}");
    // A FIFO in its place must not hold anybody up.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .map_err(unread)?;
    let found = file.metadata().map_err(unread)?;
    if !found.is_file() {
        return Err("it is not a file".to_owned());
    }
    if found.mode() & 0o007 != 0 {
        return Err(format!(
            "everybody may open the file (mode {:04o}); chmod o= it, and change the secret",
            found.mode() & 0o7777
        ));
    }
    let mut text = String::new();
    file.take(LONGEST_SECRET + 1)
        .read_to_string(&mut text)
        .map_err(unread)?;
    let line = text.trim_end_matches(['\r', '\n']);
    if line.is_empty() {
        return Err("the file is empty".to_owned());
    }
    if line.len() as u64 > LONGEST_SECRET || line.contains(|c: char| c.is_control()) {
        return Err("the file is not one line".to_owned());
    }
    Ok(line.to_owned())
}

/// The authorities of a file in PEM.
///
/// # Errors
/// The file cannot be read, or holds no certificate.
pub fn authorities(path: &Path) -> Result<Vec<Certificate>, String> {
    let text = std::fs::read(path)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    match Certificate::stack_from_pem(&text) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(format!("{} holds no certificate in PEM", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn header(content: &str, mode: u32) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, content).unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
        let user = "governess".to_owned();
        Login::Password { user, file }.header()
    }

    #[test]
    fn a_password_is_one_line_of_a_file_that_is_not_everybodys() {
        // The example of RFC 7617 section 2 has another user.
        let expected = Ok("Basic Z292ZXJuZXNzOm9wZW4gc2VzYW1l".to_owned());
        assert_eq!(header("open sesame\n", 0o600), expected);
        assert_eq!(header("open sesame", 0o640), expected);
        for (content, mode, words) in [
            (
                "open sesame\n",
                0o644,
                "everybody may open the file (mode 0644)",
            ),
            ("open sesame\n", 0o602, "everybody may open"),
            ("\n", 0o600, "is empty"),
            ("open\nsesame\n", 0o600, "not one line"),
        ] {
            let why = header(content, mode).unwrap_err();
            assert!(why.contains(words), "{why}");
            assert!(!why.contains("sesame"), "{why}");
        }
    }

    #[test]
    fn a_token_is_sent_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "abc.def\n").unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        assert_eq!(Login::Token { file }.header().unwrap(), "Bearer abc.def");
        let file = folder.path().to_owned();
        let why = Login::Token { file }.header().unwrap_err();
        assert!(why.contains("not a file"), "{why}");
    }
}
