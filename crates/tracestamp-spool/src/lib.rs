//! The hand-over between two processes: records in segment files in a shared directory.
//!
//! ```text
//! Writer (the webhook)                      directory                          Reader (the exporter)
//! append ── one write(2) ──▶ 1763690000000-9f86d081.seg ── next_batch ──▶ records
//!                            cursor                     ◀── commit ────── what was delivered
//! ```
//!
//! What lies on disk:
//! - A **segment** `<13 digits of Unix milliseconds>-<8 hex>.seg` belongs to the one process that made it, which holds
//!   its file lock until it rolls, fails or ends. It gets its name only once it is locked, so a segment without a lock
//!   is one to which nothing will be added, after `kill -9` too.
//! - A segment is an 8-byte header, `TSSPOOL` and a version, then **frames**: see [`frame`].
//! - The **cursor** says how far each segment was consumed. It is replaced durably before a segment is unlinked.
//!
//! **Invariant: a record whose [`Writer::append`] returned is given by [`Reader::next_batch`] until a batch with it was
//! committed**, whatever process is killed when. Given twice is possible, after a crash; lost is not. Nothing is
//! synced on the writer's side: a volume that outlives its node may miss the last records after a power cut.
//!
//! The directory may be a stranger's: only regular files are opened, links are not followed, and damage costs time in
//! proportion to its bytes. Whoever may write to it can take records away and add some, and no more than that.
//!
//! Payloads are opaque bytes here. One directory has one reader and any number of writers.
//!
//! Written by hand: the queues and embedded databases on crates.io belong to one process, and none of them hands records to
//! another one that acknowledges them, in a directory that neither trusts.

mod file;
pub mod frame;
mod reader;
mod segment;
mod writer;

pub use reader::{Batch, Counts, Reader, Stats, Waiting, peek};
pub use writer::{AppendError, Limits, Writer};
