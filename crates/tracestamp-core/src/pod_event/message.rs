//! The kubelet's words about images (`kubernetes/kubernetes` `pkg/kubelet/images/image_manager.go`).

use jiff::SignedDuration;

/// What a message says; it borrows from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Message<'m> {
    /// `Successfully pulled image "X" in 53ms (69ms including waiting). Image size: 7 bytes.`
    Pulled { image: &'m str, took: u64, waited: Option<u64>, size: Option<i64> },
    /// `Container image "X" already present on machine`, and what later kubelets add.
    ImagePresent,
    /// `Failed to pull image "X": …`
    PullFailed { image: &'m str, cause: &'static str },
    /// `Error: ErrImagePull` or `Error: ImagePullBackOff`, from the container that could not be created for it.
    PullFailedBefore,
    /// Anything else.
    Other,
}

/// Reads a message.
pub(super) fn read(message: &str) -> Message<'_> {
    // What client-go writes in front when it has had too many alike (`tools/record/events_cache.go`).
    let message = message.strip_prefix("(combined from similar events): ").unwrap_or(message);
    if matches!(message, "Error: ErrImagePull" | "Error: ImagePullBackOff") {
        return Message::PullFailedBefore;
    }
    if message.starts_with("Container image \"") && message.contains("\" already present on machine") {
        return Message::ImagePresent;
    }
    pulled(message).or_else(|| pull_failed(message)).unwrap_or(Message::Other)
}

fn pulled(message: &str) -> Option<Message<'_>> {
    let (image, rest) = message.strip_prefix("Successfully pulled image \"")?.split_once("\" in ")?;
    let (alone, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let alone = duration(alone)?;
    let waiting = rest.strip_prefix('(').and_then(|rest| rest.split_once(" including waiting)"));
    let Some((with_waiting, rest)) = waiting else {
        return Some(Message::Pulled { image, took: alone, waited: None, size: None });
    };
    let took = duration(with_waiting)?;
    let size = rest.strip_prefix(". Image size: ").and_then(|rest| rest.strip_suffix(" bytes."));
    let size = size.and_then(|size| size.parse().ok()).filter(|size| *size >= 0);
    Some(Message::Pulled { image, took: took.max(alone), waited: Some(took.saturating_sub(alone)), size })
}

fn pull_failed(message: &str) -> Option<Message<'_>> {
    let (image, why) = message.strip_prefix("Failed to pull image \"")?.split_once("\": ")?;
    Some(Message::PullFailed { image, cause: cause(why) })
}

/// Phrases of registries, of Go's network stack and of containerd, each with a character that no image reference or
/// host name can have. The first that fits counts: Docker's registry says of what it hides both that access is denied
/// and that it may not exist.
const CAUSES: [(&str, &str); 22] = [
    ("no such host", "no_such_host"),
    ("server misbehaving", "no_such_host"),
    ("toomanyrequests: ", "too_many_requests"),
    ("429 Too Many Requests", "too_many_requests"),
    ("401 Unauthorized", "unauthorized"),
    ("403 Forbidden", "unauthorized"),
    ("access denied", "unauthorized"),
    ("authorization failed", "unauthorized"),
    ("authentication required", "unauthorized"),
    ("no basic auth credentials", "unauthorized"),
    ("unauthorized: ", "unauthorized"),
    ("denied: ", "unauthorized"),
    ("i/o timeout", "timeout"),
    ("handshake timeout", "timeout"),
    ("deadline exceeded", "timeout"),
    ("Client.Timeout exceeded", "timeout"),
    ("connection refused", "connection_refused"),
    ("x509: ", "certificate"),
    ("manifest unknown", "not_found"),
    ("name unknown", "not_found"),
    ("not found", "not_found"),
    ("404 Not Found", "not_found"),
];

fn cause(why: &str) -> &'static str {
    CAUSES.iter().find(|(phrase, _)| why.contains(phrase)).map_or("_OTHER", |(_, cause)| cause)
}

/// A duration as Go writes it (`time.Duration.String`), in nanoseconds: `1h2m3.5s`, `53ms`, `0s`.
fn duration(text: &str) -> Option<u64> {
    // The library reads more: signs, spaces, words, ISO 8601.
    let gos = text.chars().all(|c| c.is_ascii_digit() || ".hmsnuµ".contains(c));
    let duration: SignedDuration = text.parse().ok().filter(|_| gos)?;
    u64::try_from(duration.as_nanos()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gos_durations_are_read_to_the_nanosecond() {
        for (text, nanos) in [
            ("0s", Some(0)),
            ("53ms", Some(53_000_000)),
            ("1.234s", Some(1_234_000_000)),
            ("1m0.069s", Some(60_069_000_000)),
            ("2h3m4s", Some(7_384_000_000_000)),
            ("1.5µs", Some(1_500)),
            ("", None),
            ("5", None),
            ("5 s", None),
            ("-5s", None),
            ("1..5s", None),
            ("99999999999999h", None),
        ] {
            assert_eq!(duration(text), nanos, "{text}");
        }
    }

    #[test]
    fn every_kubelets_words_for_a_pull_are_read() {
        for (message, took, waited, size) in [
            (
                "Successfully pulled image \"a/b:1\" in 53ms (69ms including waiting). Image size: 7 bytes.",
                69,
                Some(16),
                Some(7),
            ),
            ("Successfully pulled image \"a/b:1\" in 53ms (69ms including waiting)", 69, Some(16), None),
            ("Successfully pulled image \"a/b:1\" in 53ms", 53, None, None),
        ] {
            let expected = Message::Pulled {
                image: "a/b:1",
                took: took * 1_000_000,
                waited: waited.map(|ms: u64| ms * 1_000_000),
                size,
            };
            assert_eq!(read(message), expected, "{message}");
        }
        for message in [
            "Container image \"a/b:1\" already present on machine",
            "Container image \"a/b:1\" already present on machine and can be accessed by the pod",
        ] {
            assert_eq!(read(message), Message::ImagePresent, "{message}");
        }
        for message in [
            "Successfully pulled image \"a/b:1\"",
            "Successfully pulled image \"a/b:1\" in no time",
            "Successfully pulled image \"a/b:1\" in 5s (long including waiting)",
        ] {
            assert_eq!(read(message), Message::Other, "{message}");
        }
    }

    #[test]
    fn a_failed_pull_has_a_class_of_cause_and_no_words() {
        for (why, cause) in [
            ("rpc error: code = NotFound desc = failed to resolve reference \"r/x:1\": r/x:1: not found", "not_found"),
            ("manifest for x:1 not found: manifest unknown", "not_found"),
            (
                "failed to authorize: unexpected status from GET request to https://r/token: 401 Unauthorized",
                "unauthorized",
            ),
            ("pull access denied, repository does not exist or may require authorization", "unauthorized"),
            ("failed to do request: Head \"https://r/v2/\": dial tcp: lookup r: no such host", "no_such_host"),
            ("dial tcp 10.0.0.1:443: i/o timeout", "timeout"),
            ("context deadline exceeded", "timeout"),
            ("dial tcp 127.0.0.1:5000: connect: connection refused", "connection_refused"),
            ("toomanyrequests: You have reached your pull rate limit", "too_many_requests"),
            ("tls: failed to verify certificate: x509: certificate signed by unknown authority", "certificate"),
            ("something else about timeout.example.com/denied", "_OTHER"),
        ] {
            let message = format!("Failed to pull image \"r/x:1\": {why}");
            assert_eq!(read(&message), Message::PullFailed { image: "r/x:1", cause }, "{why}");
        }
    }
}
