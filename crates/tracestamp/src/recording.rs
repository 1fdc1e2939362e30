//! Recorded admission traffic: one AdmissionReview a line, as a recorder wrote it.
//!
//! A line is `{"received_unix_nano": 1795221523349093363, "phase": "mutating" | "validating", "review": …}`, or, of
//! recorders that keep the URL instead of the phase, `{"t": 1795221523349093363, "path": "/observe", "review": …}`.
//! Both kinds may be compressed with zstd. Recordings also come from people with a bug to report, so nothing about
//! them is trusted: lines are bounded, and a broken one is an item of its own.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};

use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;
use tracestamp_admission::Endpoint;
use tracestamp_core::Timestamp;

/// A line longer than this is refused: the largest review is 7 MiB, and a recorder may have escaped or indented it.
pub const MAX_LINE: usize = 16 << 20;

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The recordings that the command brings along, by name.
pub const EMBEDDED: [(&str, &[u8]); 10] = [
    ("success", include_bytes!("../recordings/success.jsonl.zst")),
    ("slow-pull", include_bytes!("../recordings/slow-pull.jsonl.zst")),
    ("evicted", include_bytes!("../recordings/evicted.jsonl.zst")),
    ("fail", include_bytes!("../recordings/fail.jsonl.zst")),
    ("cancel", include_bytes!("../recordings/cancel.jsonl.zst")),
    ("timeout", include_bytes!("../recordings/timeout.jsonl.zst")),
    ("pull", include_bytes!("../recordings/pull.jsonl.zst")),
    ("sidecar", include_bytes!("../recordings/sidecar.jsonl.zst")),
    ("matrix", include_bytes!("../recordings/matrix.jsonl.zst")),
    ("pods", include_bytes!("../recordings/pods.jsonl.zst")),
];

fn names() -> String {
    EMBEDDED.map(|(name, _)| name).join(", ")
}

/// Describes the argument of a command that takes a recording.
pub(crate) fn help() -> String {
    format!("A `.jsonl` or `.jsonl.zst` file, `-` for standard input, or one that comes with tracestamp: {}", names())
}

/// The recording cannot be opened.
#[derive(Debug, Error)]
#[error("{name}: {error} (the recordings that come with tracestamp are {})", names())]
pub struct OpenError {
    name: String,
    error: io::Error,
}

/// One line, or the whole rest when reading itself fails, cannot be used.
#[derive(Debug, Error)]
#[error("{recording}:{line}: {reason}")]
pub struct BrokenLine {
    /// The recording's name as given.
    pub recording: String,
    /// The line's number, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a line.
#[derive(Debug, Error)]
pub enum Reason {
    /// It is longer than [`MAX_LINE`].
    #[error("longer than {} MiB", MAX_LINE >> 20)]
    TooLong,
    /// It is no JSON object of either form.
    #[error("not a line of a recording: {0}")]
    Syntax(#[from] serde_json::Error),
    /// A field that both forms need in one of its spellings is absent.
    #[error("not a line of a recording: neither `{0}` nor `{1}`")]
    Missing(&'static str, &'static str),
    /// The `review` is none.
    #[error(transparent)]
    NotAReview(#[from] tracestamp_admission::NotAReview),
    /// The patch of our own decision does not fit the object: a bug of tracestamp's.
    #[error("the patch does not apply, which is a bug of tracestamp: {0}")]
    Patch(String),
    /// The file or stream cannot be read any further.
    #[error("cannot be read any further: {0}")]
    Io(#[from] io::Error),
}

/// One recorded review.
#[derive(Debug)]
pub struct Review {
    /// The line's number, from 1.
    pub line: u64,
    /// When the recorder received it.
    pub received: Timestamp,
    /// Which registration sent it: mutating calls go to `/stamp`, validating ones to `/observe`.
    pub endpoint: Endpoint,
    /// The review's bytes, exactly as recorded.
    pub body: Box<RawValue>,
}

/// A recording being read. Iterating gives each review or what is wrong with its line; blank lines are passed over.
pub struct Recording {
    name: String,
    reader: Box<dyn BufRead>,
    line: u64,
    over: bool,
}

impl Recording {
    /// Opens a recording: `-` is standard input, the name of one of [`EMBEDDED`] is that, anything else is a path.
    pub fn open(name: &str) -> Result<Self, OpenError> {
        let failed = |error| OpenError { name: name.to_owned(), error };
        let source: Box<dyn Read> = if name == "-" {
            Box::new(io::stdin())
        } else if let Some((_, bytes)) = EMBEDDED.iter().find(|(embedded, _)| *embedded == name) {
            Box::new(*bytes)
        } else {
            let file = File::open(name).map_err(failed)?;
            if file.metadata().map_err(failed)?.is_dir() {
                return Err(failed(io::ErrorKind::IsADirectory.into()));
            }
            Box::new(file)
        };
        Self::new(name, source).map_err(failed)
    }

    /// Reads a recording from anything; the first bytes tell whether it is compressed. `name` is for messages.
    pub fn new(name: &str, mut source: impl Read + 'static) -> io::Result<Self> {
        let mut start = Vec::new();
        source.by_ref().take(ZSTD_MAGIC.len() as u64).read_to_end(&mut start)?;
        let compressed = start == ZSTD_MAGIC;
        let source = Cursor::new(start).chain(source);
        let reader: Box<dyn BufRead> = if compressed {
            Box::new(BufReader::new(zstd::Decoder::new(source)?))
        } else {
            Box::new(BufReader::new(source))
        };
        Ok(Self { name: name.to_owned(), reader, line: 0, over: false })
    }

    /// What is wrong with line number `line` of this recording.
    pub fn broken(&self, line: u64, reason: impl Into<Reason>) -> BrokenLine {
        BrokenLine { recording: self.name.clone(), line, reason: reason.into() }
    }

    /// The next line without its end; `None` at the end of the recording.
    fn next_line(&mut self) -> Result<Option<Vec<u8>>, Reason> {
        let mut line = Vec::new();
        if self.reader.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if line.ends_with(b"\n") {
            line.pop();
        } else if line.len() > MAX_LINE {
            self.reader.skip_until(b'\n')?;
            return Err(Reason::TooLong);
        }
        Ok(Some(line))
    }
}

impl Iterator for Recording {
    type Item = Result<Review, BrokenLine>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.over {
            self.line += 1;
            let parsed = match self.next_line() {
                Ok(None) => break,
                Ok(Some(line)) if line.trim_ascii().is_empty() => continue,
                Ok(Some(line)) => parse(self.line, &line),
                Err(reason) => {
                    self.over = matches!(reason, Reason::Io(_));
                    Err(reason)
                }
            };
            return Some(parsed.map_err(|reason| self.broken(self.line, reason)));
        }
        self.over = true;
        None
    }
}

#[derive(Deserialize)]
struct Line<'a> {
    received_unix_nano: Option<u64>,
    t: Option<u64>,
    phase: Option<Phase>,
    #[serde(borrow)]
    path: Option<Cow<'a, str>>,
    review: Box<RawValue>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Phase {
    Mutating,
    Validating,
}

fn parse(number: u64, line: &[u8]) -> Result<Review, Reason> {
    let line: Line<'_> = serde_json::from_slice(line)?;
    let received = line.received_unix_nano.or(line.t).ok_or(Reason::Missing("received_unix_nano", "t"))?;
    let validating = match (line.phase, &line.path) {
        (Some(phase), _) => matches!(phase, Phase::Validating),
        (None, Some(path)) => path.contains("/validate") || path.contains("/observe"),
        (None, None) => return Err(Reason::Missing("phase", "path")),
    };
    // Of Events only mutating calls were recorded at first; the registration has them in the validating phase.
    let parsed = || tracestamp_admission::Review::parse(line.review.get().as_bytes());
    let observed = validating || parsed().is_ok_and(|review| review.is_event());
    Ok(Review {
        line: number,
        received: Timestamp::from_nanos(received),
        endpoint: if observed { Endpoint::Observe } else { Endpoint::Stamp },
        body: line.review,
    })
}

#[cfg(test)]
mod tests;
