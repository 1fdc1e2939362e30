//! Names that Kubernetes gives objects (`k8s.io/apimachinery` `pkg/util/validation/validation.go`).
//!
//! Whatever becomes part of a path of the API server is checked here first: neither kind of name holds a character that
//! means something in a URL, and none is `.` or `..`.

/// The longest DNS label in bytes (`DNS1123LabelMaxLength`).
pub const LABEL_LIMIT: usize = 63;
/// The longest DNS subdomain in bytes (`DNS1123SubdomainMaxLength`).
pub const SUBDOMAIN_LIMIT: usize = 253;

/// Whether a namespace can have this name (`IsDNS1123Label`).
pub fn is_label(name: &str) -> bool {
    name.len() <= LABEL_LIMIT && is_part(name)
}

/// Whether a Pod can have this name (`IsDNS1123Subdomain`). The parts between its dots may be longer than a label.
pub fn is_subdomain(name: &str) -> bool {
    name.len() <= SUBDOMAIN_LIMIT && name.split('.').all(is_part)
}

fn is_part(part: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = [part.bytes().next(), part.bytes().next_back()];
    ends.into_iter().all(|end| end.is_some_and(alphanumeric))
        && part.bytes().all(|byte| alphanumeric(byte) || byte == b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_those_that_the_api_server_accepts() {
        let (label, longer) = ("a".repeat(LABEL_LIMIT), "a".repeat(LABEL_LIMIT + 1));
        let (subdomain, longest) = ("a".repeat(SUBDOMAIN_LIMIT), "a".repeat(SUBDOMAIN_LIMIT + 1));
        for (name, is_a_label, is_a_subdomain) in [
            ("ci", true, true),
            ("0", true, true),
            ("a--b-1", true, true),
            (label.as_str(), true, true),
            (&longer, false, true),
            ("build.1.pod", false, true),
            (&subdomain, false, true),
            (&longest, false, false),
            ("", false, false),
            (".", false, false),
            ("..", false, false),
            ("a..b", false, false),
            (".a", false, false),
            ("a.", false, false),
            ("a.-b", false, false),
            ("-a", false, false),
            ("a-", false, false),
            ("A", false, false),
            ("a_b", false, false),
            ("a/b", false, false),
            ("../secrets", false, false),
            ("%2e%2e", false, false),
            ("a%2fb", false, false),
            ("a?b", false, false),
            ("a#b", false, false),
            ("a\\b", false, false),
            ("a\n", false, false),
            (" a", false, false),
            ("a\0", false, false),
            ("ü", false, false),
        ] {
            assert_eq!((is_label(name), is_subdomain(name)), (is_a_label, is_a_subdomain), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn a_name_holds_nothing_that_a_path_would_be_split_at(name in "[a-zA-Z0-9./%?#\\\\:@;&= -]{0,12}|.{0,4}") {
            if is_label(&name) || is_subdomain(&name) {
                prop_assert!(!name.is_empty() && !name.contains(".."));
                prop_assert!(!name.contains(|c: char| !c.is_ascii_alphanumeric() && !"-.".contains(c)));
            }
        }
    }
}
