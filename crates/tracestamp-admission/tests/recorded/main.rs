//! What a real API server sent, recorded, and what the decision makes of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod call;
mod golden;
mod mutation;
mod oracle;
mod patches;
mod properties;
mod replicas;
mod secrets;
mod stamped_world;
mod tree;
