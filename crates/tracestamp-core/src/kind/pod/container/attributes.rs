//! What a container's span says about the container.

use std::borrow::Cow;

use crate::image::{ImageReference, has_digest, without_credentials};
use crate::kind::pod::view::PodView;
use crate::object::{Container, ContainerStatus, Terminated};
use crate::span::{Attribute, SpanType, Value};

pub(super) fn span_type(pod: &PodView<'_>, status: &ContainerStatus<'_>) -> SpanType {
    let init = pod.spec.init_containers.iter().flatten().find(|container| container.name == status.name);
    SpanType::of_container(&status.name, init.is_some(), init.is_some_and(Container::restarts))
}

pub(super) fn exit<'a>(code: i64, reason: String) -> Vec<Attribute<'a>> {
    let reason = (!reason.is_empty()).then(|| Attribute::new("k8s.container.status.reason", reason));
    [Attribute::new("process.exit.code", code)].into_iter().chain(reason).collect()
}

pub(super) fn of_container<'a>(
    pod: &PodView<'a>,
    status: &'a ContainerStatus<'a>,
    end: Option<&'a Terminated<'a>>,
) -> Vec<Attribute<'a>> {
    let mut attributes = vec![
        Attribute::new("tracestamp.attempt", pod.attempt),
        Attribute::new("k8s.container.name", &*status.name),
        Attribute::new("k8s.container.restart_count", 0_i64),
    ];
    // A runtime's id is written with the runtime's scheme in front.
    let id = end.map_or_else(|| status.container_id(), Terminated::container_id).unwrap_or_default();
    let id = id.split_once("://").map(|(_, id)| id).filter(|id| !id.is_empty());
    attributes.extend(id.map(|id| Attribute::new("container.id", id.to_owned())));
    if end.is_some_and(|end| !status.terminated().is_some_and(|now| std::ptr::eq(now, end))) {
        // It runs as another image by now, and that is what spec and status name.
        return attributes;
    }
    let mut all = pod.spec.containers.iter().chain(&pod.spec.init_containers).flatten();
    let image = all.find(|container| container.name == status.name).and_then(|container| container.image.as_deref());
    attributes.extend(image.map(image_attributes).into_iter().flatten());
    let digest = status.image_id().filter(|id| has_digest(id));
    let digests = digest.map(|digest| Value::TextList(vec![Cow::Owned(without_credentials(&digest).to_owned())]));
    attributes.extend(digests.map(|digests| Attribute::new("container.image.repo_digests", digests)));
    attributes
}

/// Name and tag of an image.
pub(in crate::kind::pod) fn image_attributes(image: &str) -> Vec<Attribute<'static>> {
    let ImageReference { name, tag } = ImageReference::parse(image);
    let tags = tag.map(|tag| Value::TextList(vec![Cow::Owned(tag.to_owned())]));
    let name = Attribute::new("container.image.name", name.to_owned());
    [name].into_iter().chain(tags.map(|tags| Attribute::new("container.image.tags", tags))).collect()
}
