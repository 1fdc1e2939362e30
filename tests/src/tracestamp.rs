//! tracestamp itself on the cluster: the real webhook and the real exporter, registered for the namespaces of one test.

mod metrics;
pub(crate) mod registration;
mod service;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::component::{Component, Frozen};
use crate::otlp::OtlpTee;
use crate::registration::Registration;
use crate::reviews::Reviews;
use crate::shared::{Namespace, Shared, poll};
use crate::{machine, port};

pub use metrics::Metrics;
pub use service::Service;

/// Namespaces with this label, set to the instance's name, are that instance's.
pub(crate) const LABEL: &str = "e2e.tracestamp.dev/instance";

/// The setting that goes with the component `events`.
const EVENTS: (&str, &str) = ("TRACESTAMP_POD_EVENTS", "true");

/// One webhook with its exporter, and the registration that leads to it. Other tests do not notice.
#[derive(Debug)]
pub struct Tracestamp {
    shared: Shared,
    name: String,
    /// The value of [`LABEL`] on the namespaces that it sees; replicas have it in common.
    instance: String,
    listens: Listens,
    settings: Vec<(String, String)>,
    webhook: Option<Component>,
    exporter: Option<Component>,
    /// Where the webhook tells its metrics.
    webhook_admin: u16,
    /// Where the exporter tells its own.
    exporter_admin: u16,
    /// Kept while requests are to reach the webhook.
    pub registration: Option<Registration>,
    /// What the exporter sent.
    pub tee: OtlpTee,
}

/// Where a webhook listens, and by which certificate.
#[derive(Clone, Debug)]
struct Listens {
    host: Ipv4Addr,
    port: u16,
    certificate: PathBuf,
    key: PathBuf,
}

impl Listens {
    fn locally(shared: &Shared) -> Result<Self> {
        let (certificate, key) = (shared.certificate.clone(), shared.key.clone());
        Ok(Self { host: Ipv4Addr::LOCALHOST, port: port::free()?, certificate, key })
    }
}

impl Tracestamp {
    /// Starts both and registers the webhook.
    pub fn start(shared: &Shared) -> Result<Self> {
        Self::with_settings(shared, &[])
    }

    /// The same with Events about Pods, as the component has them, and more settings.
    pub fn with_events(shared: &Shared, settings: &[(&str, &str)]) -> Result<Self> {
        Self::with_settings(shared, &[&[EVENTS], settings].concat())
    }

    /// The same with variables of the environment for both programs. Its OTLP receiver runs on the surrounding runtime.
    pub fn with_settings(shared: &Shared, settings: &[(&str, &str)]) -> Result<Self> {
        let settings = settings.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        let name = shared.unique("tracestamp");
        let mut tracestamp = Self::listening(shared, &name, &name, Listens::locally(shared)?, settings, true)?;
        tracestamp.register()?;
        Ok(tracestamp)
    }

    /// Starts both, but nothing leads to the webhook yet.
    pub fn unregistered(shared: &Shared) -> Result<Self> {
        let name = shared.unique("tracestamp");
        Self::listening(shared, &name, &name, Listens::locally(shared)?, Vec::new(), true)
    }

    /// Another webhook with a spool and an exporter of its own, for the same namespaces. Nothing leads to it yet. What
    /// it sends ends in its [`Tracestamp::tee`]: Jaeger shows twice what two tell alike.
    pub fn replica(&self) -> Result<Self> {
        let (name, listens) = (self.shared.unique("tracestamp"), Listens::locally(&self.shared)?);
        Self::listening(&self.shared, &name, &self.instance, listens, self.settings.clone(), false)
    }

    fn listening(
        shared: &Shared,
        name: &str,
        instance: &str,
        listens: Listens,
        settings: Vec<(String, String)>,
        to_jaeger: bool,
    ) -> Result<Self> {
        let mut tracestamp = Self {
            shared: shared.clone(),
            name: name.to_owned(),
            instance: instance.to_owned(),
            listens,
            settings,
            webhook: None,
            exporter: None,
            webhook_admin: 0,
            exporter_admin: 0,
            registration: None,
            tee: OtlpTee::start(to_jaeger.then_some(&*shared.otlp_http))?,
        };
        fs::create_dir_all(tracestamp.spool())?;
        tracestamp.start_exporter()?;
        tracestamp.start_webhook()?;
        Ok(tracestamp)
    }

    /// Where the webhook answers reviews.
    pub fn port(&self) -> u16 {
        self.listens.port
    }

    /// A namespace whose objects this instance sees.
    pub fn namespace(&self, stem: &str) -> Result<Namespace> {
        self.shared.namespace(stem, &[(LABEL, &self.instance)])
    }

    /// Registers the webhook, as the manifests do.
    pub fn register(&mut self) -> Result<()> {
        self.register_some(&registration::ALL)
    }

    /// Registers it for `/observe` alone: only one of several may stamp, but each can watch.
    pub fn register_observing(&mut self) -> Result<()> {
        self.register_some(&registration::OBSERVING)
    }

    fn register_some(&mut self, kinds: &[&str]) -> Result<()> {
        let ca = fs::read(&self.shared.ca)?;
        let client = registration::url(self.listens.port, &ca);
        let events = self.settings.iter().any(|(key, _)| key == EVENTS.0);
        let manifests = if events {
            registration::with_events(&self.shared)?
        } else {
            registration::of_base(&self.shared.kubectl)?
        };
        let mut configurations = registration::configurations(manifests, &self.name, &self.instance, client)?;
        configurations.retain(|configuration| kinds.iter().any(|&kind| configuration["kind"] == kind));
        self.registration = Some(Registration::create(&self.shared.kubectl, &self.name, &configurations)?);
        Ok(())
    }

    /// Starts the webhook, on the port it had before.
    pub fn start_webhook(&mut self) -> Result<()> {
        let mut command = self.command("tracestamp-webhook")?;
        command
            .env("TRACESTAMP_ADDRESS", format!("{}:{}", self.listens.host, self.listens.port))
            .env("TRACESTAMP_TLS_CERTIFICATE", &self.listens.certificate)
            .env("TRACESTAMP_TLS_KEY", &self.listens.key);
        self.webhook_admin = port::free()?;
        self.webhook = Some(self.run("webhook", command, self.webhook_admin)?);
        Ok(())
    }

    /// Starts the exporter on the same spool.
    pub fn start_exporter(&mut self) -> Result<()> {
        let command = self.command("tracestamp-exporter")?;
        self.exporter_admin = port::free()?;
        self.exporter = Some(self.run("exporter", command, self.exporter_admin)?);
        Ok(())
    }

    /// Ends both as Kubernetes does, the exporter last: afterwards [`Tracestamp::tee`] has all there ever will be.
    pub fn finish(&mut self) -> Result<()> {
        self.take_webhook()?.terminate()?;
        self.take_exporter()?.terminate()
    }

    /// What the API server sends of the namespaces that this instance sees, from now on.
    pub fn reviews(&self) -> Result<Reviews> {
        Reviews::listen(&self.shared, &self.instance)
    }

    /// What the webhook counts.
    pub fn metrics(&self) -> Result<Metrics> {
        Metrics::of(self.webhook_admin)
    }

    /// What the exporter counts.
    pub fn exporter_metrics(&self) -> Result<Metrics> {
        Metrics::of(self.exporter_admin)
    }

    /// Takes the webhook, to end it in one way or another.
    pub fn take_webhook(&mut self) -> Result<Component> {
        self.webhook.take().context("no webhook runs")
    }

    /// Stops the webhook where it is, until the value is dropped.
    pub fn freeze(&self) -> Result<Frozen> {
        self.webhook.as_ref().map(Component::freeze).context("no webhook runs")
    }

    /// Takes the exporter likewise.
    pub fn take_exporter(&mut self) -> Result<Component> {
        self.exporter.take().context("no exporter runs")
    }

    fn spool(&self) -> PathBuf {
        self.shared.directory.join("spool").join(&self.name)
    }

    fn command(&self, program: &str) -> Result<Command> {
        let path = machine::program(program);
        let mut command =
            Command::new(path.canonicalize().with_context(|| format!("{} is not built", path.display()))?);
        command
            .env("TRACESTAMP_SPOOL_DIR", self.spool())
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", self.tee.endpoint())
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
            .envs(self.settings.iter().map(|(key, value)| (key, value)));
        Ok(command)
    }

    fn run(&self, part: &str, mut command: Command, admin: u16) -> Result<Component> {
        command.arg("--admin-address").arg(format!("127.0.0.1:{admin}"));
        let name = format!("{}-{part}", self.name);
        let mut component = Component::start(&name, &mut command, &self.shared.directory, &self.shared.logs())?;
        component
            .wait_until("/ready", || get(admin, "/ready").is_some_and(|answer| answer.starts_with("HTTP/1.1 200")))?;
        Ok(component)
    }

    /// The trace id that `run` (kind and name) is stamped with.
    pub fn trace_id(&self, namespace: &Namespace, kind: &str, name: &str) -> Result<String> {
        let column = r"jsonpath={.metadata.annotations.tracestamp\.dev/traceparent}";
        poll("a traceparent", Duration::from_secs(5), || {
            let traceparent = namespace.kubectl.run(&["get", kind, name, "-o", column])?;
            Ok(traceparent.split('-').nth(1).map(str::to_owned))
        })
    }
}

/// One answer of a plain server on this machine.
pub(crate) fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
