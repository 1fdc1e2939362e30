//! What an operator may decide. Plain data: the shells fill it from flags and the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::TraceUrl;
use crate::context::Sampler;

/// The settings of a decision.
#[derive(Clone, Debug)]
pub struct Config {
    /// Key of the seal: with it a span id is an HMAC, without it a plain SHA-256. All replicas need the same.
    pub seal_key: Option<SealKey>,
    /// The share of new traces that is recorded.
    pub sampler: Sampler,
    /// Where a creator may have put a trace context, first match wins; Tekton's own carrier comes before all of these.
    pub carriers: Vec<Carrier>,
    /// What becomes of a creator's carrier.
    pub carrier_mode: CarrierMode,
    /// The same for single namespaces.
    pub carrier_mode_by_namespace: BTreeMap<String, CarrierMode>,
    /// Namespaces never touched, whatever the registration says.
    pub excluded_namespaces: BTreeSet<String>,
    /// `service.name` of the recorded spans.
    pub service_name: String,
    /// Labels whose values become span attributes `k8s.{object}.label.{key}`. None unless named here.
    pub label_attributes: Vec<String>,
    /// Annotations whose values become span attributes. None unless named here.
    pub annotation_attributes: Vec<String>,
    /// Where a trace can be looked at: written on roots and told by the spans of runs.
    pub trace_url: Option<TraceUrl>,
    /// Whether Events about Pods are read.
    pub pod_events: bool,
    /// Kinds that are switched off, as `plural.group`: their objects are neither stamped nor owners.
    pub disabled_kinds: BTreeSet<String>,
    /// What goes into the environment of task containers beyond `TRACEPARENT` and `TRACESTATE`.
    pub environment: Environment,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seal_key: None,
            sampler: Sampler::ALWAYS,
            carriers: Carrier::defaults(),
            carrier_mode: CarrierMode::Join,
            carrier_mode_by_namespace: BTreeMap::new(),
            excluded_namespaces: ["kube-system", "kube-node-lease"].map(String::from).into(),
            service_name: "tekton".to_owned(),
            label_attributes: Vec::new(),
            annotation_attributes: Vec::new(),
            trace_url: None,
            pod_events: false,
            disabled_kinds: BTreeSet::new(),
            environment: Environment::default(),
        }
    }
}

impl Config {
    /// What becomes of carriers in `namespace`.
    pub fn carrier_mode(&self, namespace: &str) -> CarrierMode {
        self.carrier_mode_by_namespace.get(namespace).copied().unwrap_or(self.carrier_mode)
    }
}

/// A secret key; its bytes are never shown.
#[derive(Clone)]
pub struct SealKey(Vec<u8>);

impl SealKey {
    /// Takes the key's bytes, any number but none.
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (!bytes.is_empty()).then_some(Self(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(hidden)")
    }
}

/// What becomes of a trace context that the creator of a run put on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CarrierMode {
    /// The run joins the creator's trace.
    Join,
    /// The run gets a trace of its own that links to the creator's.
    Link,
    /// It is not read.
    Ignore,
}

impl std::str::FromStr for CarrierMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "join" => Ok(Self::Join),
            "link" => Ok(Self::Link),
            "ignore" => Ok(Self::Ignore),
            _ => Err("it is none of join, link, ignore".to_owned()),
        }
    }
}

/// The form of a carrier's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CarrierFormat {
    /// A W3C `traceparent`.
    W3c,
    /// A JSON object of propagation fields, as Tekton writes it: `{"traceparent":"00-…"}`.
    Json,
    /// B3 in one value: `{trace}-{span}-{sampled}`.
    B3,
    /// Base64 of OpenCensus' binary span context, of the KEP's `trace.kubernetes.io/context`.
    Binary,
}

/// An annotation that may hold a creator's trace context.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Carrier {
    /// The annotation's key.
    pub key: String,
    /// How its value is written.
    pub format: CarrierFormat,
}

impl Carrier {
    /// The keys read when the operator names none.
    pub fn defaults() -> Vec<Self> {
        [
            ("traceparent", CarrierFormat::W3c),
            // KEP-5915.
            ("tracing.k8s.io/traceparent", CarrierFormat::W3c),
            // KEP "Leveraging Distributed Tracing to Understand Kubernetes Object Lifecycles" (PR 650).
            ("trace.kubernetes.io/context", CarrierFormat::Binary),
            // TEP-0124 as written; as built, Tekton reads tekton.dev/{pipelinerun,taskrun}SpanContext.
            ("tekton/pipelinerun-span-context", CarrierFormat::Json),
            ("tekton/taskrun-span-context", CarrierFormat::Json),
            ("b3", CarrierFormat::B3),
        ]
        .map(|(key, format)| Self { key: key.to_owned(), format })
        .into()
    }
}

impl std::str::FromStr for Carrier {
    type Err = String;

    /// Reads `KEY=FORMAT` with a format of w3c, json, b3 or binary; `KEY` alone means w3c.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, format) = text.split_once('=').unwrap_or((text, "w3c"));
        let format = match format {
            "w3c" => CarrierFormat::W3c,
            "json" => CarrierFormat::Json,
            "b3" => CarrierFormat::B3,
            "binary" => CarrierFormat::Binary,
            _ => return Err("its format is none of w3c, json, b3, binary".to_owned()),
        };
        if key.is_empty() || key.starts_with("tracestamp.dev/") {
            return Err("its key cannot be that of a creator's carrier".to_owned());
        }
        Ok(Self { key: key.to_owned(), format })
    }
}

/// Opt-in environment variables of task containers; `TRACEPARENT` and `TRACESTATE` need no setting.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Sets `OTEL_SERVICE_NAME` to the pipeline task's name and `OTEL_RESOURCE_ATTRIBUTES` to the run's identity.
    pub resource: bool,
    /// Sets `OTEL_EXPORTER_OTLP_ENDPOINT` to this URL. Headers are never set: they hold secrets.
    pub otlp_endpoint: Option<String>,
    /// Sets `BAGGAGE` from the annotation `baggage` of the run.
    pub baggage: bool,
}
