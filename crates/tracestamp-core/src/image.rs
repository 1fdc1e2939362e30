//! Image references, as `core/v1` Container and ContainerStatus write them.

/// The parts of a reference (`distribution/reference` `regexp.go`): `name[:tag][@algorithm:digest]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ImageReference<'a> {
    /// Registry and repository.
    pub(crate) name: &'a str,
    /// The tag, when there is one.
    pub(crate) tag: Option<&'a str>,
}

impl<'a> ImageReference<'a> {
    /// Reads a reference without its digest and without credentials.
    pub(crate) fn parse(reference: &'a str) -> Self {
        let reference = without_credentials(reference);
        let tagged =
            reference.rsplit_once('@').filter(|(_, digest)| is_digest(digest)).map_or(reference, |(tagged, _)| tagged);
        // A colon before a slash belongs to a port.
        match tagged.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => Self { name, tag: Some(tag) },
            _ => Self { name: tagged, tag: None },
        }
    }
}

/// The reference without what stands before an `@` that begins no digest: registries' documentation shows URLs with
/// `user:token@`, and users write them into `image`.
pub(crate) fn without_credentials(reference: &str) -> &str {
    let mut rest = reference;
    while let Some((_, after)) = rest.split_once('@').filter(|(_, after)| !is_digest(after)) {
        rest = after;
    }
    rest
}

/// Whether the reference names a digest.
pub(crate) fn has_digest(reference: &str) -> bool {
    reference.rsplit_once('@').is_some_and(|(_, digest)| is_digest(digest))
}

/// `algorithm:hex`, with as many digits as the shortest registered algorithm has.
fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, hex)| {
        !algorithm.is_empty()
            && algorithm
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+._-".contains(&byte))
            && hex.len() >= 32
            && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn an_image_reference_is_cut_into_name_and_tag() {
        for (image, name, tag) in [
            ("busybox", "busybox", None),
            ("reg:5000/a/b", "reg:5000/a/b", None),
            ("reg:5000/a/b:1.2", "reg:5000/a/b", Some("1.2")),
            (&format!("a/b:1@{DIGEST}"), "a/b", Some("1")),
            (&format!("a/b@{DIGEST}"), "a/b", None),
            ("", "", None),
        ] {
            assert_eq!(ImageReference::parse(image), ImageReference { name, tag }, "{image}");
        }
    }

    #[test]
    fn credentials_in_front_of_a_registry_are_left_out() {
        for image in [
            "bot:s3cr3t@reg.example.com/app:1",
            "https://bot:s3cr3t@reg.example.com/app:1",
            "s3cr3t@reg.example.com/app:1",
            "bot:s3cr3t@bot@reg.example.com/app:1",
            &format!("bot:s3cr3t@reg.example.com/app:1@{DIGEST}"),
            // Too short to be a digest.
            "sha256:s3cr3t@reg.example.com/app:1",
        ] {
            let reference = ImageReference { name: "reg.example.com/app", tag: Some("1") };
            assert_eq!(ImageReference::parse(image), reference, "{image}");
            assert!(!without_credentials(image).contains("s3cr3t"), "{image}");
        }
        assert!(!ImageReference::parse("bot:s3cr3t@app").name.contains("s3cr3t"));
        let digest = format!("reg.example.com/app@{DIGEST}");
        assert_eq!(without_credentials(&digest), digest);
        assert!(has_digest(&digest) && !has_digest("a@b") && !has_digest("sha256:00"));
    }
}
