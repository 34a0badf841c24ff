//! Whether the server that answered is the one that was meant.

/// Whether a server that calls itself `name` is the one `expected`: equal without regard to case,
/// or equal in the first label where one of the two is that alone, as NetBIOS names are.
pub fn is_called(expected: &str, name: &str) -> bool {
    let label = |name: &str| name.split('.').next().unwrap_or_default().to_lowercase();
    let whole = |name: &str| name.trim_end_matches('.').to_lowercase();
    let short = !expected.contains('.') || !name.contains('.');
    !name.is_empty() && (whole(expected) == whole(name) || short && label(expected) == label(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_called_by_its_dns_or_netbios_name_in_any_case() {
        for (expected, name) in [
            ("ex1.exch.test", "EX1.exch.test"),
            ("ex1.exch.test", "EX1.exch.test."),
            ("ex1", "EX1.exch.test"),
            ("ex1.exch.test", "EX1"),
            ("EX1", "ex1"),
        ] {
            assert!(is_called(expected, name), "{expected} {name}");
        }
    }

    #[test]
    fn another_server_is_not() {
        for (expected, name) in [
            ("ex1", "ex2.exch.test"),
            ("ex1.exch.test", "ex1.other.test"),
            ("ex1", "ex11"),
            ("ex1", ""),
            ("", ""),
        ] {
            assert!(!is_called(expected, name), "{expected} {name}");
        }
    }
}
