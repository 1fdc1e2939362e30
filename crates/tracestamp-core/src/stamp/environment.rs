//! The environment of task containers (OpenTelemetry specification, "Environment Variables as Context Propagation
//! Carriers").

use std::borrow::Cow;

use super::{Key, Stamp};
use crate::annotation::{ENV_FROM, TRACESTATE};
use crate::object::Container;
use crate::pod_event::NAME_LIMIT;
use crate::subject::Subject;

/// The variables that are set, in the order in which they are written.
const NAMES: [&str; 6] = [
    "TRACEPARENT",
    "TRACESTATE",
    "OTEL_SERVICE_NAME",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "BAGGAGE",
];

/// How many of them come from annotations; the others are [`Texts`].
const CONTEXT: usize = 2;

/// The longest baggage, as W3C Baggage has it.
const BAGGAGE_LIMIT: usize = 8192;

/// The values of variables that are the same in every container of a Pod; `None` for one that is not set.
#[derive(Debug, Default)]
pub struct Texts([Option<String>; NAMES.len() - CONTEXT]);

/// What the variables of OpenTelemetry's resource say of a container's workload.
#[derive(Debug)]
pub struct Named<'a> {
    /// `OTEL_SERVICE_NAME`.
    pub service: Option<Cow<'a, str>>,
    /// `OTEL_RESOURCE_ATTRIBUTES` beside the namespace; one without a value is left out.
    pub resource: [(&'static str, Option<Cow<'a, str>>); 3],
}

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
    /// Which of [`NAMES`] are set.
    sets: [bool; NAMES.len()],
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
    pub fn entries<'e>(&'e self, texts: &'e Texts) -> impl Iterator<Item = (&'static str, EnvSource<'e>)> {
        let context = [Key::Container(Cow::Borrowed(&*self.container)), Key::Known(TRACESTATE)];
        let context = context.into_iter().map(|key| Some(EnvSource::Annotation(key)));
        let texts = texts.0.iter().map(|text| text.as_deref().map(EnvSource::Text));
        let sources = context.chain(texts).zip(self.sets);
        NAMES.into_iter().zip(sources).filter_map(|(name, (source, set))| Some((name, source.filter(|_| set)?)))
    }
}

impl<'a> Subject<'a> {
    /// The variables that a container lacks. None for one that defines `TRACEPARENT` itself, whatever the case of its
    /// letters, and for one with `envFrom`, whose sources ours would hide.
    pub(crate) fn environment(
        &self,
        list: &'static str,
        index: usize,
        container: &Container<'a>,
        stamp: &Stamp<'_>,
    ) -> Option<EnvStamp<'a>> {
        let has_sources = container.env_from.as_ref().is_some_and(|sources| !sources.is_empty());
        if has_sources && self.annotations.get(ENV_FROM).as_deref() != Some("override") {
            return None;
        }
        let defines = container.defines(&NAMES).ok()?;
        let [traceparent, tracestate, texts @ ..] = defines.unwrap_or_default().map(|defined| !defined);
        let tracestate = traceparent && tracestate && !stamp.identity.tracestate.is_empty();
        let [service, resource, endpoint, baggage] = texts;
        let sets = [traceparent, tracestate, service, resource, endpoint, baggage];
        let some = traceparent || texts.iter().zip(&stamp.texts.0).any(|(set, text)| *set && text.is_some());
        let (has_env, container) = (defines.is_some(), container.name.clone().into_cow());
        some.then_some(EnvStamp { list, index, has_env, container, sets })
    }

    /// What the operator opted into; `named` is asked only for that.
    pub(crate) fn texts(&self, named: impl FnOnce() -> Named<'a>) -> Texts {
        let settings = &self.config.environment;
        let named = settings.resource.then(named);
        let service = named.as_ref().and_then(|named| named.service.as_deref()).map(str::to_owned);
        let resource = named.map(|named| {
            let namespace = ("k8s.namespace.name", Some(Cow::Borrowed(self.namespace)));
            // What is longer is no name that the API server takes, and would be written for every container.
            let attributes = [namespace].into_iter().chain(named.resource).filter_map(|(key, value)| {
                let value = value.filter(|value| (1..=NAME_LIMIT).contains(&value.len()))?;
                Some(format!("{key}={value}"))
            });
            attributes.collect::<Vec<_>>().join(",")
        });
        let baggage = || self.annotations.get_bounded("baggage", BAGGAGE_LIMIT).ok().flatten().map(Cow::into_owned);
        let texts = [service, resource, settings.otlp_endpoint.clone(), settings.baggage.then(baggage).flatten()];
        // The kubelet expands $(NAME) in values and reads $$ as $; what is given as text is to arrive as text.
        Texts(texts.map(|text| text.map(|text| text.replace('$', "$$"))))
    }
}
