//! Texts of bounded length.

use std::borrow::Cow;

/// Cuts a text to at most `limit` bytes, between characters.
pub(crate) fn cut(text: &mut Cow<'_, str>, limit: usize) {
    if text.len() > limit {
        let end = (0..=limit).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        match text {
            Cow::Borrowed(borrowed) => *borrowed = borrowed.get(..end).unwrap_or_default(),
            Cow::Owned(owned) => {
                owned.truncate(end);
                // A span is kept until all of its review's are.
                owned.shrink_to_fit();
            }
        }
    }
}

/// The characters of generated names (`k8s.io/apimachinery` `pkg/util/rand/rand.go`): no vowels, none that look alike.
const GENERATED: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
/// How many of them follow a generateName (`k8s.io/apiserver` `pkg/storage/names/generate.go`).
pub(crate) const GENERATED_SUFFIX: usize = 5;

/// Whether a part of a name is as the API server generates it.
pub(crate) fn is_generated(part: &str) -> bool {
    part.len() == GENERATED_SUFFIX && part.bytes().all(|byte| GENERATED.contains(&byte))
}

/// A generateName without the generated name of the run that it repeats: `nightly-b7d2m-r-`, as the Dashboard writes it
/// for a rerun, and `nightly-b7d2m-`, as tkn does, are `nightly`.
pub(crate) fn generated_name_root(generate_name: &str) -> &str {
    let mut root = generate_name.trim_end_matches('-');
    loop {
        let (shorter, rerun) = match root.strip_suffix("-r") {
            Some(shorter) => (shorter, true),
            None => (root, false),
        };
        // Without a digit it may be a word of the name, such as `https`.
        match shorter.rsplit_once('-') {
            Some((before, part)) if is_generated(part) && (rerun || part.bytes().any(|byte| byte.is_ascii_digit())) => {
                root = before;
            }
            _ => return if rerun { shorter } else { root },
        }
    }
}

/// The run with a generated name of which `name` is that of a descendant or its own: Tekton names a child after its parent
/// and its task (`knative.dev/pkg/kmeta` ChildName), so `nightly-b7d2m-verify-unit` descends from `nightly-b7d2m`.
pub(crate) fn generated_ancestor(name: &str) -> Option<&str> {
    let (before, last) = name.rsplit_once('-')?;
    if is_generated(last) {
        return Some(name);
    }
    let mut ancestor = before;
    while let Some((before, part)) = ancestor.rsplit_once('-') {
        // Without a digit it may be a word of the name, such as `https`.
        if is_generated(part) && part.bytes().any(|byte| byte.is_ascii_digit()) {
            return Some(ancestor);
        }
        ancestor = before;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reruns_name_is_that_of_the_first_run() {
        for (generate_name, root) in [
            ("nightly-", "nightly"),
            ("nightly-b7d2m-", "nightly"),
            ("nightly-b7d2m-r-", "nightly"),
            ("nightly-bcdfg-r-", "nightly"),
            ("nightly-b7d2m-r-x4k9q-r-", "nightly"),
            ("fetch-https-", "fetch-https"),
            ("build-r-", "build"),
            ("b7d2m-", "b7d2m"),
            ("release-1-2-", "release-1-2"),
            ("-", ""),
            ("", ""),
        ] {
            assert_eq!(generated_name_root(generate_name), root, "{generate_name}");
        }
    }

    #[test]
    fn a_descendants_name_shows_the_run_that_it_descends_from() {
        for (name, ancestor) in [
            ("nightly-b7d2m", Some("nightly-b7d2m")),
            ("nightly-bcdfg", Some("nightly-bcdfg")),
            ("nightly-b7d2m-verify", Some("nightly-b7d2m")),
            ("nightly-b7d2m-verify-unit", Some("nightly-b7d2m")),
            ("fetch-https-main", None),
            ("fetch-https-b7d2m-verify", Some("fetch-https-b7d2m")),
            ("release", None),
            ("release-verify", None),
            ("b7d2m-verify", None),
            ("", None),
        ] {
            assert_eq!(generated_ancestor(name), ancestor, "{name}");
        }
    }
}
