//! The real process, called over TLS as an API server calls it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

/// Clients that mean no good.
mod hostile;
/// Leaving: readiness, drain, exit.
mod leaving;
/// What a line of the log holds.
mod log;
/// Reviews made to cost more than their bytes.
mod memory;
/// What a real API server sent.
mod recordings;
/// Reviews and their answers.
mod reviews;
/// Certificates that change.
mod rotation;
/// Flags, variables and what is wrong with them.
mod settings;
/// Starts the process and talks to it.
mod webhook;
