//! Reads a request's body within bounds of size and time; hyper has none of its own.

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::deadline::Deadline;

/// A body up to this long is always read, and decided about at once: that is most reviews, and no more than the
/// connections allow of them.
pub(crate) const SMALL: usize = 64 << 10;

/// What all requests may hold of bodies.
#[derive(Debug)]
pub(crate) struct Bodies {
    /// The longest that is read.
    max_bytes: usize,
    /// Bytes that are free for longer ones than [`SMALL`].
    room: Arc<Semaphore>,
}

/// A body that was read; its room is free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

/// Why a body could not be read. None of these leaves a `uid` to answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unread {
    TooLarge,
    TooSlow,
    /// Other bodies take up all the room.
    NoRoom,
    Broken,
}

impl Unread {
    /// The status to answer with. Never a 5xx and never Retry-After: the API server would try again.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::NoRoom => StatusCode::TOO_MANY_REQUESTS,
            Self::Broken => StatusCode::BAD_REQUEST,
        }
    }

    /// The reason as a metric label.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::NoRoom => "no_room",
            Self::Broken => "broken",
        }
    }
}

impl Bodies {
    /// `total_bytes` is what all bodies may hold together, small ones not counted.
    pub(crate) fn new(max_bytes: usize, total_bytes: usize) -> Self {
        Self { max_bytes, room: Arc::new(Semaphore::new(total_bytes.min(Semaphore::MAX_PERMITS))) }
    }

    /// Reads the whole body. Without room for it nothing is read: a review that waits would be worse.
    pub(crate) async fn read(&self, body: Body, deadline: Deadline) -> Result<Read, Unread> {
        let size = body.size_hint();
        // The announced length: what is surely too large is not read at all.
        if size.lower() > self.max_bytes as u64 {
            return Err(Unread::TooLarge);
        }
        // What announces no length may have any.
        let announced = size.exact().and_then(|bytes| usize::try_from(bytes).ok());
        let size = announced.unwrap_or(self.max_bytes);
        let room = if size > SMALL { Some(self.take(size)?) } else { None };
        let bytes = tokio::time::timeout_at(deadline.instant(), self.collect(body, announced.unwrap_or(0))).await;
        Ok(Read { bytes: bytes.map_err(|_| Unread::TooSlow)??, _room: room })
    }

    /// The bytes in one piece from the start: pieces that are joined in the end take twice the memory.
    async fn collect(&self, mut body: Body, announced: usize) -> Result<Bytes, Unread> {
        let mut bytes = BytesMut::with_capacity(announced);
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
            if bytes.len() + data.len() > self.max_bytes {
                return Err(Unread::TooLarge);
            }
            bytes.extend_from_slice(&data);
        }
        Ok(bytes.freeze())
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Unread> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        Arc::clone(&self.room).try_acquire_many_owned(bytes).map_err(|_| Unread::NoRoom)
    }
}
