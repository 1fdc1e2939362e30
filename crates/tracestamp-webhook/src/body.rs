//! Reads a request's body within bounds of size and time; hyper has none of its own.

use std::error::Error;

use axum::body::{Body, HttpBody, to_bytes};
use axum::http::StatusCode;
use bytes::Bytes;
use http_body_util::LengthLimitError;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::deadline::Deadline;

/// A body up to this long is always read: that is most reviews, and no more than the connections allow of them.
const SMALL: usize = 64 << 10;

/// What all requests may hold of bodies.
#[derive(Debug)]
pub(crate) struct Bodies {
    /// The longest that is read.
    max_bytes: usize,
    /// Bytes that are free for longer ones than [`SMALL`].
    room: Semaphore,
}

/// A body that was read; its room is free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Read<'a> {
    pub(crate) bytes: Bytes,
    _room: Option<SemaphorePermit<'a>>,
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
        Self { max_bytes, room: Semaphore::new(total_bytes.min(Semaphore::MAX_PERMITS)) }
    }

    /// Reads the whole body. Without room for it nothing is read: a review that waits would be worse.
    pub(crate) async fn read(&self, body: Body, deadline: Deadline) -> Result<Read<'_>, Unread> {
        let size = body.size_hint();
        // The announced length: what is surely too large is not read at all.
        if size.lower() > self.max_bytes as u64 {
            return Err(Unread::TooLarge);
        }
        // What announces no length may have any.
        let size = size.exact().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(self.max_bytes);
        let room = if size > SMALL { Some(self.take(size)?) } else { None };
        match tokio::time::timeout_at(deadline.instant(), to_bytes(body, self.max_bytes)).await {
            Ok(Ok(bytes)) => Ok(Read { bytes, _room: room }),
            Ok(Err(error)) if error.source().is_some_and(<dyn Error>::is::<LengthLimitError>) => Err(Unread::TooLarge),
            Ok(Err(_)) => Err(Unread::Broken),
            Err(_) => Err(Unread::TooSlow),
        }
    }

    fn take(&self, bytes: usize) -> Result<SemaphorePermit<'_>, Unread> {
        self.room.try_acquire_many(u32::try_from(bytes).unwrap_or(u32::MAX)).map_err(|_| Unread::NoRoom)
    }
}
