//! The appending side.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::{frame, segment};

/// How often a full spool is looked at again.
const RESCAN: Duration = Duration::from_millis(100);

/// What the buffer keeps between appends; most need less.
const BUFFER: usize = 64 << 10;

/// Bounds of a spool, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most that all segments of the directory may occupy, quarantined ones too. Holds to the byte for one writer;
    /// several each see the others with some delay.
    pub max_bytes: u64,
    /// A segment that would grow above this is followed by a new one. One call's records are never split.
    pub segment_bytes: u64,
}

/// Why records were not appended. None of a failed call's records may be relied on.
#[derive(Debug, Error)]
pub enum AppendError {
    /// The byte cap is reached.
    #[error("the spool is full: {needed} more bytes do not fit below the cap of {max_bytes}")]
    Full {
        /// What the call would have added.
        needed: u64,
        /// See [`Limits::max_bytes`].
        max_bytes: u64,
    },
    /// A payload is longer than [`frame::MAX_PAYLOAD`]. Nothing was written.
    #[error("a record of {0} bytes is too long for the spool")]
    TooLong(usize),
    /// The disk or the volume failed.
    #[error("cannot write to the spool: {0}")]
    Io(#[from] io::Error),
}

/// Appends records. Not shared: each process, or each thread, has its own.
#[derive(Debug)]
pub struct Writer {
    dir: PathBuf,
    limits: Limits,
    current: Option<Current>,
    /// Bytes in all other segments at the last look.
    others: u64,
    looked: Option<Instant>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Current {
    file: File,
    path: PathBuf,
    len: u64,
}

impl Writer {
    /// Makes the directory when there is none. The first segment is made at the first append, so that a process that
    /// records nothing leaves nothing.
    pub fn open(dir: impl Into<PathBuf>, limits: Limits) -> io::Result<Self> {
        let dir = dir.into();
        fs::create_dir_all(&dir)?;
        let others = occupied(&dir, None)?;
        Ok(Self { dir, limits, current: None, others, looked: None, buffer: Vec::new() })
    }

    /// Appends the records in one `write`; when it returns they outlive this process.
    ///
    /// Blocks for as long as the file system does.
    pub fn append(&mut self, payloads: &[impl AsRef<[u8]>]) -> Result<(), AppendError> {
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER);
        for payload in payloads.iter().map(AsRef::as_ref) {
            if payload.len() > frame::MAX_PAYLOAD {
                return Err(AppendError::TooLong(payload.len()));
            }
            frame::write(payload, &mut self.buffer);
        }
        let added = self.buffer.len() as u64;
        if added == 0 {
            return Ok(());
        }
        if self.current.as_ref().is_some_and(|current| current.len + added > self.limits.segment_bytes) {
            self.leave_segment();
        }
        self.make_room(added)?;
        let mut current = match self.current.take() {
            Some(current) => current,
            None => self.new_segment()?,
        };
        // Once, not `write_all`: what a second write would add after a failed first could be torn by a reader.
        match current.file.write(&self.buffer) {
            Ok(written) if written == self.buffer.len() => {
                current.len += added;
                self.current = Some(current);
                Ok(())
            }
            outcome => {
                self.abandon(&current);
                Err(outcome.map_or_else(AppendError::Io, |_| AppendError::Io(io::ErrorKind::WriteZero.into())))
            }
        }
    }

    fn make_room(&mut self, added: u64) -> Result<(), AppendError> {
        let needed = added + if self.current.is_some() { 0 } else { segment::HEADER_LEN };
        let own = self.current.as_ref().map_or(0, |current| current.len);
        let max_bytes = self.limits.max_bytes;
        if self.others + own + needed <= max_bytes {
            return Ok(());
        }
        if self.looked.is_none_or(|looked| looked.elapsed() >= RESCAN) {
            self.looked = Some(Instant::now());
            self.others = occupied(&self.dir, self.current.as_ref().map(|current| current.path.as_path()))?;
            if self.others + own + needed <= max_bytes {
                return Ok(());
            }
        }
        Err(AppendError::Full { needed, max_bytes })
    }

    fn new_segment(&mut self) -> io::Result<Current> {
        let created = segment::create(&self.dir);
        let (file, path) = match created {
            // The directory of a fresh volume may go and come back.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&self.dir)?;
                segment::create(&self.dir)?
            }
            created => created?,
        };
        Ok(Current { file, path, len: segment::HEADER_LEN })
    }

    /// Closing the file gives the segment to the reader.
    fn leave_segment(&mut self) {
        self.others += self.current.take().map_or(0, |current| current.len);
    }

    /// Leaves a segment whose end is unknown: nothing may follow a torn frame there.
    fn abandon(&mut self, current: &Current) {
        // A full disk would otherwise collect an empty segment with every attempt.
        if current.len == segment::HEADER_LEN && fs::remove_file(&current.path).is_ok() {
            return;
        }
        let len = current.file.metadata().map_or(current.len, |metadata| metadata.len());
        self.others += len;
    }
}

fn occupied(dir: &Path, but: Option<&Path>) -> io::Result<u64> {
    let listing = segment::list(dir)?;
    let own = but.and_then(Path::file_name);
    let own: u64 =
        listing.segments.iter().filter(|found| own == Some(found.name.as_ref())).map(|found| found.len).sum();
    Ok(listing.bytes().saturating_sub(own))
}
