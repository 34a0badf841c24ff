//! Ports by number or by name.

/// The names that balanced services are known by (IANA's registry of service names). No file is
/// read: the machine that the list of ports was written for may know other names.
const NAMES: &[(&str, u16)] = &[
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("domain", 53),
    ("http", 80),
    ("www", 80),
    ("pop3", 110),
    ("nntp", 119),
    ("ntp", 123),
    ("imap2", 143),
    ("imap", 143),
    ("ldap", 389),
    ("https", 443),
    ("smtps", 465),
    ("submissions", 465),
    ("submission", 587),
    ("ldaps", 636),
    ("imaps", 993),
    ("pop3s", 995),
    ("radius", 1812),
    ("squid", 3128),
    ("mysql", 3306),
    ("ms-wbt-server", 3389),
    ("postgresql", 5432),
    ("sip", 5060),
];

/// A port, 0 included, or what to say of a word that is none.
pub(super) fn port(word: &str) -> Result<u16, String> {
    let known = NAMES.iter().find(|(name, _)| *name == word);
    known
        .map(|(_, port)| *port)
        .or_else(|| word.parse().ok())
        .ok_or_else(|| format!("\"{word}\" is no port; write its number"))
}
