//! The W3C `traceparent` value (W3C Trace Context level 2, section 3.2).

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::id::{parse_hex, write_hex};
use super::{SpanId, TraceId};

/// The length of a version 00 value, and the least of any later version.
pub(crate) const LENGTH: usize = 55;

/// The trace flags of level 2: bit 0 sampled, bit 1 random. Others are not kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct TraceFlags(u8);

impl TraceFlags {
    /// The trace was chosen to be recorded.
    pub const SAMPLED: Self = Self(0x01);
    /// The right-most 7 bytes of the trace id are random.
    pub const RANDOM: Self = Self(0x02);

    /// The two known bits of `bits`.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 0x03)
    }

    /// The flags as in the eight bits of a `traceparent`.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether the sampled flag is set.
    pub const fn sampled(self) -> bool {
        self.0 & Self::SAMPLED.0 != 0
    }

    /// These flags with sampled set to `sampled` and all others kept.
    #[must_use]
    pub const fn with_sampled(self, sampled: bool) -> Self {
        Self(self.0 & !Self::SAMPLED.0 | sampled as u8)
    }
}

/// A position in a trace: trace id, span id and flags.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Traceparent {
    /// The trace.
    pub trace_id: TraceId,
    /// The span, called `parent-id` by W3C.
    pub span_id: SpanId,
    /// Sampled and random.
    pub flags: TraceFlags,
}

/// Why a text is no `traceparent`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum ParseError {
    /// The value is not `VERSION-TRACE_ID-PARENT_ID-FLAGS` of the right lengths.
    #[error("traceparent is not of the form 00-<32 hex>-<16 hex>-<2 hex>")]
    Form,
    /// Version `ff` is forbidden.
    #[error("traceparent has the forbidden version ff")]
    Version,
    /// The trace id is zero or no lower-case hexadecimal.
    #[error("traceparent has an invalid trace-id")]
    TraceId,
    /// The span id is zero or no lower-case hexadecimal.
    #[error("traceparent has an invalid parent-id")]
    ParentId,
    /// The flags are no lower-case hexadecimal.
    #[error("traceparent has invalid trace-flags")]
    Flags,
}

impl Traceparent {
    /// Reads a `traceparent`. A later version is read as far as version 00 goes, as section 3.2.4 asks.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let field = |from: usize, to: usize| text.as_bytes().get(from..to).ok_or(ParseError::Form);
        let dashes = [2, 35, 52].iter().all(|&at| text.as_bytes().get(at) == Some(&b'-'));
        if text.len() < LENGTH || !dashes {
            return Err(ParseError::Form);
        }
        let mut version = [0];
        parse_hex(field(0, 2)?, &mut version).ok_or(ParseError::Form)?;
        match version {
            [0xff] => return Err(ParseError::Version),
            [0] if text.len() != LENGTH => return Err(ParseError::Form),
            _ if text.len() > LENGTH && text.as_bytes().get(LENGTH) != Some(&b'-') => return Err(ParseError::Form),
            _ => {}
        }
        let (mut trace_id, mut span_id, mut flags) = ([0; 16], [0; 8], [0]);
        parse_hex(field(3, 35)?, &mut trace_id).ok_or(ParseError::TraceId)?;
        parse_hex(field(36, 52)?, &mut span_id).ok_or(ParseError::ParentId)?;
        parse_hex(field(53, 55)?, &mut flags).ok_or(ParseError::Flags)?;
        let [flags] = flags;
        Ok(Self {
            trace_id: TraceId::from_bytes(trace_id).ok_or(ParseError::TraceId)?,
            span_id: SpanId::from_bytes(span_id).ok_or(ParseError::ParentId)?,
            flags: TraceFlags::from_bits(flags),
        })
    }
}

impl Traceparent {
    /// The same for readers of level 1. OpenTelemetry's Go propagator is one (`propagation/trace_context.go`, up to 1.41
    /// at least): it refuses a value of version 00 whose flags are above 2, so random and sampled at once.
    #[must_use]
    pub const fn of_level_1(self) -> Self {
        Self { flags: TraceFlags(self.flags.0 & TraceFlags::SAMPLED.0), ..self }
    }
}

impl Traceparent {
    /// The value of version 00, as it is shown.
    pub(crate) fn text(self) -> [u8; LENGTH] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        let mut put = |from: usize, to: usize, bytes: &[u8]| {
            if let Some(text) = text.get_mut(from..to) {
                write_hex(bytes, text);
            }
        };
        put(3, 35, &self.trace_id.bytes());
        put(36, 52, &self.span_id.bytes());
        put(53, 55, &[self.flags.bits()]);
        text
    }
}

impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.text()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_valid_value_is_shown_as_it_was_read() {
        for text in [
            VALID,
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
        ] {
            assert_eq!(Traceparent::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-what-comes";
        assert_eq!(
            Traceparent::parse(later).unwrap().to_string(),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03"
        );
    }

    #[test]
    fn a_malformed_value_is_refused_with_the_field_that_is_wrong() {
        for (text, error) in [
            ("", ParseError::Form),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", ParseError::Form),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-", ParseError::Form),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ", ParseError::Form),
            ("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x", ParseError::Form),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", ParseError::Version),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", ParseError::TraceId),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", ParseError::TraceId),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", ParseError::ParentId),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x", ParseError::Flags),
        ] {
            assert_eq!(Traceparent::parse(text), Err(error), "{text}");
        }
    }
}
