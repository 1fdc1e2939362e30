//! What tracestamp does to objects, told case by case on small reviews. Each module is one subject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, unreachable_pub)]
// JSON made on the spot is handed over as it is.
#![allow(clippy::needless_pass_by_value)]

mod carriers;
mod children;
mod deletions;
mod envelope;
mod environment;
mod events;
mod forgery;
mod limits;
mod missed;
#[path = "../support/objects.rs"]
mod objects;
mod pods;
mod reruns;
mod roots;
mod runs;
mod sampling;
mod sidecars;
mod steps;
mod tenants;
mod trace_urls;
mod world;
