//! Where people look at a trace: a URL of the backend's own, known before the first span is sent.

use std::str::FromStr;

use crate::context::Traceparent;

const TRACE_ID: &str = "{trace_id}";
const SPAN_ID: &str = "{span_id}";
/// The longest template, in bytes: with its ids filled in it is still shorter than the longest text of a span.
const LIMIT: usize = 768;

/// A URL in which `{trace_id}` stands for a trace id, 32 hexadecimal digits, and `{span_id}` for the span id of the run,
/// 16. Jaeger: `https://jaeger.example.com/trace/{trace_id}`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TraceUrl(String);

impl TraceUrl {
    /// The URL of `context`.
    pub fn of(&self, context: Traceparent) -> String {
        self.0.replace(TRACE_ID, &context.trace_id.to_string()).replace(SPAN_ID, &context.span_id.to_string())
    }
}

impl FromStr for TraceUrl {
    type Err = String;

    /// Reads a template. Braces that are part of the URL, as in the JSON of Grafana's, must be percent-encoded.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        if rest.is_none_or(|rest| rest.is_empty() || rest.starts_with('/')) {
            return Err("it is no http:// or https:// URL".to_owned());
        }
        if rest.and_then(|rest| rest.split(['/', '?', '#']).next()).is_some_and(|authority| authority.contains('@')) {
            return Err("it holds a user, which everybody who sees a trace would see".to_owned());
        }
        if text.len() > LIMIT {
            return Err(format!("it is longer than {LIMIT} bytes"));
        }
        if !text.contains(TRACE_ID) {
            return Err(format!("it has no {TRACE_ID}, so all traces would have one URL"));
        }
        if let Some(at) = text.find(|character: char| !character.is_ascii_graphic() || r#""<>\^`|"#.contains(character))
        {
            return Err(format!("the character at byte {at} must be percent-encoded in a URL"));
        }
        let without = text.replace(TRACE_ID, "").replace(SPAN_ID, "");
        if without.contains(['{', '}']) {
            return Err(format!(
                "it has braces other than {TRACE_ID} and {SPAN_ID}; write %7B and %7D for the URL's own"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn rendered(template: &str) -> String {
        template.parse::<TraceUrl>().unwrap().of(Traceparent::parse(CONTEXT).unwrap())
    }

    #[test]
    fn jaegers_and_grafana_tempos_urls_hold_the_ids() {
        assert_eq!(
            rendered("https://jaeger.example.com/trace/{trace_id}?uiFind={span_id}"),
            "https://jaeger.example.com/trace/4bf92f3577b34da6a3ce929d0e0e4736?uiFind=00f067aa0ba902b7"
        );
        let tempo = "https://grafana.example.com/explore?schemaVersion=1&panes=%7B%22t%22:%7B%22datasource%22:%22tempo%22,\
                     %22queries%22:%5B%7B%22refId%22:%22A%22,%22queryType%22:%22traceql%22,%22query%22:%22{trace_id}%22%7D%5D,\
                     %22range%22:%7B%22from%22:%22now-7d%22,%22to%22:%22now%22%7D%7D%7D";
        assert!(rendered(tempo).contains("%22query%22:%224bf92f3577b34da6a3ce929d0e0e4736%22%7D"));
    }

    #[test]
    fn what_is_no_template_is_refused_with_the_reason() {
        let long = format!("https://j/{{trace_id}}/{}", "a".repeat(LIMIT));
        for (template, reason) in [
            ("", "no http"),
            ("ftp://j/{trace_id}", "no http"),
            ("javascript:alert(1)//{trace_id}", "no http"),
            ("https:///{trace_id}", "no http"),
            ("https://user:SECRET@j/{trace_id}", "user"),
            ("https://j/trace", "{trace_id}"),
            ("https://j/{trace_id}/{run}", "braces"),
            ("https://j/{trace_id", "{trace_id}"),
            ("https://j/{trace_id}}", "braces"),
            ("https://j/{trace_id}?panes={\"t\":1}", "percent-encoded"),
            ("https://j/{trace_id} x", "percent-encoded"),
            ("https://j/{trace_id}\n", "percent-encoded"),
            ("https://j/ü{trace_id}", "percent-encoded"),
            (&long, "longer"),
        ] {
            let error = template.parse::<TraceUrl>().unwrap_err();
            assert!(error.contains(reason) && !error.contains("SECRET"), "{template}: {error}");
        }
    }
}
