//! The environment of task containers (OpenTelemetry specification, "Environment Variables as Context Propagation
//! Carriers").

use crate::annotation::{ENV_FROM, TRACESTATE};
use crate::identity::Identity;
use crate::object::Container;
use crate::subject::{Subject, container_key};

/// Variables for one container, to be put in front of those it has, in this order.
#[derive(Debug)]
pub struct EnvStamp {
    /// `containers` or `initContainers`.
    pub list: &'static str,
    /// The container's place in that list.
    pub index: usize,
    /// The container has a list of variables already.
    pub has_env: bool,
    /// What to add.
    pub entries: Vec<EnvEntry>,
}

/// One environment variable.
#[derive(Debug, PartialEq, Eq)]
pub struct EnvEntry {
    /// Its name.
    pub name: &'static str,
    /// Where its value comes from.
    pub source: EnvSource,
}

/// Where a variable's value comes from.
#[derive(Debug, PartialEq, Eq)]
pub enum EnvSource {
    /// An annotation of the Pod, by the downward API.
    Annotation(String),
    /// Text as it is.
    Text(String),
}

impl Subject<'_> {
    /// The variables that a container lacks. Empty for one that defines `TRACEPARENT` itself, whatever the case of its
    /// letters, and for one with `envFrom`, whose sources ours would hide.
    pub(super) fn environment(
        &self,
        list: &'static str,
        index: usize,
        container: &Container<'_>,
        identity: &Identity<'_>,
    ) -> Option<EnvStamp> {
        let has_sources = container.env_from.as_ref().is_some_and(|sources| !sources.is_empty());
        if has_sources && self.annotations.get(ENV_FROM).as_deref() != Some("override") {
            return None;
        }
        let defined =
            |name: &str| container.env.iter().flatten().any(|variable| variable.name.eq_ignore_ascii_case(name));
        let mut entries = Vec::new();
        if !defined("TRACEPARENT") {
            entries
                .push(EnvEntry { name: "TRACEPARENT", source: EnvSource::Annotation(container_key(&container.name)) });
            if !identity.tracestate.is_empty() && !defined("TRACESTATE") {
                entries.push(EnvEntry { name: "TRACESTATE", source: EnvSource::Annotation(TRACESTATE.to_owned()) });
            }
        }
        let opted = self.opted_in().into_iter().filter(|(name, _)| !defined(name));
        entries.extend(opted.map(|(name, value)| EnvEntry { name, source: EnvSource::Text(value) }));
        (!entries.is_empty()).then_some(EnvStamp { list, index, has_env: container.env.is_some(), entries })
    }

    fn opted_in(&self) -> Vec<(&'static str, String)> {
        let settings = &self.config.environment;
        let label = |key| self.labels.get_filled(key);
        let mut variables = Vec::new();
        if settings.resource {
            let service = label("tekton.dev/pipelineTask").or_else(|| label("tekton.dev/task"));
            variables.extend(service.map(|service| ("OTEL_SERVICE_NAME", service.into_owned())));
            let attributes = [
                ("k8s.namespace.name", Some(self.namespace.into())),
                ("k8s.pod.name", Some(self.name().into()).filter(|name: &std::borrow::Cow<'_, str>| !name.is_empty())),
                ("cicd.pipeline.run.id", label("tekton.dev/pipelineRunUID")),
                ("cicd.pipeline.task.name", label("tekton.dev/pipelineTask")),
            ];
            let attributes = attributes.iter().filter_map(|(key, value)| Some(format!("{key}={}", value.as_deref()?)));
            variables.push(("OTEL_RESOURCE_ATTRIBUTES", attributes.collect::<Vec<_>>().join(",")));
        }
        variables.extend(settings.otlp_endpoint.clone().map(|endpoint| ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)));
        if settings.baggage {
            let baggage = self.annotations.get_bounded("baggage", 8192).ok().flatten();
            variables.extend(baggage.map(|baggage| ("BAGGAGE", baggage.into_owned())));
        }
        // The kubelet expands $(NAME) in values and reads $$ as $; what is given as text is to arrive as text.
        variables.into_iter().map(|(name, value)| (name, value.replace('$', "$$"))).collect()
    }
}
