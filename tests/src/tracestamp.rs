//! tracestamp itself on the cluster: the real webhook and the real exporter, registered for the namespaces of one test.

mod registration;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context as _, Result};

use crate::component::Component;
use crate::otlp::OtlpTee;
use crate::registration::Registration;
use crate::shared::{Namespace, Shared, poll};
use crate::{machine, port};

/// Namespaces with this label, set to the instance's name, are that instance's.
pub(crate) const LABEL: &str = "e2e.tracestamp.dev/instance";

/// One webhook with its exporter, and the registration that leads to it. Other tests do not notice.
#[derive(Debug)]
pub struct Tracestamp {
    shared: Shared,
    name: String,
    address: u16,
    settings: Vec<(String, String)>,
    webhook: Option<Component>,
    exporter: Option<Component>,
    /// Kept while requests are to reach the webhook.
    pub registration: Option<Registration>,
    /// What the exporter sent.
    pub tee: OtlpTee,
}

impl Tracestamp {
    /// Starts both and registers the webhook.
    pub fn start(shared: &Shared) -> Result<Self> {
        Self::with_settings(shared, &[])
    }

    /// The same with variables of the environment for both programs. Its OTLP receiver runs on the surrounding runtime.
    pub fn with_settings(shared: &Shared, settings: &[(&str, &str)]) -> Result<Self> {
        let mut tracestamp = Self {
            shared: shared.clone(),
            name: shared.unique("tracestamp"),
            address: port::free()?,
            settings: settings.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect(),
            webhook: None,
            exporter: None,
            registration: None,
            tee: OtlpTee::start(&shared.otlp_http)?,
        };
        fs::create_dir_all(tracestamp.spool())?;
        tracestamp.start_exporter()?;
        tracestamp.start_webhook()?;
        tracestamp.register()?;
        Ok(tracestamp)
    }

    /// A namespace whose objects this instance sees.
    pub fn namespace(&self, stem: &str) -> Result<Namespace> {
        self.shared.namespace(stem, &[(LABEL, &self.name)])
    }

    /// Registers the webhook, as the manifests do.
    pub fn register(&mut self) -> Result<()> {
        let ca = fs::read(&self.shared.ca)?;
        let configurations = registration::configurations(&self.name, self.address, &ca);
        self.registration = Some(Registration::create(&self.shared.kubectl, &self.name, configurations)?);
        Ok(())
    }

    /// Starts the webhook, on the port it had before.
    pub fn start_webhook(&mut self) -> Result<()> {
        let mut command = self.command("tracestamp-webhook")?;
        command
            .env("TRACESTAMP_ADDRESS", format!("127.0.0.1:{}", self.address))
            .env("TRACESTAMP_TLS_CERTIFICATE", &self.shared.certificate)
            .env("TRACESTAMP_TLS_KEY", &self.shared.key);
        self.webhook = Some(self.run("webhook", command)?);
        Ok(())
    }

    /// Starts the exporter on the same spool.
    pub fn start_exporter(&mut self) -> Result<()> {
        let command = self.command("tracestamp-exporter")?;
        self.exporter = Some(self.run("exporter", command)?);
        Ok(())
    }

    /// Takes the webhook, to end it in one way or another.
    pub fn take_webhook(&mut self) -> Result<Component> {
        self.webhook.take().context("no webhook runs")
    }

    /// Takes the exporter likewise.
    pub fn take_exporter(&mut self) -> Result<Component> {
        self.exporter.take().context("no exporter runs")
    }

    fn spool(&self) -> PathBuf {
        self.shared.directory.join("spool").join(&self.name)
    }

    fn command(&self, program: &str) -> Result<Command> {
        let directory =
            env::var_os("TRACESTAMP_BIN_DIR").map_or_else(|| machine::target().join("debug"), PathBuf::from);
        let path = directory.join(program);
        let mut command =
            Command::new(path.canonicalize().with_context(|| format!("{} is not built", path.display()))?);
        command
            .env("TRACESTAMP_SPOOL_DIR", self.spool())
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", self.tee.endpoint())
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
            .envs(self.settings.iter().map(|(key, value)| (key, value)));
        Ok(command)
    }

    fn run(&self, part: &str, mut command: Command) -> Result<Component> {
        let admin = port::free()?;
        command.arg("--admin-address").arg(format!("127.0.0.1:{admin}"));
        let logs = self.shared.directory.join("logs");
        let mut component =
            Component::start(&format!("{}-{part}", self.name), &mut command, &self.shared.directory, &logs)?;
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
