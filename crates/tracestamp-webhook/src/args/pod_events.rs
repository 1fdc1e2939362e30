//! Events about Pods, and where the Pods are looked up.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use axum::http::Uri;

use tracestamp_runtime::parse_interval;

use crate::pod_events::PodEvents;

/// The flags of Events about Pods.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Events about Pods")]
pub(crate) struct PodEventArgs {
    /// Reads Events about Pods: spans of image pulls, and of what else the kubelet and the scheduler report. Needs the
    /// registration of manifests/components/events.
    #[arg(long = "pod-events", id = "pod_events", env = "TRACESTAMP_POD_EVENTS")]
    pub(crate) enabled: bool,
    /// How long an Event waits for a review of its Pod, from which its trace is known. Past it the Event is dropped and
    /// counted.
    #[arg(long = "pod-events-hold", id = "pod_events_hold", env = "TRACESTAMP_POD_EVENTS_HOLD", value_name = "DURATION", default_value = "15m", value_parser = parse_interval)]
    pub(crate) hold: Duration,
    /// How long an Event waits before the webhook fetches its Pod from the API server, by one GET outside of any review.
    /// Unset: never. Needs the rights of manifests/components/events-lookup.
    #[arg(long = "pod-events-lookup", id = "pod_events_lookup", env = "TRACESTAMP_POD_EVENTS_LOOKUP", value_name = "DURATION", value_parser = parse_interval)]
    pub(crate) lookup: Option<Duration>,
    #[command(flatten)]
    pub(crate) api_server: ApiServerArgs,
}

/// The flags of the API server that Pods are fetched from: those of the service account unless set.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct ApiServerArgs {
    /// Where Pods are fetched from. Unset: the cluster's own API server, from KUBERNETES_SERVICE_HOST and
    /// KUBERNETES_SERVICE_PORT.
    #[arg(long = "api-server", id = "api_server", env = "TRACESTAMP_API_SERVER", value_name = "URL", value_parser = parse_api_server)]
    url: Option<Uri>,
    /// Certificates that the API server's must be signed by, in PEM. Read again when it changes.
    #[arg(
        long = "api-server-ca-file",
        id = "api_server_ca_file",
        env = "TRACESTAMP_API_SERVER_CA_FILE",
        value_name = "FILE",
        default_value = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
    )]
    pub(crate) ca_file: PathBuf,
    /// Token sent to the API server. Read again when it changes: the kubelet replaces it within the hour.
    #[arg(
        long = "api-server-token-file",
        id = "api_server_token_file",
        env = "TRACESTAMP_API_SERVER_TOKEN_FILE",
        value_name = "FILE",
        default_value = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    )]
    pub(crate) token_file: PathBuf,
}

impl ApiServerArgs {
    /// The API server's URL. Fails where none is set and the process runs in no Pod.
    pub(crate) fn url(&self) -> anyhow::Result<Uri> {
        let of_service = || {
            let [host, port] = ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"].map(std::env::var);
            service_url(&host.ok()?, &port.ok()?)
        };
        self.url.clone().or_else(of_service).context("--pod-events-lookup needs --api-server outside of a cluster")
    }
}

/// The URL of the API server's Service; an IPv6 address needs brackets.
fn service_url(host: &str, port: &str) -> Option<Uri> {
    let authority = match host.parse() {
        Ok(IpAddr::V6(address)) => format!("[{address}]:{port}"),
        _ => format!("{host}:{port}"),
    };
    format!("https://{authority}").parse().ok()
}

/// Only https, for a token goes there, and no user, for what kube says of a request that failed may show the URL.
fn parse_api_server(text: &str) -> Result<Uri, String> {
    let url: Option<Uri> = text.parse().ok();
    let of_host = |url: &Uri| url.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    url.filter(|url| {
        url.scheme_str() == Some("https") && of_host(url) && url.path_and_query().is_none_or(|path| path == "/")
    })
    .ok_or_else(|| "it is not https:// with a host, a port and nothing else".to_owned())
}

impl PodEventArgs {
    /// The memory that Events need; `None` when they are not read.
    pub(crate) fn memory(&self) -> Option<PodEvents> {
        self.enabled.then(|| PodEvents::new(self.hold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_the_service_is_that_of_its_host_and_port() {
        for (host, expected) in [
            ("10.96.0.1", Some("https://10.96.0.1:443/")),
            ("fd00::1", Some("https://[fd00::1]:443/")),
            ("kubernetes.default.svc", Some("https://kubernetes.default.svc:443/")),
            ("no host", None),
        ] {
            assert_eq!(service_url(host, "443").map(|url| url.to_string()).as_deref(), expected, "{host}");
        }
    }

    #[test]
    fn a_token_goes_to_a_host_by_https_and_a_refused_url_is_not_repeated() {
        let secret = ["http://10.96.0.1", "https://user:secret@10.96.0.1", "https://10.96.0.1/?key=secret"];
        for refused in [&secret[..], &["https://", "10.96.0.1:443", "/path", ""]].concat() {
            let error = parse_api_server(refused).unwrap_err();
            assert_eq!(error, "it is not https:// with a host, a port and nothing else", "{refused}");
        }
        assert_eq!(parse_api_server("https://10.96.0.1:6443").unwrap().host(), Some("10.96.0.1"));
    }
}
