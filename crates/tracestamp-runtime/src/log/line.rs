//! The fields of a line, so that no value can begin a line, be taken for another field or replace one: names of objects,
//! errors and the texts of backends come from strangers. The library's own formats leave line breaks in text, write values
//! without quotes, and write a key twice into JSON when two fields have it.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};

use serde::Serialize;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::shown::plain;

const MESSAGE: &str = "message";

/// Text: the message as it is, then `name=value` with quotes around what is more than one word.
#[derive(Debug)]
pub(super) struct TextFields;

impl<'w> FormatFields<'w> for TextFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut text = Text { writer, first: true, result: Ok(()) };
        fields.record(&mut text);
        text.result
    }
}

struct Text<'w> {
    writer: Writer<'w>,
    first: bool,
    result: fmt::Result,
}

impl Text<'_> {
    fn write(&mut self, field: &Field, value: &str, quoted: bool) {
        let space = if std::mem::take(&mut self.first) { "" } else { " " };
        let (name, value) = (field.name(), plain(value));
        let written = match name {
            MESSAGE => write!(self.writer, "{space}{value}"),
            _ if quoted => write!(self.writer, "{space}{name}={value:?}"),
            _ => write!(self.writer, "{space}{name}={value}"),
        };
        self.result = self.result.and(written);
    }
}

impl Visit for Text<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field, value, true);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        let is_word = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || "=\"".contains(c));
        self.write(field, &text, !is_word);
    }
}

/// JSON: one object, each key once.
#[derive(Debug)]
pub(super) struct JsonLine;

#[derive(Serialize)]
struct Line<'a> {
    timestamp: String,
    level: &'a str,
    target: &'a str,
    #[serde(flatten)]
    fields: BTreeMap<&'static str, Value>,
}

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let (metadata, mut json) = (event.metadata(), Json::default());
        event.record(&mut json);
        for own in ["timestamp", "level", "target"] {
            json.0.remove(own);
        }
        let line = Line {
            timestamp: crate::now().to_string(),
            level: metadata.level().as_str(),
            target: metadata.target(),
            fields: json.0,
        };
        writeln!(writer, "{}", serde_json::to_string(&line).map_err(|_| fmt::Error)?)
    }
}

#[derive(Default)]
struct Json(BTreeMap<&'static str, Value>);

impl Json {
    fn insert(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name(), value);
    }
}

impl Visit for Json {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, plain(value).into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.insert(field, plain(&format!("{value:?}")).into());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    const FOREIGN: &str = "x\r\n2026-11-25T08:00:00Z  INFO forged: spans=9 \x1b[31m\u{9b}\u{202e}\"";

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn foreign() {
        let error = std::io::Error::other(FOREIGN);
        tracing::warn!(spans = 1, text = FOREIGN, name = %FOREIGN, debug = ?[FOREIGN], %error, plain = "a", word = %"b", "Ours.");
    }

    fn text() -> String {
        let written = Written::default();
        let writer = written.clone();
        let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
        let registry = tracing_subscriber::registry().with(layer.fmt_fields(TextFields));
        tracing::subscriber::with_default(registry, foreign);
        String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
    }

    fn json(event: impl FnOnce()) -> String {
        let written = Written::default();
        let writer = written.clone();
        let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
        let registry = tracing_subscriber::registry().with(layer.event_format(JsonLine));
        tracing::subscriber::with_default(registry, event);
        String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn foreign_text_stays_inside_its_field_and_its_line() {
        let line = text();
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        assert_eq!(plain(line.trim_end()), line.trim_end());
        // Outside of quotes each field is there once, and only ours.
        let outside: String = line.replace("\\\"", "").split('"').step_by(2).collect();
        assert_eq!(outside.matches("spans=").count(), 1, "{line}");
        assert!(outside.contains("Ours. spans=1 text= name= debug= error= plain= word=b"), "{line}");
    }

    #[test]
    fn a_json_line_has_each_key_once_and_no_control_characters() {
        let line = json(foreign);
        let parsed: BTreeMap<String, Value> = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["message"], "Ours.");
        assert_eq!((&parsed["spans"], &parsed["level"]), (&1.into(), &"WARN".into()));
        for field in ["text", "name", "error"] {
            assert_eq!(parsed[field], &*plain(FOREIGN));
        }
        assert!(line.starts_with("{\"timestamp\":\"2"), "{line}");
    }

    #[test]
    fn a_field_cannot_take_the_place_of_what_every_json_line_has() {
        let line = json(|| tracing::warn!(level = "FORGED", target = "FORGED", timestamp = "FORGED", "Ours."));
        assert!(!line.contains("FORGED"), "{line}");
    }
}
