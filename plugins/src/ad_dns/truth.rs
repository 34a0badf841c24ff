//! A list of records that must be there, as Netlogon writes it to `netlogon.dns`: lines of a zone
//! file (RFC 1035 section 5.1), each with its whole name.

use std::net::IpAddr;

use super::name::Name;
use super::wire::{Data, Question};

/// A record that must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Whose it is, and its type.
    pub question: Question,
    /// What it must say.
    pub data: Data,
}

/// Reads the whole list.
///
/// # Errors
/// The first line that cannot be read, by its number, and why.
pub fn read(text: &str) -> Result<Vec<Expected>, String> {
    let mut expected = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let words = words(line);
        if !words.is_empty() {
            let record = record(&words).map_err(|why| format!("line {}: {why}", number + 1))?;
            expected.push(record);
        }
    }
    if expected.is_empty() {
        return Err("it names no record".to_owned());
    }
    Ok(expected)
}

/// The words of a line, text in quotes being one; what follows a semicolon is a remark.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ';' if !quoted => break,
            letter if letter.is_whitespace() && !quoted => words.extend(word.take()),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// `NAME [TTL] [IN] TYPE DATA`
fn record(words: &[String]) -> Result<Expected, String> {
    let (name, rest) = words.split_first().ok_or("it is empty")?;
    let name: Name = name.parse()?;
    let ttl_or_class = |word: &&String| {
        word.eq_ignore_ascii_case("IN") || word.bytes().all(|b| b.is_ascii_digit())
    };
    let skipped = rest.iter().take(2).take_while(ttl_or_class).count();
    let (kind, data) = rest
        .get(skipped..)
        .and_then(<[String]>::split_first)
        .ok_or("expected NAME [TTL] IN TYPE DATA")?;
    let data = read_data(&kind.to_ascii_uppercase(), data)?;
    let kind = data.kind().ok_or("a type that cannot be expected")?;
    Ok(Expected {
        question: Question::new(&name, kind),
        data,
    })
}

fn read_data(kind: &str, words: &[String]) -> Result<Data, String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match (kind, words.as_slice()) {
        ("A", [address]) => match address.parse() {
            Ok(address) => Ok(Data::Address(IpAddr::V4(address))),
            Err(_) => Err(format!("{address} is not an IPv4 address")),
        },
        ("AAAA", [address]) => match address.parse() {
            Ok(address) => Ok(Data::Address(IpAddr::V6(address))),
            Err(_) => Err(format!("{address} is not an IPv6 address")),
        },
        ("CNAME", [name]) => Ok(Data::Cname(name.parse()?)),
        ("NS", [name]) => Ok(Data::Ns(name.parse()?)),
        ("PTR", [name]) => Ok(Data::Ptr(name.parse()?)),
        ("MX", [preference, host]) => Ok(Data::Mx {
            preference: number(preference)?,
            host: host.parse()?,
        }),
        ("SRV", [priority, weight, port, target]) => Ok(Data::Srv {
            priority: number(priority)?,
            weight: number(weight)?,
            port: number(port)?,
            target: target.parse()?,
        }),
        ("TXT", [_, ..]) => Ok(Data::Txt(words.concat().into_bytes())),
        ("A" | "AAAA" | "CNAME" | "NS" | "PTR" | "MX" | "SRV" | "TXT", _) => Err(format!(
            "a record of type {kind} has another number of words"
        )),
        _ => Err(format!(
            "{kind} is none of the types A, AAAA, CNAME, MX, NS, PTR, SRV, TXT"
        )),
    }
}

fn number(word: &str) -> Result<u16, String> {
    word.parse()
        .map_err(|_| format!("{word} is not a number from 0 to 65535"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_netlogon_writes_is_read() {
        let text = "\
            exch.test. 600 IN A 192.0.2.5\r\n\
            _ldap._tcp.exch.test. 600 IN SRV 0 100 389 dc1.exch.test.\r\n\
            4d3c-7a._msdcs.exch.test. 600 IN CNAME dc1.exch.test. ; of NTDS Settings\r\n\
            ; a remark\r\n\r\n\
            exch.test. TXT \"v=spf1 mx; \" \"-all\"\r\n";
        let read = read(text).expect("well-formed");
        let said: Vec<String> = read
            .iter()
            .map(|expected| format!("{} {}", expected.question.name, expected.data))
            .collect();
        assert_eq!(
            said,
            [
                "exch.test 192.0.2.5",
                "_ldap._tcp.exch.test SRV 0 100 389 dc1.exch.test",
                "4d3c-7a._msdcs.exch.test CNAME dc1.exch.test",
                "exch.test TXT 'v=spf1 mx\\x3b -all'",
            ]
        );
    }

    #[test]
    fn a_line_that_makes_no_sense_is_refused_by_its_number() {
        for line in [
            "exch.test.",
            "exch.test. 600 IN",
            "exch.test. 600 IN A 192.0.2.256",
            "exch.test. 600 IN SRV 0 100 dc1.exch.test.",
            "exch.test. 600 IN SRV 0 100 70000 dc1.exch.test.",
            "exch.test. 600 IN LOC 1 2 3",
            "ex ch.test. 600 IN A 192.0.2.5 192.0.2.6",
        ] {
            let refusal = read(&format!("\n{line}\n")).expect_err(line);
            assert!(refusal.starts_with("line 2: "), "{refusal}");
        }
        assert!(read("; nothing\n").is_err());
    }
}
