//! Looking without touching: for people, while an exporter reads.

use std::io;
use std::path::Path;

use super::tail::Tail;
use super::{Batch, cursor};
use crate::segment::{self, Header};

/// A segment and what waits in it.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The segment's file name.
    pub segment: String,
    /// Bytes that were not committed.
    pub bytes: u64,
    /// Whether its writer is alive and may add to it.
    pub owned: bool,
    /// The payloads among them.
    pub records: Vec<Vec<u8>>,
    /// Bytes among them that are no record.
    pub corrupt_bytes: u64,
}

/// What waits in each segment, the oldest first; what another version wrote or is set aside is left out. One segment is
/// in memory at a time. Nothing is changed, so an exporter may be reading.
pub fn peek(dir: &Path) -> io::Result<impl Iterator<Item = io::Result<Waiting>>> {
    let positions = match cursor::load(dir) {
        cursor::Found::Intact(positions) => positions,
        cursor::Found::Damaged => super::Positions::new(),
    };
    let segments = segment::list(dir)?.segments;
    Ok(segments.into_iter().filter_map(move |found| {
        let committed = positions.get(&found.name).copied().unwrap_or(0);
        match waiting(dir, &found.name, committed) {
            // The exporter was done with it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            other => other.transpose(),
        }
    }))
}

fn waiting(dir: &Path, name: &str, committed: u64) -> io::Result<Option<Waiting>> {
    let mut tail = Tail::open(&dir.join(name), committed)?;
    if tail.position == 0 && matches!(tail.header()?, Header::OtherVersion(_)) {
        return Ok(None);
    }
    let bytes = tail.len.saturating_sub(tail.position);
    let mut batch = Batch::default();
    tail.read(&mut batch, usize::MAX, usize::MAX)?;
    let (records, corrupt_bytes) = (batch.records, batch.counts.corrupt_bytes);
    Ok(Some(Waiting { segment: name.to_owned(), bytes, owned: tail.owned, records, corrupt_bytes }))
}
