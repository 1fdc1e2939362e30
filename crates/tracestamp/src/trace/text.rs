//! OTLP values and times as people read them.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use tracestamp_core::Timestamp;

use super::Pairs;

const SECOND: u64 = 1_000_000_000;

/// Attributes with their values as text.
pub(super) fn pairs(attributes: &[KeyValue]) -> Pairs {
    attributes.iter().map(|pair| (pair.key.clone(), pair.value.as_ref().map(text).unwrap_or_default())).collect()
}

fn text(value: &AnyValue) -> String {
    match &value.value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::BoolValue(value)) => value.to_string(),
        Some(Value::IntValue(value)) => value.to_string(),
        Some(Value::DoubleValue(value)) => value.to_string(),
        Some(Value::BytesValue(bytes)) => const_hex::encode(bytes),
        // Nested deeper than prost itself decodes (100) cannot happen, so this recursion ends.
        Some(Value::ArrayValue(list)) => list.values.iter().map(text).collect::<Vec<_>>().join(", "),
        Some(Value::KvlistValue(list)) => {
            let one = |(key, value): (String, String)| format!("{key}={value}");
            pairs(&list.values).into_iter().map(one).collect::<Vec<_>>().join(", ")
        }
        _ => String::new(),
    }
}

/// A length in nanoseconds with the digits that matter: `0`, `340 ms`, `8.2 s`, `1 m 05 s`, `2 h 03 m`.
pub fn duration(nanos: u64) -> String {
    let seconds = nanos / SECOND;
    match nanos {
        0 => "0".to_owned(),
        _ if nanos < 1_000_000 => "<1 ms".to_owned(),
        _ if nanos < SECOND => format!("{} ms", nanos / 1_000_000),
        _ if seconds < 60 => format!("{}.{} s", seconds, nanos % SECOND / 100_000_000),
        _ if seconds < 3600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A time since the trace's start, in nanoseconds: `+0.000`, `+8.250`, `+1:05.000`.
pub fn offset(nanos: u64) -> String {
    let (seconds, millis) = (nanos / SECOND, nanos % SECOND / 1_000_000);
    match seconds {
        0..60 => format!("+{seconds}.{millis:03}"),
        60..3600 => format!("+{}:{:02}.{millis:03}", seconds / 60, seconds % 60),
        _ => format!("+{}:{:02}:{:02}.{millis:03}", seconds / 3600, seconds % 3600 / 60, seconds % 60),
    }
}

/// An instant in nanoseconds since the Unix epoch, in RFC 3339.
pub fn clock(nanos: u64) -> String {
    Timestamp::from_nanos(nanos).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_offsets_keep_the_digits_that_matter() {
        for (nanos, length, since) in [
            (0, "0", "+0.000"),
            (999, "<1 ms", "+0.000"),
            (340_900_000, "340 ms", "+0.340"),
            (8 * SECOND + 250_000_000, "8.2 s", "+8.250"),
            (65 * SECOND, "1 m 05 s", "+1:05.000"),
            (7380 * SECOND, "2 h 03 m", "+2:03:00.000"),
        ] {
            assert_eq!((duration(nanos).as_str(), offset(nanos).as_str()), (length, since));
        }
    }
}
