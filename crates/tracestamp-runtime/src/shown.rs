//! What may be shown of text that somebody else wrote, in logs, in messages and on terminals: never a control character,
//! and of what may hold a secret only the part that cannot.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

use url::Url;

/// The longest name of a Kubernetes object, in bytes (RFC 1123 subdomain).
const NAME_LIMIT: usize = 253;

/// `text` with U+FFFD for everything that ends a line, moves the cursor or turns the direction of writing.
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.contains(is_unseen) { text.replace(is_unseen, "\u{fffd}").into() } else { text.into() }
}

/// Plain text of at most `limit` bytes of `text`; what was cut off is shown as `…`.
pub fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return plain(text);
    }
    let kept = text.get(..text.floor_char_boundary(limit)).unwrap_or_default();
    format!("{}…", plain(kept)).into()
}

/// The name of an object: whoever sends one that no object can have is shown cut.
pub fn name(name: &str) -> Cow<'_, str> {
    cut(name, NAME_LIMIT)
}

/// A JSON text on one line that means the same: whatever [`plain`] replaces is escaped.
pub fn json(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unseen) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            // In JSON these are escaped inside strings, so this is white space between values.
            '\0'..=' ' => shown.push(' '),
            c if is_unseen(c) => {
                let _ = write!(shown, "\\u{:04x}", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    shown.into()
}

/// Scheme, host and port of a URL. User, path and query may hold a password or a key.
pub fn url(text: &str) -> String {
    const HIDDEN: &str = "(a URL that is not shown)";
    let parsed = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("https://{text}")) };
    let Ok(url) = parsed else { return HIDDEN.to_owned() };
    // A `/`, `?` or `#` in a password ends the host early: what looks like host and port is part of the secret.
    let misread = [Some(url.path()), url.query(), url.fragment()].into_iter().flatten().any(|part| part.contains('@'));
    match url.host_str() {
        Some(host) if !misread && !host.is_empty() => {
            let scheme = if text.contains("://") { format!("{}://", url.scheme()) } else { String::new() };
            let port = url.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{scheme}{host}{port}")
        }
        _ => HIDDEN.to_owned(),
    }
}

/// The path of a file, when it is an absolute one. Anything else may be the content of a file, such as a key, given in the
/// place of its path.
pub fn path(path: &Path) -> String {
    let is_path =
        |text: &str| text.starts_with('/') && text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    match path.to_str() {
        Some(text) if is_path(text) => text.to_owned(),
        _ => "(a file that is not shown, for its name is no absolute path)".to_owned(),
    }
}

fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_loses_what_moves_the_cursor_and_keeps_the_rest() {
        for unseen in ["\n", "\r", "\x1b", "\x07", "\x7f", "\u{9b}", "\u{202e}", "\u{2066}", "\u{feff}", "\0"] {
            assert_eq!(plain(&format!("a{unseen}ü")), "a\u{fffd}ü");
        }
        assert!(matches!(plain("as it was"), Cow::Borrowed("as it was")));
    }

    #[test]
    fn a_name_is_cut_to_what_a_name_can_be_between_characters() {
        assert_eq!(name(&"a".repeat(253)), "a".repeat(253));
        assert_eq!(name(&"ü".repeat(5000)), format!("{}…", "ü".repeat(126)));
    }

    #[test]
    fn json_stays_the_same_value_on_one_line() {
        let text = "{\"a\":\r\n\t\"\u{9b}\u{202e}\u{7f}\\n\"}";
        let shown = json(text);
        assert!(!shown.contains(is_unseen), "{shown}");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&shown), value(text));
    }

    #[test]
    fn of_a_url_only_scheme_host_and_port_are_shown() {
        for (text, shown) in [
            ("https://user:SECRET@host/SECRET?key=SECRET#SECRET", "https://host:443"),
            ("http://SECRET%40@host:4318", "http://host:4318"),
            ("user:SECRET@host:4317", "host:4317"),
            ("https://[::1]:4317/SECRET", "https://[::1]:4317"),
        ] {
            assert_eq!(url(text), shown);
        }
        for text in [
            "",
            "https://",
            "https://user:1/SECRET@host",
            "https://SECRET?@host",
            "https://SECRET#@host",
            "https://h:SECRET",
        ] {
            assert!(url(text).starts_with('('), "{text}: {}", url(text));
        }
    }

    #[test]
    fn of_a_path_only_an_absolute_one_is_shown() {
        assert_eq!(path(Path::new("/tls/..data/tls.crt")), "/tls/..data/tls.crt");
        for text in ["-----BEGIN PRIVATE KEY-----", "Authorization=Bearer SECRET", "SECRET", "/a\nb", ""] {
            assert!(path(Path::new(text)).starts_with('('), "{text}");
        }
    }
}
