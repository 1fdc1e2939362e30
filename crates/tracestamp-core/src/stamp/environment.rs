//! The environment of task containers (OpenTelemetry specification, "Environment Variables as Context Propagation
//! Carriers").

use std::borrow::Cow;

use super::Key;
use crate::annotation::{ENV_FROM, TRACESTATE};
use crate::identity::Identity;
use crate::object::Container;
use crate::subject::Subject;

/// Variables for one container, to be put in front of those it has.
#[derive(Debug)]
pub struct EnvStamp<'a> {
    /// `containers` or `initContainers`.
    pub list: &'static str,
    /// The container's place in that list.
    pub index: usize,
    /// The container has a list of variables already.
    pub has_env: bool,
    container: Cow<'a, str>,
    traceparent: bool,
    tracestate: bool,
    texts: Vec<(&'static str, String)>,
}

/// Where a variable's value comes from.
#[derive(PartialEq, Eq, Debug)]
pub enum EnvSource<'a> {
    /// An annotation of the Pod, by the downward API.
    Annotation(Key<'a>),
    /// Text as it is.
    Text(&'a str),
}

impl EnvStamp<'_> {
    /// Names and sources of the variables, in their order.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, EnvSource<'_>)> {
        let own = || EnvSource::Annotation(Key::Container(Cow::Borrowed(&*self.container)));
        let traceparent = self.traceparent.then(|| ("TRACEPARENT", own()));
        let tracestate = self.tracestate.then_some(("TRACESTATE", EnvSource::Annotation(Key::Known(TRACESTATE))));
        let texts = self.texts.iter().map(|(name, text)| (*name, EnvSource::Text(text)));
        traceparent.into_iter().chain(tracestate).chain(texts)
    }
}

impl<'a> Subject<'a> {
    /// The variables that a container lacks. None for one that defines `TRACEPARENT` itself, whatever the case of its
    /// letters, and for one with `envFrom`, whose sources ours would hide.
    pub(super) fn environment(
        &self,
        list: &'static str,
        index: usize,
        container: &Container<'a>,
        identity: &Identity<'_>,
    ) -> Option<EnvStamp<'a>> {
        let has_sources = container.env_from.as_ref().is_some_and(|sources| !sources.is_empty());
        if has_sources && self.annotations.get(ENV_FROM).as_deref() != Some("override") {
            return None;
        }
        let variables = container.variables().ok()?;
        let defined = |name: &str| variables.iter().flatten().any(|variable| variable.name.eq_ignore_ascii_case(name));
        let traceparent = !defined("TRACEPARENT");
        let tracestate = traceparent && !identity.tracestate.is_empty() && !defined("TRACESTATE");
        let texts: Vec<_> = self.opted_in().into_iter().filter(|(name, _)| !defined(name)).collect();
        let (has_env, container) = (variables.is_some(), container.name.clone().into_cow());
        (traceparent || !texts.is_empty()).then_some(EnvStamp {
            list,
            index,
            has_env,
            container,
            traceparent,
            tracestate,
            texts,
        })
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
