//! Trace and span identifiers (W3C Trace Context level 2, sections 3.2.2.3 and 3.2.2.4).

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name([u8; $len]);

        impl $name {
            /// The least valid identifier: what a digest of nothing but zeros is taken for.
            pub const LEAST: Self = {
                let mut bytes = [0; $len];
                bytes[$len - 1] = 1;
                Self(bytes)
            };

            /// The identifier with these bytes; `None` when all are zero, which W3C calls invalid.
            pub fn from_bytes(bytes: [u8; $len]) -> Option<Self> {
                (bytes != [0; $len]).then_some(Self(bytes))
            }

            /// The identifier's bytes, most significant first.
            pub const fn bytes(self) -> [u8; $len] {
                self.0
            }

            /// Reads lower-case hexadecimal of exactly the identifier's length; `None` for anything else and for zero.
            pub fn parse(text: &str) -> Option<Self> {
                let mut bytes = [0; $len];
                parse_hex(text.as_bytes(), &mut bytes)?;
                Self::from_bytes(bytes)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = [0; 2 * $len];
                write_hex(&self.0, &mut text);
                f.write_str(str::from_utf8(&text).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

identifier!(
    /// A trace id: 16 bytes, not all zero.
    TraceId, 16
);
identifier!(
    /// A span id: 8 bytes, not all zero.
    SpanId, 8
);

impl TraceId {
    /// The low 56 bits, which are random when the random flag is set and which consistent sampling compares with its
    /// threshold (OpenTelemetry "tracestate handling", rejection threshold).
    pub fn randomness(self) -> u64 {
        self.0.iter().skip(9).fold(0, |bits, &byte| bits << 8 | u64::from(byte))
    }
}

/// Reads lower-case hexadecimal into `bytes`; `None` unless it fills them exactly.
pub(crate) fn parse_hex(text: &[u8], bytes: &mut [u8]) -> Option<()> {
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (pair, byte) in text.chunks_exact(2).zip(bytes) {
        let &[high, low] = pair else { return None };
        *byte = hex_digit(high)? << 4 | hex_digit(low)?;
    }
    Some(())
}

/// Writes lower-case hexadecimal; `text` has two bytes for each of `bytes`.
pub(crate) fn write_hex(bytes: &[u8], text: &mut [u8]) {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or_default();
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        if let [high, low] = pair {
            (*high, *low) = (digit(byte >> 4), digit(byte & 0xf));
        }
    }
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lower_case_hexadecimal_of_the_right_length_that_is_not_zero_is_an_id() {
        assert_eq!(SpanId::parse("00f067aa0ba902b7").unwrap().to_string(), "00f067aa0ba902b7");
        for bad in
            ["", "00f067aa0ba902b", "00f067aa0ba902b77", "00F067AA0BA902B7", "0000000000000000", "00f067aa0ba902bé"]
        {
            assert_eq!(SpanId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn randomness_is_the_right_most_seven_bytes() {
        let id = TraceId::parse("ffffffffffffffffff00000000000001").unwrap();
        assert_eq!(id.randomness(), 1);
    }
}
