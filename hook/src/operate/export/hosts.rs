//! `/etc/hosts` (`hosts(5)`).

use std::net::IpAddr;

/// One address and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// A VIP, a management VIP or a real server's address.
    pub address: IpAddr,
    /// Its name: the name of a service or of a server.
    pub name: String,
    /// What it is, in words: `VIP of exchange`.
    pub purpose: String,
}

/// The lines of a hosts file. Letters that no host name has become hyphens.
pub fn text(entries: &[Entry]) -> String {
    let width = entries
        .iter()
        .map(|entry| entry.address.to_string().len())
        .max()
        .unwrap_or(0);
    entries
        .iter()
        .map(|entry| {
            let address = entry.address.to_string();
            let purpose = shared::text::one_line(&entry.purpose);
            format!("{address:width$} {} # {purpose}\n", host_name(&entry.name))
        })
        .collect()
}

fn host_name(name: &str) -> String {
    name.chars()
        .map(|letter| match letter {
            '.' | '_' => letter,
            letter if letter.is_ascii_alphanumeric() => letter,
            _ => '-',
        })
        .collect()
}
