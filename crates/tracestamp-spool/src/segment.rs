//! Segment files: their names, their header and who owns them.

use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::file;

const MAGIC: &[u8; 7] = b"TSSPOOL";
/// The version of the format this build writes and reads.
const VERSION: u8 = 1;
/// Bytes before the first frame.
pub(crate) const HEADER_LEN: u64 = 8;

const SEGMENT: &str = ".seg";
/// A segment that has no owner yet: created, but not locked or without a header.
const TEMPORARY: &str = ".tmp";
const QUARANTINED: &str = ".seg.quarantined";
/// The length of a name without what says its state.
const STEM_LEN: usize = 22;

/// A segment seen in the directory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Found {
    /// The file's name; the order of names is the order of creation.
    pub(crate) name: String,
    /// The file's length in bytes.
    pub(crate) len: u64,
}

/// Every file of the spool but the cursor, by its state.
#[derive(Default)]
pub(crate) struct Listing {
    /// In the order of their names.
    pub(crate) segments: Vec<Found>,
    pub(crate) temporary: Vec<Found>,
    /// In the order of their names.
    pub(crate) quarantined: Vec<Found>,
}

impl Listing {
    /// What all of them occupy, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        [&self.segments, &self.temporary, &self.quarantined].into_iter().flatten().map(|found| found.len).sum()
    }

    /// Whether the segment with this name was set aside.
    pub(crate) fn is_set_aside(&self, segment: &str) -> bool {
        let stem = segment.get(..STEM_LEN);
        self.quarantined.binary_search_by(|found| found.name.get(..STEM_LEN).cmp(&stem)).is_ok()
    }
}

/// Lists the spool's files; files of others are left out, and what is no regular file.
pub(crate) fn list(dir: &Path) -> io::Result<Listing> {
    let mut listing = Listing::default();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let list = match split(&name) {
            Some((_, SEGMENT)) => &mut listing.segments,
            Some((_, TEMPORARY)) => &mut listing.temporary,
            Some((_, QUARANTINED)) => &mut listing.quarantined,
            _ => continue,
        };
        // Another process may have unlinked it since.
        if let Some(metadata) = entry.metadata().ok().filter(fs::Metadata::is_file) {
            list.push(Found { name, len: metadata.len() });
        }
    }
    listing.segments.sort_unstable();
    listing.quarantined.sort_unstable();
    Ok(listing)
}

/// When the segment was made, by its name; `None` when this is no name of a segment.
pub(crate) fn created(name: &str) -> Option<SystemTime> {
    let (millis, _) = split(name)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis.parse().ok()?))
}

/// The milliseconds in a name, and what follows its stem.
fn split(name: &str) -> Option<(&str, &str)> {
    let (stem, state) = name.split_at_checked(STEM_LEN)?;
    let (millis, random) = stem.split_once('-')?;
    let digits = millis.len() == 13 && millis.bytes().all(|b| b.is_ascii_digit());
    let hex = random.len() == 8 && random.bytes().all(|b| b.is_ascii_hexdigit());
    (digits && hex && [SEGMENT, TEMPORARY, QUARANTINED].contains(&state)).then_some((millis, state))
}

/// Makes a segment that this process owns for as long as the file is open.
pub(crate) fn create(dir: &Path) -> io::Result<(File, PathBuf)> {
    let millis = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
    // The process id would not do: in a container it is mostly 1.
    let random = RandomState::new().hash_one(millis) >> 32;
    let stem = format!("{millis:013}-{random:08x}");
    let temporary = dir.join(format!("{stem}{TEMPORARY}"));
    let segment = dir.join(format!("{stem}{SEGMENT}"));
    let mut file = File::options().append(true).create_new(true).open(&temporary)?;
    let [m0, m1, m2, m3, m4, m5, m6] = *MAGIC;
    // Locked before it has its name: a reader that sees the name sees the lock. Nobody but a stranger holds it already,
    // and he is not waited for.
    let made = file
        .try_lock()
        .map_err(io::Error::from)
        .and_then(|()| file.write_all(&[m0, m1, m2, m3, m4, m5, m6, VERSION]))
        .and_then(|()| fs::rename(&temporary, &segment));
    if let Err(error) = made {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    Ok((file, segment))
}

/// Whether a process that may still write to the file holds it.
pub(crate) fn is_owned(file: &File) -> bool {
    match file.try_lock_shared() {
        Ok(()) => {
            let _ = file.unlock();
            false
        }
        Err(TryLockError::WouldBlock) => true,
        // Taken for owned, because what is owned is never unlinked.
        Err(TryLockError::Error(error)) => {
            tracing::warn!(%error, "Cannot test a segment's lock.");
            true
        }
    }
}

/// What the first bytes of a segment say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Header {
    /// Frames of this build's version follow.
    Known,
    /// Another build wrote it.
    OtherVersion(u8),
    /// It ends within the header, which only a file system does that lost its end.
    Cut,
    /// The magic is damaged; frames are recognised all the same.
    Damaged,
}

impl Header {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        match bytes.split_at_checked(MAGIC.len()) {
            Some((magic, [VERSION, ..])) if magic == MAGIC => Self::Known,
            Some((magic, [version, ..])) if magic == MAGIC => Self::OtherVersion(*version),
            Some((_, [_, ..])) => Self::Damaged,
            _ => Self::Cut,
        }
    }
}

/// Sets a segment aside, under the name of a quarantined one.
pub(crate) fn quarantine(dir: &Path, name: &str) -> io::Result<()> {
    file::set_aside(&dir.join(name))
}

/// Removes what a process left that was killed between making a segment and naming it. It holds no record.
pub(crate) fn remove_abandoned(dir: &Path, listing: &Listing) {
    // A living process is within that gap for microseconds, but unlocked for the first of them.
    const GAP: Duration = Duration::from_mins(1);
    for found in &listing.temporary {
        let old = created(&found.name).and_then(|at| at.elapsed().ok()).is_some_and(|age| age > GAP);
        if old && file::open(&dir.join(&found.name)).is_ok_and(|file| !is_owned(&file)) {
            let _ = fs::remove_file(dir.join(&found.name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_segments_have_an_age() {
        let name = "1763690000123-9f86d081.seg";
        assert_eq!(created(name), Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_763_690_000_123)));
        for foreign in
            ["cursor", "lost+found", "1763690000123.seg", "1763690000123-9f86d08.seg", "+763690000123-9f86d081.seg"]
        {
            assert_eq!(created(foreign), None, "{foreign}");
        }
        // What is more in a name would be printed, and written into the cursor.
        for more in ["", ".", ".bak", ".seg.bak", ".seg ", ".\n.seg", ".\x1b[31m.seg", ".tmp.seg", ".quarantined"] {
            assert_eq!(created(&format!("1763690000123-9f86d081{more}")), None, "{more:?}");
        }
    }
}
