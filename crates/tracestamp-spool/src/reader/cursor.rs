//! How far each segment was consumed, on disk.
//!
//! ```text
//! tracestamp-spool-cursor 1
//! 1763690000000-9f86d081.seg 4711
//! crc32 1a2b3c4d
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use crate::file;

const NAME: &str = "cursor";
const TEMPORARY: &str = "cursor.tmp";
const TITLE: &str = "tracestamp-spool-cursor 1\n";
/// The longest cursor that is read, in bytes: that of some 100,000 segments.
const LIMIT: u64 = 4 << 20;

/// Segment name to the offset of the first byte not consumed. Segments that are not named are at their beginning.
pub(crate) type Positions = BTreeMap<String, u64>;

/// What was found of the cursor at the start.
pub(crate) enum Found {
    /// Read, or there was none yet.
    Intact(Positions),
    /// Unreadable. Everything in the spool is given again, because twice is better than not at all.
    Damaged,
}

pub(crate) fn load(dir: &Path) -> Found {
    match read(&dir.join(NAME)) {
        Ok(bytes) => parse(&bytes).map_or(Found::Damaged, Found::Intact),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Found::Intact(Positions::new()),
        Err(error) => {
            tracing::warn!(%error, "Cannot read the spool's cursor.");
            Found::Damaged
        }
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file::open(path)?.take(LIMIT).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Replaces the cursor; after a crash there is the old one or the new one, and once this returned the new one.
pub(crate) fn store(dir: &Path, positions: &Positions) -> io::Result<()> {
    let temporary = dir.join(TEMPORARY);
    let mut file = file::create_anew(&temporary)?;
    file.write_all(format(positions).as_bytes())?;
    file.sync_all()?;
    file::replace(&temporary, &dir.join(NAME))?;
    // The rename itself lies in the directory.
    File::open(dir)?.sync_all()
}

fn format(positions: &Positions) -> String {
    let mut text = TITLE.to_owned();
    for (name, offset) in positions {
        let _ = writeln!(text, "{name} {offset}");
    }
    let checksum = crc32fast::hash(text.as_bytes());
    let _ = writeln!(text, "crc32 {checksum:08x}");
    text
}

fn parse(bytes: &[u8]) -> Option<Positions> {
    let text = str::from_utf8(bytes).ok()?;
    let positions: Option<Positions> = text
        .strip_prefix(TITLE)?
        .lines()
        .filter(|line| !line.starts_with("crc32 "))
        .map(|line| {
            let (name, offset) = line.split_once(' ')?;
            Some((name.to_owned(), offset.parse().ok()?))
        })
        .collect();
    // Written the same way again, checksum and all, or it is not what was stored.
    positions.filter(|positions| format(positions) == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_with_any_byte_changed_is_damaged() {
        let positions = Positions::from([("1763690000000-9f86d081.seg".to_owned(), 4711)]);
        let stored = format(&positions).into_bytes();
        assert_eq!(parse(&stored), Some(positions));
        for at in 0..stored.len() {
            let mut damaged = stored.clone();
            damaged[at] ^= 1;
            assert_eq!(parse(&damaged), None, "byte {at}");
            assert_eq!(parse(&stored[..at]), None, "cut at {at}");
        }
    }
}
