//! The payload of one spool frame: a version byte, then the record in postcard's wire format.

use thiserror::Error;

use super::{SpanRecord, codec_v1};

/// The version this build writes. A field added, removed or moved in [`SpanRecord`] makes a new one, and a reader for
/// this one; a type of span or a kind does not, for the record has their names.
pub const VERSION: u8 = 2;

/// Why a payload is no span record.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// The payload is empty.
    #[error("the span record is empty")]
    Empty,
    /// A newer build wrote it.
    #[error("the span record has version {0}, this build reads versions 1 to {VERSION}")]
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

/// Reads one record, of this version or version 1.
pub fn decode(payload: &[u8]) -> Result<SpanRecord<'static>, DecodeError> {
    let (&version, record) = payload.split_first().ok_or(DecodeError::Empty)?;
    match version {
        1 => Ok(codec_v1::decode(record)?),
        VERSION => Ok(postcard::from_bytes(record)?),
        _ => Err(DecodeError::Version(version)),
    }
}

#[cfg(test)]
pub(super) mod tests;
