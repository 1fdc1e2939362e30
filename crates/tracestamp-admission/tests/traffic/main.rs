//! The recorded traffic of a real cluster, through the decision.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod golden;
mod kube_agrees;
mod properties;
mod recording;
mod replicas;
mod secrets;
mod stamped;
mod tree;
