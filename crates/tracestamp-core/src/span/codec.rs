//! The payload of one spool frame: a version byte, then the record in postcard's wire format.

use thiserror::Error;

use super::SpanRecord;

/// The version this build writes. A field added, removed or moved in [`SpanRecord`] makes a new one.
pub const VERSION: u8 = 1;

/// Why a payload is no span record.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// The payload is empty.
    #[error("the span record is empty")]
    Empty,
    /// Another build wrote it.
    #[error("the span record has version {0}, this build reads version {VERSION}")]
    Version(u8),
    /// The bytes after the version are not as that version has them.
    #[error("the span record is malformed: {0}")]
    Malformed(#[from] postcard::Error),
}

/// Appends the record to `to`. An error leaves nothing appended.
pub fn encode(record: &SpanRecord<'_>, mut to: Vec<u8>) -> Result<Vec<u8>, postcard::Error> {
    to.push(VERSION);
    postcard::to_extend(record, to)
}

/// Reads one record.
pub fn decode(payload: &[u8]) -> Result<SpanRecord<'static>, DecodeError> {
    let (&version, record) = payload.split_first().ok_or(DecodeError::Empty)?;
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    Ok(postcard::from_bytes(record)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::context::Traceparent;
    use crate::span::{Attribute, Event, Link, SpanWhat, Status, Value};

    fn record() -> SpanRecord<'static> {
        let context = Traceparent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03").unwrap();
        SpanRecord {
            what: SpanWhat::Step,
            context,
            parent: Some(context.span_id),
            parent_is_remote: false,
            tracestate: "ot=th:0".into(),
            name: "compile".into(),
            start: Timestamp::from_nanos(1),
            end: Timestamp::from_nanos(2),
            status: Status::Error("exit code 3".into()),
            resource: vec![Attribute::new("service.name", "tekton")],
            attributes: vec![
                Attribute::new("n", 3_i64),
                Attribute::new("f", 0.5),
                Attribute::new("b", true),
                Attribute::new("l", Value::TextList(vec!["a".into()])),
            ],
            events: vec![Event { time: Timestamp::from_nanos(1), name: "e".into(), attributes: vec![] }],
            links: vec![Link { trace_id: context.trace_id, span_id: context.span_id, flags: context.flags }],
        }
    }

    #[test]
    fn a_record_is_read_back_as_it_was_written() {
        let payload = encode(&record(), Vec::new()).unwrap();
        assert_eq!(decode(&payload).unwrap(), record());
    }

    #[test]
    fn version_1_keeps_its_bytes() {
        // A spool outlives an upgrade: a change of these bytes needs a new VERSION and a reader for the old.
        let payload = encode(&record(), Vec::new()).unwrap();
        assert_eq!(crc(&payload), 906_609_129, "the bytes of version 1 changed");
    }

    fn crc(bytes: &[u8]) -> u32 {
        bytes.iter().fold(0, |sum: u32, &byte| sum.rotate_left(5) ^ u32::from(byte))
    }

    #[test]
    fn a_cut_or_foreign_payload_is_an_error_and_no_panic() {
        let payload = encode(&record(), Vec::new()).unwrap();
        for end in 0..payload.len() {
            assert!(decode(&payload[..end]).is_err());
        }
        assert!(matches!(decode(&[9, 0]), Err(DecodeError::Version(9))));
    }
}
