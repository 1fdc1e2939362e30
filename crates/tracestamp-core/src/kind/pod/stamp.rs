//! What is written on a Pod: each container's own context, and its environment.

use std::borrow::Cow;

use crate::context::Traceparent;
use crate::dns::is_label;
use crate::kind::tekton::{RUN_UID_LABEL, TASK_LABEL};
use crate::object::PodSpec;
use crate::pod_event::NAME_LIMIT;
use crate::span::SpanType;
use crate::stamp::{Annotation, Key, Named, Stamp, Value};
use crate::subject::Subject;

/// Every container's own context, so that what a tool in it emits nests under its span, and the environment.
pub(super) fn containers<'a>(subject: &Subject<'a>, stamp: &mut Stamp<'a>) {
    let Some(spec) = PodSpec::parse(subject.object.spec) else { return };
    stamp.texts = subject.texts(|| named(subject));
    let groups = [("initContainers", spec.init_containers), ("containers", spec.containers)];
    for (list, containers) in groups {
        let containers = containers.into_iter().flatten().enumerate();
        // The API server checks them after us: an invalid one would make our annotation invalid too.
        for (index, container) in containers.filter(|(_, container)| is_label(&container.name)) {
            let init = list == "initContainers";
            let what = SpanType::of_container(&container.name, init, container.restarts()).name();
            let span_id = stamp.identity.below(subject.config, what, &container.name);
            // A step's tools may be of Go as well as Tekton is.
            let value = Value::Context(Traceparent { span_id, ..stamp.identity.context }.of_level_1());
            let environment = subject.environment(list, index, &container, stamp);
            stamp.environment.extend(environment);
            let key = Key::Container(container.name.into_cow());
            if !key.value_in(&subject.annotations).is_some_and(|there| value.is(&there)) {
                stamp.annotations.push(Annotation { key, value });
            }
        }
    }
}

/// What `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say of a task.
fn named<'a>(subject: &Subject<'a>) -> Named<'a> {
    let label = |key| subject.labels.get_bounded(key, NAME_LIMIT).ok().flatten();
    Named {
        service: label(TASK_LABEL).or_else(|| label("tekton.dev/task")),
        resource: [
            ("k8s.pod.name", Some(Cow::Borrowed(subject.name()))),
            ("cicd.pipeline.run.id", label(RUN_UID_LABEL)),
            ("cicd.pipeline.task.name", label(TASK_LABEL)),
        ],
    }
}
