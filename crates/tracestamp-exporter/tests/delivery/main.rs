//! The exporter between a real spool and receivers that misbehave on command.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod bench;
mod grpc;
mod http;
mod process;
mod receiver;
mod reload;
mod restart;
mod tls;
