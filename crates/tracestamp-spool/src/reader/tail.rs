//! Reading one segment from a position on.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::{Batch, READ_LIMIT};
use crate::file;
use crate::frame::{self, Piece};
use crate::segment::{self, Header};

const MAX_FRAME: usize = frame::HEADER_LEN + frame::MAX_PAYLOAD;
/// How much is held in memory at once.
const WINDOW: usize = 2 * MAX_FRAME;

/// A segment while it is read.
#[derive(Debug)]
pub(super) struct Tail {
    file: File,
    /// Its length when it was opened.
    pub(super) len: u64,
    /// Whether its writer may add to it.
    pub(super) owned: bool,
    /// The first byte not read yet.
    pub(super) position: u64,
}

impl Tail {
    pub(super) fn open(path: &Path, position: u64) -> io::Result<Self> {
        let file = file::open(path)?;
        // The lock is tested before the length is taken: nothing is added to what is found without an owner.
        let owned = segment::is_owned(&file);
        let len = file.metadata()?.len();
        Ok(Self { file, len, owned, position })
    }

    /// Reads the header and stands behind it.
    pub(super) fn header(&mut self) -> io::Result<Header> {
        let bytes = self.window(0, segment::HEADER_LEN)?;
        let header = Header::read(&bytes);
        if header != Header::Cut {
            self.position = segment::HEADER_LEN;
        }
        Ok(header)
    }

    /// Reads frames into the batch until it has `max_records`, `room` bytes of payload were added, it has read as much as
    /// it may or no more are there.
    pub(super) fn read(&mut self, batch: &mut Batch, max_records: usize, mut room: usize) -> io::Result<()> {
        while self.position < self.len && batch.bytes_read < READ_LIMIT {
            let start = self.position;
            let window = self.window(start, (self.len - start).min(WINDOW as u64))?;
            batch.bytes_read += window.len() as u64;
            let ends_here = start + window.len() as u64 == self.len;
            let mut at = 0;
            for piece in frame::scan(&window) {
                // What begins later may be cut by the window and not by its writer.
                if !ends_here && at >= WINDOW - MAX_FRAME {
                    break;
                }
                at = match piece {
                    Piece::Record { payload, end } => {
                        let full = payload.len() > room && !batch.records.is_empty();
                        if full || batch.records.len() >= max_records {
                            return Ok(());
                        }
                        room = room.saturating_sub(payload.len());
                        batch.records.push(payload.to_vec());
                        batch.starts.push(self.position);
                        end
                    }
                    Piece::Skipped { bytes, end } => {
                        batch.counts.corrupt_bytes += bytes as u64;
                        end
                    }
                    // Its writer is about to add the rest.
                    Piece::Incomplete { .. } if self.owned => return Ok(()),
                    Piece::Incomplete { .. } => {
                        batch.counts.torn += 1;
                        window.len()
                    }
                };
                self.position = start + at as u64;
            }
            if self.position == start {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Nothing is left and nothing will come.
    pub(super) fn is_finished(&self) -> bool {
        !self.owned && self.position == self.len
    }

    fn window(&mut self, from: u64, len: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(from))?;
        (&mut self.file).take(len).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}
