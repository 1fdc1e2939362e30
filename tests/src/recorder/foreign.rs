//! Records a cluster that the harness did not start.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use serde_json::json;

use super::{Place, Recorder};
use crate::component::interrupted;
use crate::kubectl::Kubectl;

/// A cluster of somebody's own, and how its API server reaches this machine.
#[derive(Args, Debug)]
#[command(next_help_heading = "A cluster of your own")]
pub(crate) struct Foreign {
    /// Where that cluster's API server reaches this process: `https://`, an address or name of this machine, a port.
    /// The certificate is made for it.
    #[arg(long, requires = "kubeconfig", requires = "namespaces", value_name = "https://HOST:PORT")]
    pub(crate) url: Option<Url>,
    /// The kubeconfig of a user who may register webhooks there; its current context is taken.
    #[arg(long, requires = "url", value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// A namespace to record; may be given more than once.
    #[arg(long = "namespace", id = "namespaces", requires = "url", value_name = "NAME")]
    namespaces: Vec<String>,
    /// Where to listen, when that is not the port of --url on all addresses.
    #[arg(long, requires = "url", value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// How long to record, for example 10m; without it until Ctrl-C.
    #[arg(long = "for", requires = "url", value_name = "DURATION")]
    duration: Option<SignedDuration>,
    /// The kubectl to use.
    #[arg(long, requires = "url", value_name = "PROGRAM", default_value = "kubectl")]
    kubectl: PathBuf,
}

/// Records until the time is over or Ctrl-C and gives the number of reviews.
pub(crate) fn record_foreign(foreign: &Foreign, url: &Url, out: &Path) -> Result<usize> {
    ensure!(url.scheme() == "https" && matches!(url.path(), "" | "/"), "{url} is not of the form https://HOST:PORT");
    let kubeconfig = foreign.kubeconfig.clone().context("no kubeconfig")?;
    let kubectl = Kubectl::new(foreign.kubectl.clone(), kubeconfig);
    // Otherwise a name written wrongly would be an empty recording.
    for namespace in &foreign.namespaces {
        kubectl.run(&["get", "namespace", namespace])?;
    }
    let host = url.host_str().context("no host")?.trim_matches(['[', ']']);
    let port = url.port_or_known_default().context("no port")?;
    let listen = foreign.listen.unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, port).into());
    let listener = TcpListener::bind(listen).with_context(|| format!("listening on {listen}"))?;
    let place = Place {
        // Nobody else's, whoever records at the same time.
        instance: format!("tracestamp-recorder-{}-{}", Timestamp::now().as_second(), std::process::id()),
        host: host.to_owned(),
        url: format!("https://{}:{port}", url.host_str().unwrap_or_default()),
        selector: json!({"matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "In", "values": foreign.namespaces},
        ]}),
        namespace: foreign.namespaces.first().context("no namespace")?.clone(),
    };
    println!(
        "registering {}; should this process be killed:\n  kubectl delete \
         mutatingwebhookconfiguration,validatingwebhookconfiguration {}",
        place.instance, place.instance
    );
    let recorder = Recorder::start(&kubectl, listener, &place, out)?;
    let deadline = foreign.duration.map(Duration::try_from).transpose()?.map(|duration| Instant::now() + duration);
    println!(
        "recording {} until {}",
        foreign.namespaces.join(", "),
        if deadline.is_some() { "the time is over" } else { "Ctrl-C" }
    );
    while !interrupted() && deadline.is_none_or(|deadline| Instant::now() < deadline) {
        if recorder.calls.has_failed() {
            recorder.stop()?;
            bail!("nothing more can be written");
        }
        thread::sleep(Duration::from_millis(100));
    }
    recorder.stop()
}
