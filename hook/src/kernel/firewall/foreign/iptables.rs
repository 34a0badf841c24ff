//! What `iptables-save` prints as chains (`iptables(8)`, `iptables-extensions(8)`).

use ipnet::IpNet;

use super::chains::{
    self, Base, Chain, ChainSet, Condition, Effect, Fates, Field, Hook, Match, Rule, Value,
};
use crate::table::Family;

/// The chains of the table `filter`; none if the text has no such table.
pub(super) fn parse(family: Family, saved: &str) -> Option<ChainSet> {
    let label = match family {
        Family::V4 => "iptables table filter",
        Family::V6 => "ip6tables table filter",
    };
    let mut set = ChainSet {
        label: label.to_owned(),
        family: Some(family),
        chains: Default::default(),
        has_extensions: false,
    };
    let of_filter = saved
        .lines()
        .skip_while(|line| *line != "*filter")
        .take_while(|line| *line != "COMMIT");
    for line in of_filter {
        if let Some(chain) = line.strip_prefix(':') {
            declare(&mut set, chain);
        } else if let Some(rule) = line.strip_prefix("-A ") {
            append(&mut set, rule);
        }
    }
    (!set.chains.is_empty()).then_some(set)
}

fn declare(set: &mut ChainSet, declaration: &str) {
    let mut words = declaration.split_whitespace();
    let (Some(name), Some(policy)) = (words.next(), words.next()) else {
        return;
    };
    let hook = match name {
        "INPUT" => Some(Hook::Input),
        "FORWARD" => Some(Hook::Forward),
        "OUTPUT" => Some(Hook::Output),
        _ => None,
    };
    let policy = match policy {
        "DROP" => Fates::DROPPED,
        _ => Fates::ACCEPTED,
    };
    let chain = Chain {
        base: hook.map(|hook| Base { hook, policy }),
        rules: Vec::new(),
    };
    set.chains.insert(name.to_owned(), chain);
}

fn append(set: &mut ChainSet, line: &str) {
    let words = words(line);
    let mut words = words.iter().map(String::as_str).peekable();
    let Some(name) = words.next() else {
        return;
    };
    let mut rule = Rule {
        conditions: Vec::new(),
        effect: Effect::Nothing,
    };
    let mut negated = false;
    while let Some(option) = words.next() {
        if option == "!" {
            negated = true;
            continue;
        }
        let mut values = Vec::new();
        while let Some(value) = words.next_if(|word| !word.starts_with('-') && *word != "!") {
            values.push(value);
        }
        take_option(&mut rule, option, negated, &values);
        negated = false;
    }
    if let Some(chain) = set.chains.get_mut(name) {
        chain.rules.push(rule);
    }
}

fn take_option(rule: &mut Rule, option: &str, negated: bool, values: &[&str]) {
    match (option, values) {
        ("-j" | "--jump", [target, ..]) => rule.effect = effect(target),
        ("-g" | "--goto", [target, ..]) => rule.effect = Effect::Goto((*target).to_owned()),
        // Modules whose options are all told below, or say nothing.
        ("-m", ["tcp" | "udp" | "sctp" | "multiport" | "comment" | "state" | "conntrack"])
        | ("--comment" | "--reject-with" | "--log-prefix" | "--log-level", _) => {}
        (option, values) => rule.conditions.push(match parse_match(option, values) {
            Some((field, values)) => Condition::Known(Match {
                field,
                negated,
                values,
            }),
            None => Condition::Unknown,
        }),
    }
}

fn effect(target: &str) -> Effect {
    match target {
        "ACCEPT" => Effect::Ends(Fates::ACCEPTED),
        "DROP" | "REJECT" => Effect::Ends(Fates::DROPPED),
        "RETURN" => Effect::Return,
        "LOG" | "NFLOG" | "MARK" | "CONNMARK" | "TCPMSS" => Effect::Nothing,
        // A chain, or an extension; of an unknown name anything is thought possible.
        name => Effect::Jump(name.to_owned()),
    }
}

fn parse_match(option: &str, values: &[&str]) -> Option<(Field, Vec<Value>)> {
    let [value] = values else {
        return None;
    };
    let listed = || value.split(',');
    let interface = || vec![chains::interface(value, '+')];
    Some(match option {
        "-s" => (Field::Source, vec![network(value)?]),
        "-d" => (Field::Destination, vec![network(value)?]),
        "-i" => (Field::InputInterface, interface()),
        "-o" => (Field::OutputInterface, interface()),
        "-p" => (
            Field::Transport,
            vec![Value::Word(chains::transport(value))],
        ),
        "--dport" | "--dports" => (
            Field::DestinationPort,
            listed().map(ports).collect::<Option<_>>()?,
        ),
        "--state" | "--ctstate" => tracking(&value.to_ascii_lowercase())?,
        _ => return None,
    })
}

/// `DNAT` and `SNAT` are states to iptables, beside those of conntrack.
fn tracking(listed: &str) -> Option<(Field, Vec<Value>)> {
    let translations = listed
        .split(',')
        .filter(|state| matches!(*state, "dnat" | "snat"));
    let field = match translations.count() {
        0 => Field::Tracking,
        of_them if of_them == listed.split(',').count() => Field::Translation,
        _ => return None,
    };
    let words = listed.split(',').map(|state| Value::Word(state.to_owned()));
    Some((field, words.collect()))
}

fn network(text: &str) -> Option<Value> {
    let single = || text.parse::<std::net::IpAddr>().ok().map(IpNet::from);
    Some(Value::Network(text.parse().ok().or_else(single)?))
}

fn ports(text: &str) -> Option<Value> {
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    Some(Value::Ports(first.parse().ok()?, last.parse().ok()?))
}

/// Words as the program quotes them: blanks inside quotation marks do not part.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => quoted = !quoted,
            '\\' if quoted => {
                // A word in quotes is a comment; what it says does not matter.
                let _ = letters.next();
            }
            ' ' if !quoted => words.push(String::new()),
            letter => words
                .last_mut()
                .into_iter()
                .for_each(|word| word.push(letter)),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
