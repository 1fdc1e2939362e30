//! What both processes stand on: logs, shutdown, the admin port, metrics, and a TLS server that survives certificate
//! rotation and leaves without losing a request.
//!
//! ```text
//! SIGTERM ──▶ shutdown ──▶ readiness false ──▶ `Connection: close` on every answer, for the drain delay
//!                                          ──▶ no more connections, the open ones finish, until the drain timeout
//! ```
//!
//! **Invariant: no other crate knows rustls.** Its next version renames what the certificate store is built on, and one
//! process must have one crypto provider.

pub mod admin;
pub mod args;
mod bind;
mod connections;
pub mod drain;
pub mod log;
pub mod metrics;
mod open_files;
pub mod server;
pub mod shown;
pub mod shutdown;
pub mod tls;

use std::time::Duration;

pub use open_files::raise_open_files;

use tracestamp_core::Timestamp;

/// Installs aws-lc-rs as the process' crypto provider; to be called first in every `main`. With none installed and two
/// compiled in, rustls cannot choose and panics.
pub fn install_crypto_provider() {
    // It fails only when there is one already, which is then the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// The wall clock, read here and nowhere else; before 1970 it is 0.
#[allow(clippy::disallowed_methods, reason = "the one place: decisions take the instant as an argument")]
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// Reads a duration with its unit, as in `10s`, `50ms` or Go's `1m30s`: the value parser of every such flag.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let signed: jiff::SignedDuration = text.parse().map_err(|_| "it is no duration such as 10s or 50ms".to_owned())?;
    Duration::try_from(signed).map_err(|_| "it is negative".to_owned())
}

/// The same for how often something is looked at, which cannot be all the time.
pub fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text)?;
    if interval.is_zero() { Err("nothing can be polled all the time".to_owned()) } else { Ok(interval) }
}

/// Reads a number of bytes, plain or with Kubernetes' suffix Ki, Mi or Gi: the value parser of every such flag.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let units = [("Ki", 1_u64 << 10), ("Mi", 1 << 20), ("Gi", 1 << 30)];
    let (digits, unit) =
        units.into_iter().find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, unit))).unwrap_or((text, 1));
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| "it is no number of bytes such as 1048576 or 64Mi".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_are_not_negative() {
        assert_eq!(parse_duration("50ms"), Ok(Duration::from_millis(50)));
        assert_eq!(parse_duration("1m30s"), Ok(Duration::from_secs(90)));
        for text in ["10", "", "-1s", "soon"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_interval_is_a_duration_but_never_none() {
        assert_eq!(parse_interval("250ms"), Ok(Duration::from_millis(250)));
        for text in ["0s", "0ms", "10", "-1s"] {
            assert!(parse_interval(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_may_carry_a_binary_suffix() {
        assert_eq!(parse_bytes("7340032"), Ok(7 << 20));
        assert_eq!(parse_bytes("7Mi"), Ok(7 << 20));
        for text in ["7M", "", "Mi", "-1", "99999999999Gi"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }
}
