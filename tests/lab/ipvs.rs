//! The kernel's table as `ipvsadm` sees it: another program's word against ours.

use std::collections::BTreeMap;

use crate::Outcome;
use crate::namespace::Namespace;

/// The table of one namespace: each service's line, and below it each destination's line and weight,
/// in the words of `ipvsadm -Sn`.
pub(crate) type Table = BTreeMap<String, BTreeMap<String, u32>>;

/// Runs one command of ipvsadm there.
pub(crate) fn ipvsadm(place: &Namespace, command: &str) -> Outcome {
    place.run("ipvsadm", &command.split_whitespace().collect::<Vec<_>>())?;
    Ok(())
}

/// The table as people read it.
pub(crate) fn listing(place: &Namespace) -> Outcome<String> {
    place.run("ipvsadm", &["-Ln"])
}

/// The table: `-f 80 -s wlc -p 600` → `10.0.1.1:0 -m` → weight.
pub(crate) fn table(place: &Namespace) -> Outcome<Table> {
    parse(&place.run("ipvsadm", &["-Sn"])?)
}

/// The weight of one real server in the service with this firewall mark; none if it is not there.
pub(crate) fn weight(place: &Namespace, mark: u32, server: &str) -> Outcome<Option<u32>> {
    let service = format!("-f {mark} ");
    let destination = format!("{server}:");
    let table = table(place)?;
    let destinations = table.iter().find(|(line, _)| line.starts_with(&service));
    Ok(destinations.and_then(|(_, found)| {
        found
            .iter()
            .find(|(line, _)| line.starts_with(&destination))
            .map(|(_, weight)| *weight)
    }))
}

fn parse(saved: &str) -> Outcome<Table> {
    let mut table = Table::new();
    for line in saved.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(service) = line.strip_prefix("-A ") {
            table.insert(service.to_owned(), BTreeMap::new());
            continue;
        }
        let parts = line.strip_prefix("-a ").and_then(|rest| {
            let (service, rest) = rest.split_once(" -r ")?;
            let (destination, weight) = rest.split_once(" -w ")?;
            let weight = weight.split_whitespace().next()?.parse().ok()?;
            Some((service, destination, weight))
        });
        let owner = parts.and_then(|(service, destination, weight)| {
            let mut lines = table.iter_mut();
            let (_, found) = lines.find(|(line, _)| begins_with_words(line, service))?;
            found.insert(destination.to_owned(), weight)
        });
        if parts.is_none() || owner.is_some() {
            return Err(
                format!("ipvsadm -Sn says what the lab does not understand: {line}").into(),
            );
        }
    }
    Ok(table)
}

fn begins_with_words(line: &str, words: &str) -> bool {
    line.strip_prefix(words)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_services_and_destinations_of_ipvsadm() {
        let saved = "-A -f 8 -s rr\n-A -f 80 -s wlc -p 600\n\
                     -a -f 80 -r 10.0.1.1:0 -m -w 1\n-a -f 80 -r 10.0.1.2:0 -m -w 0\n";
        let table = parse(saved).unwrap();
        assert_eq!(table["-f 8 -s rr"], BTreeMap::new());
        let expected = [
            ("10.0.1.1:0 -m".to_owned(), 1),
            ("10.0.1.2:0 -m".to_owned(), 0),
        ];
        assert_eq!(table["-f 80 -s wlc -p 600"], BTreeMap::from(expected));
    }

    #[test]
    fn refuses_lines_it_cannot_place() {
        assert!(parse("-a -f 80 -r 10.0.1.1:0 -m\n").is_err());
        assert!(parse("something else\n").is_err());
    }
}
