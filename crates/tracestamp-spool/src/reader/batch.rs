//! What is given at once.

use super::{Counts, Positions, READ_LIMIT, SEGMENTS_LIMIT};

/// Records, and how far a commit of them goes.
#[derive(Debug, Default)]
pub struct Batch {
    /// The payloads, oldest segment first.
    pub records: Vec<Vec<u8>>,
    /// Where the frame of each record begins in its segment.
    pub(super) starts: Vec<u64>,
    /// The segments the records are from, in their order.
    pub(super) parts: Vec<Part>,
    pub(super) positions: Positions,
    pub(super) finished: Vec<String>,
    /// Segments to be set aside.
    pub(super) other_version: Vec<String>,
    pub(super) counts: Counts,
    /// Bytes that were read for it, those that hold no record too.
    pub(super) bytes_read: u64,
}

/// The records of one segment.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) segment: String,
    pub(super) records: usize,
}

impl Batch {
    /// Whether there is nothing to commit. A batch without records may have gone past damage, and records may follow.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.positions.is_empty() && self.finished.is_empty()
    }

    /// Leaves the record at `index` and those after it in its segment on the spool, because a newer build wrote them: they
    /// are taken out, so that the record at `index` is now the first of the next segment. After the commit the segment is
    /// set aside as soon as it has no writer; put back under its name, it is read from this record on.
    ///
    /// Returns the segment's name, and `None` when there is no such record.
    pub fn set_aside(&mut self, index: usize) -> Option<&str> {
        let start = *self.starts.get(index).filter(|_| index < self.records.len())?;
        let mut first = 0;
        let part = self.parts.iter_mut().find(|part| {
            first += part.records;
            index < first
        })?;
        let end = first.min(self.starts.len()).min(self.records.len());
        part.records -= first - index;
        self.starts.drain(index..end);
        self.records.drain(index..end);
        self.positions.insert(part.segment.clone(), start);
        self.finished.retain(|segment| *segment != part.segment);
        self.other_version.push(part.segment.clone());
        Some(&part.segment)
    }

    pub(super) fn is_full(&self, max_records: usize) -> bool {
        self.records.len() >= max_records
            || self.bytes_read >= READ_LIMIT
            || self.positions.len().max(self.finished.len()) >= SEGMENTS_LIMIT
    }
}
