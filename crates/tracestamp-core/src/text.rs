//! Texts of bounded length.

use std::borrow::Cow;

/// Cuts a text to at most `limit` bytes, between characters.
pub(crate) fn cut(text: &mut Cow<'_, str>, limit: usize) {
    if text.len() > limit {
        let end = (0..=limit).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        match text {
            Cow::Borrowed(borrowed) => *borrowed = borrowed.get(..end).unwrap_or_default(),
            Cow::Owned(owned) => owned.truncate(end),
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
}
