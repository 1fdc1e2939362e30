//! Free ports.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, anyhow};

/// Below the range from which Linux takes the local ports of outgoing connections, so that none of those can take a
/// port between this look and its use.
const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

/// A port nobody listens on, another at each call.
pub(crate) fn free() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test binaries run side by side and must not try the same ports in the same order.
    let offset = u16::try_from(std::process::id() % 599).unwrap_or_default() * 20;
    for _ in FIRST..LAST {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (offset.wrapping_add(step)) % (LAST - FIRST);
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(anyhow!("no free port between {FIRST} and {LAST}"))
}
