//! Looking without touching: for people, while an exporter reads.

use std::io;
use std::path::Path;
use std::vec;

use super::tail::Tail;
use super::{Batch, cursor};
use crate::segment::{self, Header};

/// How many payloads and bytes of them are in memory at once.
const RECORDS: usize = 4096;
const BYTES: usize = 4 << 20;

/// A segment and, as an iterator, the payloads that wait in it.
#[derive(Debug)]
pub struct Waiting {
    /// The segment's file name.
    pub segment: String,
    /// Bytes that were not committed.
    pub bytes: u64,
    /// Whether its writer is alive and may add to it.
    pub owned: bool,
    /// Bytes among those read so far that are no record.
    pub corrupt_bytes: u64,
    tail: Tail,
    records: vec::IntoIter<Vec<u8>>,
}

/// What waits in each segment, the oldest first; what another version wrote or is set aside is left out. Nothing is
/// changed, so an exporter may be reading.
///
/// A segment that cannot be read is an error that names it; the others follow.
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
            Err(error) => Some(Err(named(&found.name, &error))),
            Ok(waiting) => waiting.map(Ok),
        }
    }))
}

fn waiting(dir: &Path, name: &str, committed: u64) -> io::Result<Option<Waiting>> {
    let mut tail = Tail::open(&dir.join(name), committed)?;
    if tail.position == 0 && matches!(tail.header()?, Header::OtherVersion(_)) {
        return Ok(None);
    }
    let bytes = tail.len.saturating_sub(tail.position);
    let (segment, owned) = (name.to_owned(), tail.owned);
    Ok(Some(Waiting { segment, bytes, owned, corrupt_bytes: 0, tail, records: Vec::new().into_iter() }))
}

fn named(segment: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{segment}: {error}"))
}

impl Iterator for Waiting {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.records.next() {
                return Some(Ok(record));
            }
            let (before, mut batch) = (self.tail.position, Batch::default());
            if let Err(error) = self.tail.read(&mut batch, RECORDS, BYTES) {
                // Read no further.
                self.tail.len = self.tail.position;
                return Some(Err(named(&self.segment, &error)));
            }
            self.corrupt_bytes += batch.counts.corrupt_bytes;
            if self.tail.position == before {
                return None;
            }
            self.records = batch.records.into_iter();
        }
    }
}
