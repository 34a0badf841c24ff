//! The listing of `nft -j list ruleset` (`libnftables-json(5)`) as chains.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value as Json;

use super::chains::{
    self, Base, Chain, ChainSet, Condition, Effect, Fates, Field, Hook, Match, Rule, Value,
};
use crate::kernel::firewall::script;
use crate::table::Family;

/// IPVS takes packets at the input hook at priority 98 and at the forward hook at 99; what stands
/// behind it sees none of those that matter here.
const LAST_PRIORITY_BEFORE_IPVS: i64 = 97;

/// The chains of every table but ours.
///
/// # Errors
/// The listing is not what `nft` documents.
pub(super) fn parse(listing: &str) -> Result<Vec<ChainSet>, String> {
    let document: Json = serde_json::from_str(listing).map_err(|error| error.to_string())?;
    let objects = document["nftables"]
        .as_array()
        .ok_or("no list \"nftables\"")?;
    let mut sets: Vec<ChainSet> = Vec::new();
    for object in objects {
        if let Some(chain) = object.get("chain") {
            let name = text(chain, "name").to_owned();
            set_of(&mut sets, chain).map(|set| set.chains.insert(name, empty_chain(chain)));
        } else if let Some(rule) = object.get("rule") {
            let chain = set_of(&mut sets, rule).and_then(|set| {
                set.has_extensions |= has_extension(rule);
                set.chains.get_mut(text(rule, "chain"))
            });
            if let Some(chain) = chain {
                chain.rules.extend(parse_rule(rule));
            }
        }
    }
    Ok(sets)
}

/// The table an object belongs to; none for ours and for families whose packets IPVS never sees.
fn set_of<'a>(sets: &'a mut Vec<ChainSet>, object: &Json) -> Option<&'a mut ChainSet> {
    let (family_name, table) = (text(object, "family"), text(object, "table"));
    let family = match family_name {
        "ip" => Some(Family::V4),
        "ip6" => Some(Family::V6),
        "inet" => None,
        _ => return None,
    };
    if family_name == script::FAMILY && table == script::TABLE {
        return None;
    }
    let label = format!("nftables table {family_name} {table}");
    let at = sets.iter().position(|set| set.label == label);
    let at = at.unwrap_or_else(|| {
        sets.push(ChainSet {
            label,
            family,
            chains: Default::default(),
            has_extensions: false,
        });
        sets.len() - 1
    });
    sets.get_mut(at)
}

fn empty_chain(chain: &Json) -> Chain {
    Chain {
        base: base(chain),
        rules: Vec::new(),
    }
}

fn base(chain: &Json) -> Option<Base> {
    let hook = match text(chain, "hook") {
        "input" => Hook::Input,
        "forward" => Hook::Forward,
        "output" => Hook::Output,
        _ => return None,
    };
    let in_front = hook == Hook::Output
        || chain["prio"]
            .as_i64()
            .is_some_and(|priority| priority <= LAST_PRIORITY_BEFORE_IPVS);
    let policy = match text(chain, "policy") {
        "drop" => Fates::DROPPED,
        _ => Fates::ACCEPTED,
    };
    in_front.then_some(Base { hook, policy })
}

fn statements(rule: &Json) -> &[Json] {
    rule["expr"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn has_extension(rule: &Json) -> bool {
    statements(rule)
        .iter()
        .any(|statement| statement.get("xt").is_some())
}

/// One rule, or for a verdict map as many as it has entries.
fn parse_rule(rule: &Json) -> Vec<Rule> {
    let mut parsed = Rule {
        conditions: Vec::new(),
        effect: Effect::Nothing,
    };
    for statement in statements(rule) {
        if let Some(entries) = statement.get("vmap").and_then(parse_verdict_map) {
            let whole = |(conditions, effect): (Vec<Condition>, Effect)| Rule {
                conditions: [parsed.conditions.clone(), conditions].concat(),
                effect,
            };
            return entries.into_iter().map(whole).collect();
        }
        take_statement(&mut parsed, statement);
    }
    vec![parsed]
}

fn take_statement(rule: &mut Rule, statement: &Json) {
    if let Some(effect) = parse_verdict(statement) {
        rule.effect = effect;
        return;
    }
    let first = statement
        .as_object()
        .and_then(|object| object.iter().next());
    match first.map(|(name, content)| (name.as_str(), content)) {
        Some(("match", content)) => rule.conditions.extend(parse_match(content)),
        Some(("counter" | "log" | "mangle" | "comment" | "notrack", _)) => {}
        Some(("limit" | "quota" | "ct count", _)) => rule.conditions.push(Condition::Unknown),
        // A queue, an extension of iptables: it may match or not, do this or that.
        _ => {
            rule.conditions.push(Condition::Unknown);
            rule.effect = Effect::Ends(Fates::OPEN);
        }
    }
}

fn parse_verdict(statement: &Json) -> Option<Effect> {
    let (name, content) = statement.as_object()?.iter().next()?;
    let target = || text(content, "target").to_owned();
    Some(match name.as_str() {
        "accept" => Effect::Ends(Fates::ACCEPTED),
        "drop" | "reject" => Effect::Ends(Fates::DROPPED),
        "jump" => Effect::Jump(target()),
        "goto" => Effect::Goto(target()),
        "return" => Effect::Return,
        "continue" => Effect::Nothing,
        _ => return None,
    })
}

/// None if any part of it is not understood.
fn parse_verdict_map(map: &Json) -> Option<Vec<(Vec<Condition>, Effect)>> {
    let (implied, field) = parse_left(&map["key"])?;
    let entries = map["data"]["set"].as_array()?.iter().map(|entry| {
        let [key, verdict] = entry.as_array()?.as_slice() else {
            return None;
        };
        let values = vec![parse_value(field, key)?];
        let conditions = conditions(implied.clone(), field, false, Some(values));
        Some((conditions, parse_verdict(verdict)?))
    });
    entries.collect()
}

fn parse_match(content: &Json) -> Vec<Condition> {
    let Some((implied, field)) = parse_left(&content["left"]) else {
        return vec![Condition::Unknown];
    };
    let negated = match text(content, "op") {
        "==" | "in" => false,
        "!=" => true,
        _ => return vec![Condition::Unknown],
    };
    let values = parse_right(field, &content["right"]);
    conditions(implied, field, negated, values)
}

fn conditions(
    implied: Option<(Field, String)>,
    field: Field,
    negated: bool,
    values: Option<Vec<Value>>,
) -> Vec<Condition> {
    let known = |field, negated, values| {
        Condition::Known(Match {
            field,
            negated,
            values,
        })
    };
    let implied = implied.map(|(field, word)| known(field, false, vec![Value::Word(word)]));
    let own = values.map_or(Condition::Unknown, |values| known(field, negated, values));
    implied.into_iter().chain([own]).collect()
}

/// What a rule looks at, and what must hold before it can: `tcp dport` is of TCP packets only.
fn parse_left(left: &Json) -> Option<(Option<(Field, String)>, Field)> {
    if let Some(meta) = left.get("meta") {
        let field = match text(meta, "key") {
            "iifname" | "iif" => Field::InputInterface,
            "oifname" | "oif" => Field::OutputInterface,
            "l4proto" => Field::Transport,
            "nfproto" => Field::Family,
            _ => return None,
        };
        return Some((None, field));
    }
    if let Some(ct) = left.get("ct") {
        let field = match text(ct, "key") {
            "state" => Field::Tracking,
            "status" => Field::Translation,
            _ => return None,
        };
        return Some((None, field));
    }
    let payload = left.get("payload")?;
    let (protocol, field) = (text(payload, "protocol"), text(payload, "field"));
    let family = || match protocol {
        "ip" => Some((Field::Family, "ipv4".to_owned())),
        _ => Some((Field::Family, "ipv6".to_owned())),
    };
    match (protocol, field) {
        ("ip" | "ip6", "saddr") => Some((family(), Field::Source)),
        ("ip" | "ip6", "daddr") => Some((family(), Field::Destination)),
        ("ip", "protocol") | ("ip6", "nexthdr") => Some((family(), Field::Transport)),
        ("tcp" | "udp" | "sctp", "dport") => Some((
            Some((Field::Transport, protocol.to_owned())),
            Field::DestinationPort,
        )),
        ("th", "dport") => Some((None, Field::DestinationPort)),
        _ => None,
    }
}

fn parse_right(field: Field, right: &Json) -> Option<Vec<Value>> {
    let alternatives = right.get("set").unwrap_or(right);
    match alternatives {
        Json::Array(alternatives) => alternatives
            .iter()
            .map(|value| parse_value(field, value))
            .collect(),
        single => Some(vec![parse_value(field, single)?]),
    }
}

fn parse_value(field: Field, value: &Json) -> Option<Value> {
    let value = value
        .get("elem")
        .and_then(|element| element.get("val"))
        .unwrap_or(value);
    match field {
        Field::Source | Field::Destination => address(value),
        Field::DestinationPort => ports(value),
        Field::InputInterface | Field::OutputInterface => {
            Some(chains::interface(value.as_str()?, '*'))
        }
        Field::Transport => match value {
            Json::Number(number) => Some(Value::Word(chains::transport(&number.to_string()))),
            value => word(value),
        },
        Field::Family | Field::Tracking | Field::Translation => word(value),
    }
}

/// `@name` refers to a set of the host's, which can change at any time.
fn word(value: &Json) -> Option<Value> {
    let word = value.as_str().filter(|word| !word.starts_with('@'))?;
    Some(Value::Word(word.to_owned()))
}

fn address(value: &Json) -> Option<Value> {
    if let Some(prefix) = value.get("prefix") {
        let length = u8::try_from(prefix["len"].as_u64()?).ok()?;
        let network = IpNet::new(prefix["addr"].as_str()?.parse().ok()?, length).ok()?;
        return Some(Value::Network(network));
    }
    let parsed = |value: &Json| value.as_str()?.parse::<IpAddr>().ok();
    if let Some([first, last]) = value["range"].as_array().map(Vec::as_slice) {
        return Some(Value::Addresses(parsed(first)?, parsed(last)?));
    }
    Some(Value::Network(parsed(value)?.into()))
}

fn ports(value: &Json) -> Option<Value> {
    let port = |value: &Json| u16::try_from(value.as_u64()?).ok();
    if let Some([first, last]) = value["range"].as_array().map(Vec::as_slice) {
        return Some(Value::Ports(port(first)?, port(last)?));
    }
    let single = port(value)?;
    Some(Value::Ports(single, single))
}

fn text<'a>(object: &'a Json, key: &str) -> &'a str {
    object[key].as_str().unwrap_or_default()
}
