//! Steps, sidecars and init containers of Tekton's Pods. Only the Pod speaks for steps: on cancel and timeout Tekton
//! invents their ends in the TaskRun, and the Pod reports the truth a moment later.

use std::borrow::Cow;

use super::outcome::{Outcome, container_error};
use super::pod_view::{End, PodView, killed};
use super::scribe::{Draft, Extent, Scribe};
use crate::Timestamp;
use crate::context::SpanId;
use crate::note::Note;
use crate::object::{ContainerStatus, Status, Terminated};
use crate::span::{Attribute, SpanWhat, Value};
use crate::termination::Termination;

/// Containers whose first termination is new.
pub(super) fn ended<'a>(scribe: &mut Scribe<'_, 'a>, pod: &PodView<'a>, was: Option<&Status<'_>>, is: &'a Status<'a>) {
    for status in is.containers() {
        let known = was.and_then(|was| was.container(&status.name)).is_some_and(|was| was.first_end().is_some());
        if let (false, Some(end)) = (known, status.first_end()) {
            write_ended(scribe, pod, is, status, end);
        }
    }
}

/// Containers that still run when the Pod goes. A waiting one never was anything.
pub(super) fn deleted<'a>(scribe: &mut Scribe<'_, 'a>, pod: &PodView<'a>, is: &'a Status<'a>, end: End) {
    for status in is.containers() {
        let (None, Some(running)) = (status.first_end(), status.running()) else { continue };
        let what = what(pod, status);
        let started = running.started().unwrap_or(pod.created);
        let at = end.at.max(started);
        let mut attributes = told(pod, status, None);
        // When a running step's turn came is told only by its termination message, which never comes.
        let extent = match what {
            SpanWhat::Step => {
                attributes.push(Attribute::new("tracestamp.start", "unknown"));
                attributes.push(Attribute::new("tracestamp.container.started_at", started.to_string()));
                Extent::at(at)
            }
            _ => Extent::new(started, at),
        };
        write(scribe, pod, status, what, extent.received(end.received), Outcome::DELETED, attributes);
    }
}

/// Whether every step is terminated: then they decide about the Pod, for the kubelet calls it Failed as well when nothing
/// but a sidecar was stopped after them.
pub(super) fn steps_ended(pod: &PodView<'_>, status: &Status<'_>) -> bool {
    let mut steps = pod.spec.containers.iter().flatten().filter(|container| container.name.starts_with("step-"));
    steps.all(|step| status.container(&step.name).is_some_and(|step| step.terminated().is_some()))
}

/// Whether every container of the Pod has ended, if only to be started again as another image.
pub(super) fn all_ended_once(pod: &PodView<'_>, status: &Status<'_>) -> bool {
    let ended = |name: &str| status.container(name).is_some_and(|container| container.first_end().is_some());
    pod.spec.containers.iter().flatten().all(|container| ended(&container.name))
}

/// What the first failed step makes of its Pod. The spec has them in their order, statuses are sorted by name; after a
/// failure the rest are skipped with an exit code of their own.
pub(super) fn failed_step(pod: &PodView<'_>, status: &Status<'_>) -> Option<Outcome> {
    let steps = pod.spec.containers.iter().flatten().filter(|container| container.name.starts_with("step-"));
    let mut ends = steps.filter_map(|step| status.container(&step.name)?.terminated());
    let failed = ends.find(|end| end.exit_code != 0)?;
    Some(exited(failed.exit_code, failed.reason()))
}

fn write_ended<'a>(
    scribe: &mut Scribe<'_, 'a>,
    pod: &PodView<'a>,
    is: &'a Status<'a>,
    status: &'a ContainerStatus<'a>,
    end: &'a Terminated<'a>,
) {
    let what = what(pod, status);
    let mut attributes = told(pod, status, Some(end));
    let (Some(started), Some(finished)) = (end.started(), end.finished()) else {
        // `ContainerStatusUnknown`: it never started, and the kubelet says so when the Pod goes.
        let at = killed(scribe, pod);
        attributes.extend(ending(end.exit_code, end.reason().to_owned()));
        attributes.extend((what == SpanWhat::Step).then(|| Attribute::new("tracestamp.step.started", false)));
        let error = container_error(end.reason());
        let extent = Extent::at(at.at.max(pod.created)).received(at.received);
        return write(scribe, pod, status, what, extent, Outcome::failed("error", error, String::new()), attributes);
    };
    let (extent, outcome) = match what {
        SpanWhat::Step => {
            let (extent, outcome, more) = step(scribe, end, started, finished);
            attributes.extend(more);
            (extent, outcome)
        }
        SpanWhat::Sidecar if stopped_with_pod(pod, is, finished) => {
            attributes.extend(ending(end.exit_code, end.reason().to_owned()));
            (Extent::new(started, finished), Outcome::SUCCESS)
        }
        _ => {
            attributes.extend(ending(end.exit_code, end.reason().to_owned()));
            (Extent::new(started, finished), exited(end.exit_code, end.reason()))
        }
    };
    write(scribe, pod, status, what, extent, outcome, attributes);
}

/// A sidecar that is killed after the steps, or with the Pod, did nothing wrong.
fn stopped_with_pod(pod: &PodView<'_>, is: &Status<'_>, finished: Timestamp) -> bool {
    let mut steps = is.container_statuses.iter().flatten().filter(|container| container.name.starts_with("step-"));
    let after = steps.all(|step| step.terminated().and_then(Terminated::finished).is_some_and(|end| end <= finished));
    after || pod.killed.is_some_and(|killed| killed <= finished)
}

/// A step's turn, from the entrypoint's own words: all step containers start together and wait.
fn step<'a>(
    scribe: &Scribe<'_, '_>,
    end: &Terminated<'_>,
    started: Timestamp,
    finished: Timestamp,
) -> (Extent, Outcome, Vec<Attribute<'a>>) {
    let message = end.message();
    let told = Termination::parse(&message);
    let code = told.exit_code.unwrap_or(end.exit_code);
    let reason = match told.exit_code {
        Some(_) => "Continued",
        None => told.reason.unwrap_or_else(|| end.reason()),
    };
    let mut attributes = ending(code, reason.to_owned());
    attributes.push(Attribute::new("tracestamp.container.started_at", started.to_string()));
    attributes.push(Attribute::new("tracestamp.container.finished_at", finished.to_string()));
    let outcome = match reason {
        "Skipped" => Outcome::SKIPPED,
        "Cancelled" if code != 0 => Outcome { result: "cancellation", ..exited(code, reason) },
        "TimeoutExceeded" if code != 0 => Outcome { result: "timeout", ..exited(code, reason) },
        _ => exited(code, reason),
    };
    // The container's end is cut to the second, so a turn may begin in the second that follows it, and no later.
    let turn = told.started.filter(|turn| (started..=finished.minus_seconds(-1)).contains(turn));
    let extent = if let Some(turn) = turn {
        attributes.push(Attribute::new("tracestamp.step.waited", turn.seconds_since(started)));
        Extent::new(turn, finished)
    } else {
        if told.started.is_some() {
            scribe.subject.note(Note::StepTimeRefused);
        }
        // Killed outright, a step leaves no message either.
        let never = message.is_empty() && !matches!((code, reason), (0 | 137, _) | (_, "OOMKilled"));
        attributes.push(if never {
            Attribute::new("tracestamp.step.started", false)
        } else {
            Attribute::new("tracestamp.start", "unknown")
        });
        Extent::at(finished)
    };
    (extent, outcome, attributes)
}

fn exited(code: i64, reason: &str) -> Outcome {
    match (code, reason) {
        (0, _) => Outcome::SUCCESS,
        (
            _,
            "OOMKilled" | "Evicted" | "NodeShutdown" | "ContainerStatusUnknown" | "StartError" | "ContainerCannotRun",
        ) => Outcome::failed("error", container_error(reason), format!("exit code {code}")),
        _ => Outcome::failed("failure", container_error(reason), format!("exit code {code}")),
    }
}

fn what(pod: &PodView<'_>, status: &ContainerStatus<'_>) -> SpanWhat {
    let init = pod.spec.init_containers.iter().flatten().find(|container| container.name == status.name);
    SpanWhat::of_container(&status.name, init.is_some(), init.is_some_and(|container| container.restarts()))
}

fn ending<'a>(code: i64, reason: String) -> Vec<Attribute<'a>> {
    let reason = (!reason.is_empty()).then(|| Attribute::new("k8s.container.status.reason", reason));
    [Attribute::new("process.exit.code", code)].into_iter().chain(reason).collect()
}

/// What a container's span says about the container.
fn told<'a>(pod: &PodView<'a>, status: &'a ContainerStatus<'a>, end: Option<&'a Terminated<'a>>) -> Vec<Attribute<'a>> {
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
    let digest = status.image_id().filter(|id| id.contains('@'));
    let digests = digest.map(|digest| Value::TextList(vec![digest]));
    attributes.extend(digests.map(|digests| Attribute::new("container.image.repo_digests", digests)));
    attributes
}

/// Name and tag of an image.
pub(super) fn image_attributes(image: &str) -> Vec<Attribute<'static>> {
    let (name, tag) = image_name_and_tag(image);
    let tags = tag.map(|tag| Value::TextList(vec![Cow::Owned(tag.to_owned())]));
    let name = Attribute::new("container.image.name", name.to_owned());
    [name].into_iter().chain(tags.map(|tags| Attribute::new("container.image.tags", tags))).collect()
}

/// An image reference without digest, cut at the tag; a colon before a slash belongs to a port.
fn image_name_and_tag(image: &str) -> (&str, Option<&str>) {
    let image = image.split_once('@').map_or(image, |(name, _)| name);
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (image, None),
    }
}

fn write<'a>(
    scribe: &mut Scribe<'_, 'a>,
    pod: &PodView<'a>,
    status: &'a ContainerStatus<'a>,
    what: SpanWhat,
    extent: Extent,
    outcome: Outcome,
    attributes: Vec<Attribute<'a>>,
) {
    let name: &'a str = &status.name;
    let span_id = scribe.below(what, name);
    // A step belongs to its TaskRun, what serves it to the Pod.
    let (parent, name): (Option<SpanId>, _) = match what {
        SpanWhat::Step => (scribe.identity.parent, name.strip_prefix("step-").unwrap_or(name)),
        _ => (Some(scribe.own()), name),
    };
    let extent = if extent.start < pod.created {
        Extent { clamped: true, start: pod.created, end: extent.end.max(pod.created), ..extent }
    } else {
        extent
    };
    scribe.write(Draft {
        what,
        span_id,
        parent,
        name: Cow::Borrowed(name),
        extent,
        outcome,
        attributes,
        events: Vec::new(),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_reference_is_cut_into_name_and_tag() {
        for (image, name, tag) in [
            ("busybox", "busybox", None),
            ("reg:5000/a/b", "reg:5000/a/b", None),
            ("reg:5000/a/b:1.2", "reg:5000/a/b", Some("1.2")),
            ("a/b:1@sha256:00", "a/b", Some("1")),
        ] {
            assert_eq!(image_name_and_tag(image), (name, tag));
        }
    }
}
