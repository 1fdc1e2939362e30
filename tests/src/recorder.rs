//! Records what the API server sends: a webhook that is registered for both phases without filters, patches nothing
//! and writes every review down.

mod calls;
mod foreign;

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::component::interrupted;
use crate::kubectl::Kubectl;
use crate::registration::Registration;
use crate::scenario::Scenario;
use crate::serve;
use crate::shared::Shared;
use calls::Calls;
pub(crate) use foreign::{Foreign, record_foreign};

const NAME: &str = "tracestamp-recorder";
/// How long the API server has for its first call.
const REACHED: Duration = Duration::from_secs(20);

/// Plays `scenario` and writes every review of its namespace to `out`. Gives their number.
pub(crate) fn record(shared: &Shared, scenario: &str, out: &Path) -> Result<usize> {
    let scenario = Scenario::load(scenario)?;
    // Of this recording alone: the namespace of the one before is still being emptied.
    let instance = shared.unique("recording");
    let namespace = shared.namespace("record", &[(NAME, &instance)])?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let place = Place {
        host: Ipv4Addr::LOCALHOST.to_string(),
        url: format!("https://{}", listener.local_addr()?),
        selector: json!({"matchLabels": {NAME: instance}}),
        namespace: namespace.name.clone(),
        instance,
    };
    let recorder = Recorder::start(&shared.kubectl, listener, &place, out)?;
    let played = scenario.play(&namespace);
    // The kubelet's last words about a Pod come a second or two after its run has ended.
    thread::sleep(Duration::from_secs(4));
    let count = recorder.stop()?;
    played.map(|_| count)
}

/// Where the API server finds the recorder, and what it is to send there.
struct Place {
    /// The name of the registration.
    instance: String,
    /// What the certificate is for.
    host: String,
    url: String,
    /// The registration's `namespaceSelector`.
    selector: Value,
    /// A namespace that it selects.
    namespace: String,
}

/// A webhook that writes down what it is sent, registered for as long as it lives.
struct Recorder {
    // Dropped first: nothing may be sent to where nobody listens.
    registration: Registration,
    calls: Calls,
}

impl Recorder {
    /// Listens, registers and waits until the API server has found the way.
    fn start(kubectl: &Kubectl, listener: TcpListener, place: &Place, out: &Path) -> Result<Self> {
        let identity = rcgen::generate_simple_self_signed([place.host.clone()])?;
        let certificate = identity.cert.pem();
        let calls = Calls::write_to(out, &place.instance)?;
        serve::https_on(
            calls.router(),
            listener,
            certificate.as_bytes(),
            identity.signing_key.serialize_pem().as_bytes(),
        )?;
        let configurations = configurations(place, certificate.as_bytes());
        let registration = Registration::create(kubectl, &place.instance, &configurations)?;
        let recorder = Self { registration, calls };
        recorder.await_call(kubectl, place)?;
        Ok(recorder)
    }

    /// Makes calls of its own, which change nothing, until one arrives. It is not recorded.
    fn await_call(&self, kubectl: &Kubectl, place: &Place) -> Result<()> {
        let event = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": place.instance},
            "involvedObject": {"namespace": place.namespace},
            "type": "Normal", "reason": "Recording",
        });
        let deadline = Instant::now() + REACHED;
        let mut created = Ok(String::new());
        while !self.calls.has_arrived() {
            if interrupted() {
                bail!("interrupted");
            }
            if Instant::now() > deadline {
                return Err(created.err().unwrap_or_else(|| anyhow!("no call came in {REACHED:?}")))
                    .map_err(|error| error.context(format!("the API server does not reach {}", place.url)));
            }
            created = kubectl
                .within(&place.namespace)
                .run_with(&["create", "--dry-run=server", "-f", "-"], &event.to_string());
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Unregisters, and gives the number of reviews written.
    fn stop(self) -> Result<usize> {
        drop(self.registration);
        self.calls.finish()
    }
}

/// Everything that Tekton, Pods and their owners do in the namespaces; no Secret and no ConfigMap, because recordings
/// are shown to others.
fn configurations(place: &Place, ca: &[u8]) -> [Value; 2] {
    let rule = |groups: &[&str], resources: &[&str]| {
        json!({
            "apiGroups": groups, "apiVersions": ["*"], "resources": resources, "scope": "Namespaced",
            "operations": ["CREATE", "UPDATE", "DELETE"],
        })
    };
    let rules = [
        rule(&["tekton.dev"], &["*/*"]),
        rule(&[""], &["pods", "pods/status", "pods/ephemeralcontainers", "pods/resize"]),
        rule(&["", "events.k8s.io"], &["events"]),
        rule(&["apps", "batch"], &["*/*"]),
    ];
    ["Mutating", "Validating"].map(|kind| {
        let phase = kind.to_lowercase();
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": format!("{kind}WebhookConfiguration"),
            "metadata": {"name": place.instance},
            "webhooks": [{
                "name": format!("{phase}.recorder.tracestamp.dev"),
                "clientConfig": {"url": format!("{}/{phase}", place.url), "caBundle": STANDARD.encode(ca)},
                "rules": rules,
                "namespaceSelector": place.selector,
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Ignore",
                // What everything there waits for each time when the recorder is killed and its host does not answer.
                "timeoutSeconds": 3,
            }],
        })
    })
}
