//! The recorded traffic of a real cluster, through the decision.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, unreachable_pub)]

#[path = "../support/call.rs"]
mod call;
#[path = "../support/dealing.rs"]
mod dealing;
mod golden;
#[path = "../support/golden_file.rs"]
mod golden_file;
mod kube_agrees;
mod properties;
mod recording;
mod replicas;
mod secrets;
mod stamped;
#[path = "../support/tree.rs"]
mod tree;
