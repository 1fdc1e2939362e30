//! Reads a request's body within bounds of size and time; hyper has none of its own.

use std::error::Error;

use axum::body::{Body, HttpBody, to_bytes};
use axum::http::StatusCode;
use bytes::Bytes;
use http_body_util::LengthLimitError;

use crate::deadline::Deadline;

/// Why a body could not be read. None of these leaves a `uid` to answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unread {
    TooLarge,
    TooSlow,
    Broken,
}

impl Unread {
    /// The status to answer with. Never a 5xx and never Retry-After: the API server would try again.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken => StatusCode::BAD_REQUEST,
        }
    }

    /// The reason as a metric label.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::Broken => "broken",
        }
    }
}

/// Reads the whole body.
pub(crate) async fn read(body: Body, max_bytes: usize, deadline: Deadline) -> Result<Bytes, Unread> {
    // The announced length: what is surely too large is not read at all.
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(Unread::TooLarge);
    }
    match tokio::time::timeout_at(deadline.instant(), to_bytes(body, max_bytes)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if error.source().is_some_and(<dyn Error>::is::<LengthLimitError>) => Err(Unread::TooLarge),
        Ok(Err(_)) => Err(Unread::Broken),
        Err(_) => Err(Unread::TooSlow),
    }
}
