//! What public reports show of rough weather, and every case of its kind: containers that are lost, Pods that are taken
//! away, messages that quote more than they should.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, unreachable_pub)]
// JSON made on the spot is handed over as it is.
#![allow(clippy::needless_pass_by_value)]

#[path = "../support/call.rs"]
mod call;
mod cases;
mod cluster;
#[path = "../support/dealing.rs"]
mod dealing;
mod ends;
mod expect;
#[path = "../support/golden_file.rs"]
mod golden_file;
mod lives;
mod messages;
mod names;
mod objects;
mod outcomes;
mod pods;
#[path = "../support/objects.rs"]
mod review;
mod smuggling;
mod starts;
mod taken;
#[path = "../support/tree.rs"]
mod tree;
mod vcs;
