//! The reasons of Pods and of containers.

mod container;
mod pod;

pub(super) use container::{ContainerCause, container_reason};
pub(super) use pod::pod_cause;
