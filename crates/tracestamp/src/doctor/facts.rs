//! What the cluster says of an installation.

use std::collections::BTreeMap;
use std::time::SystemTime;

use anyhow::Context as _;
use http::Request;
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Secret};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::version::Info;
use kube::api::ListParams;
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracestamp_core::kind::KINDS;

use crate::kubeconfig::api_resource;

/// Objects of an installation carry it.
const LABEL: &str = "app.kubernetes.io/name=tracestamp";
/// The most runs that are looked at.
const RUNS: u32 = 500;

/// What was asked, or why there is no answer.
pub(crate) type Asked<T> = Result<T, String>;

/// Everything that is looked at; nothing here is asked twice.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Where the installation is looked for.
    pub namespace: String,
    /// When it was asked.
    pub now: Timestamp,
    pub version: Info,
    /// How far the API server's clock is ahead of ours, in seconds; its `Date` has a resolution of one.
    pub clock: Option<i64>,
    /// The versions of `tekton.dev` that are served; none when Tekton is not there.
    pub tekton: Asked<Vec<String>>,
    /// All of the cluster, because their order counts.
    pub mutating: Asked<Vec<MutatingWebhookConfiguration>>,
    /// Those of the installation.
    pub validating: Asked<Vec<ValidatingWebhookConfiguration>>,
    /// The chain that the Pods are given, PEM. The key beside it is not kept.
    pub certificate: Asked<Option<Vec<u8>>>,
    /// Where the Service leads.
    pub endpoints: Asked<Vec<EndpointSlice>>,
    /// The settings of both processes, by name.
    pub settings: Asked<BTreeMap<String, String>>,
    /// The installation's Pods.
    pub pods: Asked<Vec<PodFacts>>,
    pub namespaces: Asked<Vec<Namespace>>,
    /// The newest PipelineRuns, without what is in them.
    pub runs: Asked<Vec<Value>>,
}

/// A Pod and what its processes tell.
#[derive(Clone, Debug)]
pub struct PodFacts {
    pub pod: Pod,
    /// The webhook's `/metrics`.
    pub webhook: Asked<String>,
    pub exporter: Asked<String>,
}

impl Facts {
    /// Asks for everything. Fails when the API server does not even tell its version.
    pub async fn gather(client: &Client, namespace: &str) -> anyhow::Result<Self> {
        let version = client.apiserver_version().await.context("GET /version")?;
        let ours = ListParams::default().labels(LABEL);
        let slices = ListParams::default().labels("kubernetes.io/service-name=tracestamp-webhook");
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let certificate = asked(secrets.get_opt("tracestamp-webhook-tls").await);
        let pods: Asked<Vec<Pod>> = list(Api::namespaced(client.clone(), namespace), &ours).await;
        let pods = match pods {
            Ok(pods) => Ok(ask_pods(client, namespace, pods).await),
            Err(error) => Err(error),
        };
        Ok(Self {
            namespace: namespace.to_owned(),
            now: Timestamp::now(),
            clock: clock(client).await,
            tekton: tekton(client).await,
            mutating: list(Api::all(client.clone()), &ListParams::default()).await,
            validating: list(Api::all(client.clone()), &ours).await,
            certificate: certificate.map(|secret| Some(secret?.data?.remove("tls.crt")?.0)),
            endpoints: list(Api::namespaced(client.clone(), namespace), &slices).await,
            settings: settings(client, namespace, &pods).await,
            pods,
            namespaces: list(Api::all(client.clone()), &ListParams::default()).await,
            runs: runs(client).await,
            version,
        })
    }
}

fn asked<T>(answer: kube::Result<T>) -> Asked<T> {
    answer.map_err(|error| match error {
        kube::Error::Api(status) if status.code == 403 => "no permission to read it".to_owned(),
        error => error.to_string(),
    })
}

async fn list<K>(api: Api<K>, params: &ListParams) -> Asked<Vec<K>>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    asked(api.list(params).await).map(|list| list.items)
}

/// The body that the API server gives for `path`.
async fn text(client: &Client, path: &str) -> Asked<String> {
    let request = Request::get(path).body(Vec::new()).map_err(|error| error.to_string())?;
    asked(client.request_text(request).await)
}

async fn ask_pods(client: &Client, namespace: &str, pods: Vec<Pod>) -> Vec<PodFacts> {
    let mut told = Vec::new();
    for pod in pods {
        let name = pod.metadata.name.clone().unwrap_or_default();
        let path = |port| format!("/api/v1/namespaces/{namespace}/pods/http:{name}:{port}/proxy/metrics");
        let (webhook, exporter) = (text(client, &path(8080)).await, text(client, &path(8081)).await);
        told.push(PodFacts { pod, webhook, exporter });
    }
    told
}

async fn clock(client: &Client) -> Option<i64> {
    let request = Request::get("/version").body(kube::client::Body::empty()).ok()?;
    let response = client.send(request).await.ok()?;
    let theirs = httpdate::parse_http_date(response.headers().get("date")?.to_str().ok()?).ok()?;
    let theirs = theirs.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    Some(i64::try_from(theirs).ok()? - Timestamp::now().as_second())
}

async fn tekton(client: &Client) -> Asked<Vec<String>> {
    let groups = asked(client.list_api_groups().await)?;
    let group = groups.groups.into_iter().find(|group| group.name == "tekton.dev");
    Ok(group.map(|group| group.versions.into_iter().map(|version| version.version).collect()).unwrap_or_default())
}

/// Of the ConfigMap that the Pods name; its name depends on its content.
async fn settings(client: &Client, namespace: &str, pods: &Asked<Vec<PodFacts>>) -> Asked<BTreeMap<String, String>> {
    let pods = pods.as_ref().map_err(Clone::clone)?;
    let containers = pods.iter().rev().filter_map(|facts| facts.pod.spec.as_ref()).flat_map(|spec| &spec.containers);
    let mut sources = containers.flat_map(|container| container.env_from.iter().flatten());
    let name = sources.find_map(|source| source.config_map_ref.as_ref()).map(|reference| reference.name.clone());
    let Some(name) = name else { return Ok(BTreeMap::new()) };
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    Ok(asked(maps.get_opt(&name).await)?.and_then(|map| map.data).unwrap_or_default())
}

/// Of the kind that everything begins with, only the metadata: nothing of what is in them is anybody's business here.
async fn runs(client: &Client) -> Asked<Vec<Value>> {
    let Some(kind) = KINDS.first() else { return Ok(Vec::new()) };
    let resource = api_resource(kind.resource());
    let api: Api<kube::core::DynamicObject> = Api::all_with(client.clone(), &resource);
    let runs = asked(api.list_metadata(&ListParams::default().limit(RUNS)).await)?;
    Ok(runs.items.into_iter().filter_map(|run| serde_json::to_value(run.metadata).ok()).collect())
}
