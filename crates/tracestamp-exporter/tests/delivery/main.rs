//! The exporter between a real spool and receivers that misbehave on command.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

/// A receiver that is away, breaks off or answers with each code there is.
mod absence;
mod bench;
mod door;
mod grpc;
mod hostile;
mod http;
mod process;
mod receiver;
mod reload;
mod restart;
mod tls;
mod versions;
