//! The consuming side.

mod batch;
mod cursor;
mod peek;
mod tail;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::file;
use crate::segment::{self, Header};
pub use batch::Batch;
use batch::Part;
use cursor::Positions;
pub use peek::{Waiting, peek};
use tail::Tail;

/// What is read at most for one batch, in bytes: a segment may be all damage, and as long as a file system allows.
const READ_LIMIT: u64 = 16 << 20;
/// How many segments a batch moves on in at most.
const SEGMENTS_LIMIT: usize = 1024;

/// Gives the records of a directory in the order of their segments, again and again until they are committed.
///
/// What it finds never makes it fail: only the directory itself can.
#[derive(Debug)]
pub struct Reader {
    dir: PathBuf,
    positions: Positions,
    /// When a segment was last seen without anything waiting in it.
    drained: HashMap<String, Instant>,
    /// Segments that could not be read when they were last tried, which was told then.
    unreadable: HashSet<String>,
    /// Segments that are set aside as soon as they have no writer: what is not committed of them is of another version.
    other_version: HashSet<String>,
    counts: Counts,
}

/// What was found wrong since the reader was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Segments whose last frame was never finished: their writer was killed or its disk was full.
    pub torn: u64,
    /// Bytes skipped because they were no frame.
    pub corrupt_bytes: u64,
    /// Segments set aside, because they or a record in them are of another version of the format.
    pub quarantined: u64,
    /// Segments that could not be opened, read or set aside; each is tried again.
    pub unreadable: u64,
    /// Cursors, or lines of one, that did not fit what was there: the records were given again.
    pub cursor: u64,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.torn += other.torn;
        self.corrupt_bytes += other.corrupt_bytes;
        self.quarantined += other.quarantined;
        self.unreadable += other.unreadable;
        self.cursor += other.cursor;
    }
}

/// The state of a spool.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Bytes not committed yet, with their frames.
    pub bytes: u64,
    /// An upper bound of how long the oldest of them has been waiting; zero when there are none.
    pub oldest_age: Duration,
    /// Segments whose writer is alive and may add to them.
    pub owned_segments: usize,
    /// What was found wrong since the reader was opened.
    pub counts: Counts,
}

impl Reader {
    /// Makes the directory when there is none, and reads the cursor.
    pub fn open(dir: impl Into<PathBuf>) -> io::Result<Self> {
        let dir = dir.into();
        fs::create_dir_all(&dir)?;
        let mut counts = Counts::default();
        let positions = match cursor::load(&dir) {
            cursor::Found::Intact(positions) => positions,
            cursor::Found::Damaged => {
                tracing::warn!("The spool's cursor is damaged, everything in the spool is read again.");
                counts.cursor += 1;
                Positions::new()
            }
        };
        let (drained, unreadable, other_version) = (HashMap::new(), HashSet::new(), HashSet::new());
        Ok(Self { dir, positions, drained, unreadable, other_version, counts })
    }

    /// The records after those committed: at most `max_records`, and at most `max_bytes` of payload except for a first
    /// record that is longer. The same again until they are committed. Blocks for reading, of a bounded number of bytes
    /// and segments: only an empty batch ([`Batch::is_empty`]) means that nothing more is there.
    pub fn next_batch(&mut self, max_records: usize, max_bytes: usize) -> io::Result<Batch> {
        let listing = segment::list(&self.dir)?;
        segment::remove_abandoned(&self.dir, &listing);
        let is_there = |name: &String| listing.segments.binary_search_by(|found| found.name.cmp(name)).is_ok();
        // A segment that was set aside goes on where it was left, once it is put back.
        self.positions.retain(|name, _| is_there(name) || listing.is_set_aside(name));
        self.other_version.retain(is_there);
        self.drained.retain(|name, _| is_there(name));
        self.unreadable.retain(is_there);
        let mut batch = Batch::default();
        for found in listing.segments {
            match self.read_segment(&found.name, &mut batch, max_records, max_bytes) {
                Ok(()) => {
                    self.unreadable.remove(&found.name);
                }
                // Between listing and opening it, an operator may have removed it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    if self.unreadable.insert(found.name.clone()) {
                        tracing::warn!(segment = found.name, %error, "Cannot read a segment, it is tried again.");
                        self.counts.unreadable += 1;
                    }
                }
            }
            if batch.is_full(max_records) {
                break;
            }
        }
        Ok(batch)
    }

    fn read_segment(&mut self, name: &str, batch: &mut Batch, max_records: usize, max_bytes: usize) -> io::Result<()> {
        let committed = self.positions.get(name).copied().unwrap_or(0);
        let mut tail = Tail::open(&self.dir.join(name), committed)?;
        if self.other_version.contains(name) {
            return if tail.owned { Ok(()) } else { self.set_aside(name, None) };
        }
        if tail.position > tail.len {
            tracing::warn!(segment = name, "The cursor lies behind a segment's end, the segment is read again.");
            batch.counts.cursor += 1;
            tail.position = 0;
        }
        if tail.position == 0 {
            match tail.header()? {
                Header::OtherVersion(_) if tail.owned => return Ok(()),
                Header::OtherVersion(version) => return self.set_aside(name, Some(version)),
                Header::Known | Header::Cut => {}
                Header::Damaged => batch.counts.corrupt_bytes += segment::HEADER_LEN,
            }
        }
        let room = max_bytes.saturating_sub(batch.records.iter().map(Vec::len).sum());
        let before = batch.records.len();
        tail.read(batch, max_records, room)?;
        let records = batch.records.len() - before;
        if records > 0 {
            batch.parts.push(Part { segment: name.to_owned(), records });
        }
        if tail.position != committed {
            batch.positions.insert(name.to_owned(), tail.position);
        }
        if tail.is_finished() {
            batch.finished.push(name.to_owned());
        }
        Ok(())
    }

    /// Renames a segment, so that it waits for a build that can read it. `version` is that of the segment, where it is the
    /// segment's and not a record's that is not known.
    fn set_aside(&mut self, name: &str, version: Option<u8>) -> io::Result<()> {
        segment::quarantine(&self.dir, name)?;
        tracing::warn!(segment = name, version, "A segment of another version was set aside.");
        self.other_version.remove(name);
        self.counts.quarantined += 1;
        Ok(())
    }

    /// Takes the batch's records off the spool, durably; segments that are used up and have no writer are unlinked, and
    /// those that [`Batch::set_aside`] named are set aside when they are next looked at without a writer.
    ///
    /// After an error the same records may be given again.
    pub fn commit(&mut self, batch: Batch) -> io::Result<()> {
        if !batch.positions.is_empty() {
            let mut positions = self.positions.clone();
            positions.extend(batch.positions);
            if let Err(error) = cursor::store(&self.dir, &positions) {
                // Unlinking what was consumed needs no room and makes some; otherwise a full disk would stay full.
                if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
                    self.unlink(&batch.finished)?;
                }
                return Err(error);
            }
            self.positions = positions;
            self.counts.add(batch.counts);
        }
        self.other_version.extend(batch.other_version);
        self.unlink(&batch.finished)
    }

    fn unlink(&self, finished: &[String]) -> io::Result<()> {
        finished.iter().try_for_each(|name| match fs::remove_file(self.dir.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
    }

    /// The state of the spool now.
    pub fn stats(&mut self) -> io::Result<Stats> {
        let mut stats = Stats { counts: self.counts, ..Stats::default() };
        for found in segment::list(&self.dir)?.segments {
            let Ok(file) = file::open(&self.dir.join(&found.name)) else { continue };
            stats.owned_segments += usize::from(segment::is_owned(&file));
            let consumed = self.positions.get(&found.name).copied().unwrap_or(0).max(segment::HEADER_LEN);
            let waiting = found.len.saturating_sub(consumed);
            if waiting == 0 {
                self.drained.insert(found.name, Instant::now());
                continue;
            }
            stats.bytes += waiting;
            let since_created = segment::created(&found.name).and_then(|at| at.elapsed().ok()).unwrap_or_default();
            // A segment may be hours older than what waits in it.
            let age = self.drained.get(&found.name).map_or(since_created, |at| since_created.min(at.elapsed()));
            stats.oldest_age = stats.oldest_age.max(age);
        }
        Ok(stats)
    }
}
