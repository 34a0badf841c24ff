//! Domain names, compared as DNS compares them: without regard to case (RFC 4343).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use hickory_proto::rr;

/// A domain name in lower case without its last dot; the root is empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// The name under which DNS keeps the names of an address: in `in-addr.arpa` (RFC 1035
    /// section 3.5) or `ip6.arpa` (RFC 3596 section 2.5).
    pub fn reverse_of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                Self(format!("{d}.{c}.{b}.{a}.in-addr.arpa"))
            }
            IpAddr::V6(address) => {
                let nibbles =
                    address.octets().into_iter().rev().flat_map(|byte| {
                        [byte & 15, byte >> 4].map(|nibble| format!("{nibble:x}."))
                    });
                Self(nibbles.collect::<String>() + "ip6.arpa")
            }
        }
    }

    /// This name with `labels`, such as `_ldap._tcp`, before it.
    pub fn below(&self, labels: &str) -> Self {
        let labels = labels.to_ascii_lowercase();
        match self.0.as_str() {
            "" => Self(labels),
            name => Self(format!("{labels}.{name}")),
        }
    }

    /// The name without its first label; of the root, the root.
    pub fn parent(&self) -> Self {
        let parent = self.0.split_once('.').map_or("", |(_, parent)| parent);
        Self(parent.to_owned())
    }

    /// Whether it is `zone` or lies below it.
    pub fn is_within(&self, zone: &Self) -> bool {
        let before = self.0.strip_suffix(zone.0.as_str());
        before.is_some_and(|before| before.is_empty() || zone.0.is_empty() || before.ends_with('.'))
    }

    /// How many labels it has.
    pub fn depth(&self) -> usize {
        self.0.split('.').filter(|label| !label.is_empty()).count()
    }

    /// Whether it is an address written where a name belongs, as in a broken MX record.
    pub fn is_an_address(&self) -> bool {
        self.0.parse::<IpAddr>().is_ok()
    }

    pub(super) fn to_wire(&self) -> Option<rr::Name> {
        // The text form refuses labels that hosts must not have and records may; but it knows what
        // a backslash stands for.
        if self.0.contains('\\') {
            return rr::Name::from_ascii(format!("{}.", self.0)).ok();
        }
        let labels = self.0.split('.').filter(|label| !label.is_empty());
        rr::Name::from_labels(labels.map(str::as_bytes)).ok()
    }
}

impl From<&rr::Name> for Name {
    fn from(name: &rr::Name) -> Self {
        let labels: Vec<String> = name.iter().map(text_of).collect();
        Self(labels.join("."))
    }
}

/// A label in lower case; what would not be read back as it is stands in octal, as `to_wire`
/// reads it.
fn text_of(label: &[u8]) -> String {
    let letter = |byte: &u8| match byte {
        b'.' | b'\\' => format!("\\{byte:03o}"),
        b'!'..=b'~' => char::from(byte.to_ascii_lowercase()).to_string(),
        _ => format!("\\{byte:03o}"),
    };
    label.iter().map(letter).collect()
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bare = text.strip_suffix('.').unwrap_or(text);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_*".contains(&byte);
        let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(plain);
        if bare.len() <= 253 && bare.split('.').all(label) {
            return Ok(Self(bare.to_ascii_lowercase()));
        }
        Err(format!(
            "\"{}\" is not a domain name; expected labels of 1 to 63 letters, digits, - and _ with \
             dots between, at most 253 in all",
            shared::text::quoted(text.as_bytes(), 253)
        ))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_str() {
            "" => f.write_str("."),
            // A server may put any byte into a label.
            name => f.write_str(&shared::text::quoted(name.as_bytes(), 255)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> Name {
        text.parse().expect(text)
    }

    #[test]
    fn case_and_the_last_dot_do_not_matter() {
        assert_eq!(name("EX1.Exch.Test."), name("ex1.exch.test"));
        assert_eq!(
            name("exch.test").below("_LDAP._tcp"),
            name("_ldap._tcp.exch.test")
        );
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            ".",
            "a..b",
            "ä.test",
            "a b",
            "-H ex1",
            &"x".repeat(64),
            &"x.".repeat(128),
        ] {
            assert!(text.parse::<Name>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn a_name_lies_in_its_zone_and_not_in_one_that_only_ends_alike() {
        assert!(name("ex1.exch.test").is_within(&name("exch.test")));
        assert!(name("exch.test").is_within(&name("exch.test")));
        assert!(!name("noexch.test").is_within(&name("exch.test")));
    }

    #[test]
    fn addresses_have_their_names_in_the_reverse_zones() {
        let reverse = |address: &str| Name::reverse_of(address.parse().expect(address)).to_string();
        assert_eq!(reverse("192.0.2.11"), "11.2.0.192.in-addr.arpa");
        let six = reverse("2001:db8::1");
        assert!(
            six.starts_with("1.0.0.0.") && six.ends_with("8.b.d.0.1.0.0.2.ip6.arpa"),
            "{six}"
        );
    }

    proptest! {
        #[test]
        fn any_label_of_a_server_becomes_one_label_and_goes_back(
            label in prop::collection::vec(any::<u8>(), 1..63)
        ) {
            let from = rr::Name::from_labels([b"a".as_slice(), &label]).expect("labels");
            let name = Name::from(&from);
            prop_assert_eq!(name.depth(), 2, "{}", name);
            if let Some(back) = name.to_wire() {
                prop_assert_eq!(Name::from(&back), name);
            }
        }

        #[test]
        fn a_name_survives_the_wire(text in "([a-zA-Z0-9_-]{1,20}\\.){1,6}[a-z]{2,8}") {
            let name = name(&text);
            prop_assert_eq!(Name::from(&name.to_wire().expect("a name")), name);
        }
    }
}
