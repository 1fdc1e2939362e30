//! A real Kubernetes cluster on this machine, and what the tests on it share.
//!
//! ```text
//! cluster run ──▶ Cluster::start ──▶ cargo test (finds it by TRACESTAMP_E2E) ──▶ sweep: nothing is left
//! ```
//!
//! Every process carries the run's id in its environment, every container lives in one cgroup and every mount below
//! one directory, so a single sweep cleans up after success, failure and a killed harness alike.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a harness speaks to whoever runs it")]

mod binaries;
mod certmanager;
pub mod cli;
pub mod cluster;
mod collector;
mod component;
mod creator;
mod examples;
mod expect;
mod footprint;
mod image;
mod installation;
mod jaeger;
mod jaeger_server;
mod kubectl;
mod kubelet;
mod machine;
mod otlp;
mod pki;
mod port;
mod recorder;
mod registration;
mod registry;
mod reviews;
mod scenario;
mod serve;
mod setting;
mod shared;
mod stand_in;
mod sweep;
mod trace;
mod tracestamp;
mod volumes;

pub use certmanager::CertManager;
pub use collector::Collector;
pub use component::Component;
pub use creator::Creator;
pub use expect::{Played, expect_trace, expect_trace_while, expect_trace_with};
pub use installation::{Installation, Tree, forget_image};
pub use jaeger::Jaeger;
pub use jaeger_server::JaegerServer;
pub use kubectl::Kubectl;
pub use kubelet::OtherKubelet;
pub use machine::program;
pub use otlp::{OtlpTee, SeenSpan};
pub use registration::Registration;
pub use reviews::Reviews;
pub use scenario::{Scenario, await_running_step, evict, rerun};
pub use setting::Setting;
pub use shared::{Namespace, Shared, poll, shared};
pub use stand_in::StandIn;
pub use trace::{JaegerTrace, Node};
pub use tracestamp::{Metrics, Service, Tracestamp};
