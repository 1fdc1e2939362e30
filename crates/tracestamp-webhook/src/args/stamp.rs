//! What is stamped and recorded: the flags behind the decision's configuration.

use std::path::{Path, PathBuf};

use anyhow::Context;
use tracestamp_core::context::Sampler;
use tracestamp_core::kind::KINDS;
use tracestamp_core::{Carrier, CarrierMode, Config, Environment, SealKey, TraceUrl};
use tracestamp_runtime::shown;

/// The flags of the decision.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Stamping and recording")]
pub struct StampArgs {
    /// The share of new traces that is recorded, from 0 to 1. A parent's decision is kept.
    #[arg(long, env = "TRACESTAMP_SAMPLING_RATIO", value_name = "RATIO", default_value = "1")]
    pub(crate) sampling_ratio: Sampler,
    /// Annotation in which the creator of a run may have put a trace context, and its format: w3c, json, b3 or binary;
    /// KEY alone means w3c. May be given several times or as a list with commas; Tekton's own annotation counts first,
    /// then the first of these that is present. Replaces the built-in list (traceparent, tracing.k8s.io/traceparent,
    /// trace.kubernetes.io/context, tekton/pipelinerun-span-context, tekton/taskrun-span-context, b3).
    #[arg(long, env = "TRACESTAMP_CARRIER", value_name = "KEY=FORMAT", value_delimiter = ',')]
    pub(crate) carrier: Vec<Carrier>,
    /// How a creator's trace context is used: join (the run joins that trace), link (the run gets a trace of its own that
    /// links to it) or ignore.
    #[arg(long, env = "TRACESTAMP_CARRIER_MODE", value_name = "MODE", default_value = "join")]
    pub(crate) carrier_mode: CarrierMode,
    /// --carrier-mode of one namespace. May be given several times or as a list with commas.
    #[arg(
        long,
        env = "TRACESTAMP_CARRIER_MODE_NAMESPACE",
        value_name = "NAMESPACE=MODE",
        value_delimiter = ',',
        value_parser = parse_namespace_mode
    )]
    pub(crate) carrier_mode_namespace: Vec<(String, CarrierMode)>,
    /// Namespace that is left alone, whatever the registration says. May be given several times or as a list with
    /// commas.
    #[arg(
        long,
        env = "TRACESTAMP_EXCLUDED_NAMESPACE",
        value_name = "NAMESPACE",
        value_delimiter = ',',
        default_value = "kube-system,kube-node-lease"
    )]
    pub(crate) excluded_namespace: Vec<String>,
    /// Kind that is switched off, as `plural.group` (`customruns.tekton.dev`, `pods`): its objects are neither stamped nor
    /// observed, and count as nobody's owner. May be given several times or as a list with commas.
    #[arg(
        long,
        env = "TRACESTAMP_DISABLED_KIND",
        value_name = "KIND",
        value_delimiter = ',',
        value_parser = parse_kind
    )]
    pub(crate) disabled_kind: Vec<String>,
    /// `service.name` of the recorded spans.
    #[arg(long, env = "TRACESTAMP_SERVICE_NAME", value_name = "NAME", default_value = "tekton")]
    pub(crate) service_name: String,
    /// Label whose value becomes a span attribute; none unless named here. May be given several times or as a list
    /// with commas.
    #[arg(long, env = "TRACESTAMP_LABEL_ATTRIBUTE", value_name = "KEY", value_delimiter = ',')]
    pub(crate) label_attribute: Vec<String>,
    /// Annotation whose value becomes a span attribute; none unless named here. May be given several times or as a
    /// list with commas.
    #[arg(long, env = "TRACESTAMP_ANNOTATION_ATTRIBUTE", value_name = "KEY", value_delimiter = ',')]
    pub(crate) annotation_attribute: Vec<String>,
    /// URL under which the backend shows a trace, with {trace_id} and, if need be, {span_id} of the run in it. Every
    /// recorded root gets it as the annotation `tracestamp.dev/trace-url`, and the spans of runs as an attribute. For Jaeger
    /// `https://jaeger.example.com/trace/{trace_id}`; for Grafana the URL of an explore view, with %7B and %7D for the
    /// braces of its own.
    #[arg(long, env = "TRACESTAMP_TRACE_URL", value_name = "TEMPLATE")]
    pub(crate) trace_url: Option<TraceUrl>,
    /// File with the key that seals span ids, so that reading an object is not enough to compute them. All replicas need
    /// the same key, and a new key makes new ids.
    #[arg(long, env = "TRACESTAMP_SEAL_KEY_FILE", value_name = "FILE")]
    pub(crate) seal_key_file: Option<PathBuf>,
    /// Also sets OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES in task containers.
    #[arg(long, env = "TRACESTAMP_ENV_RESOURCE")]
    pub(crate) env_resource: bool,
    /// Also sets OTEL_EXPORTER_OTLP_ENDPOINT in task containers, to this URL.
    #[arg(long, env = "TRACESTAMP_ENV_OTLP_ENDPOINT", value_name = "URL", value_parser = parse_url)]
    pub(crate) env_otlp_endpoint: Option<String>,
    /// Also sets BAGGAGE in task containers, from the annotation `baggage` of the run.
    #[arg(long, env = "TRACESTAMP_ENV_BAGGAGE")]
    pub(crate) env_baggage: bool,
}

impl StampArgs {
    /// The configuration of the decision. Fails when the seal key cannot be read.
    pub fn into_config(self) -> anyhow::Result<Config> {
        let Self {
            sampling_ratio,
            carrier,
            carrier_mode,
            carrier_mode_namespace,
            excluded_namespace,
            disabled_kind,
            service_name,
            label_attribute,
            annotation_attribute,
            trace_url,
            seal_key_file,
            env_resource,
            env_otlp_endpoint,
            env_baggage,
        } = self;
        Ok(Config {
            seal_key: seal_key_file.as_deref().map(read_seal_key).transpose()?,
            sampler: sampling_ratio,
            carriers: if carrier.is_empty() { Carrier::defaults() } else { carrier },
            carrier_mode,
            carrier_mode_by_namespace: carrier_mode_namespace.into_iter().collect(),
            excluded_namespaces: excluded_namespace.into_iter().collect(),
            disabled_kinds: disabled_kind.into_iter().collect(),
            service_name,
            label_attributes: label_attribute,
            annotation_attributes: annotation_attribute,
            trace_url,
            pod_events: false,
            environment: Environment { resource: env_resource, otlp_endpoint: env_otlp_endpoint, baggage: env_baggage },
        })
    }
}

fn read_seal_key(path: &Path) -> anyhow::Result<SealKey> {
    let flag = || format!("--seal-key-file {}", shown::path(path));
    let bytes = std::fs::read(path).with_context(flag)?;
    SealKey::new(bytes).context("the file is empty").with_context(flag)
}

fn parse_namespace_mode(text: &str) -> Result<(String, CarrierMode), String> {
    let (namespace, mode) = text.split_once('=').ok_or_else(|| "it is not NAMESPACE=MODE".to_owned())?;
    Ok((namespace.to_owned(), mode.parse()?))
}

/// Reads the name of a traced kind.
fn parse_kind(text: &str) -> Result<String, String> {
    let known = || KINDS.iter().map(|kind| kind.resource().name());
    if known().any(|known| known == text) {
        return Ok(text.to_owned());
    }
    Err(format!("the kinds are {}", known().collect::<Vec<_>>().join(", ")))
}

fn parse_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest {
        Some(rest) if rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@')) => {
            Err("it contains a user, which everybody who may read Pods would see".to_owned())
        }
        Some(rest) if !rest.is_empty() => Ok(text.to_owned()),
        _ => Err("it is not an http:// or https:// URL".to_owned()),
    }
}
