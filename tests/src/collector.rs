//! The OpenTelemetry Collector with the configuration of `manifests/samples/backend`, in front of the cluster's Jaeger.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::component::Component;
use crate::shared::Shared;
use crate::{machine, port};

/// A Collector on this machine.
#[derive(Debug)]
pub struct Collector {
    shared: Shared,
    config: PathBuf,
    port: u16,
    running: Option<Component>,
}

impl Collector {
    /// Starts it with the sample's configuration, in which nothing but the addresses is another.
    pub fn start(shared: &Shared) -> Result<Self> {
        let mut config = fs::read_to_string(machine::project().join("manifests/samples/backend/config.yaml"))?;
        let port = port::free()?;
        for (there, here) in [
            ("0.0.0.0:4317", format!("127.0.0.1:{port}")),
            ("0.0.0.0:4318", format!("127.0.0.1:{}", port::free()?)),
            ("jaeger.observability.svc:4317", shared.otlp_grpc.trim_start_matches("http://").to_owned()),
        ] {
            ensure!(config.contains(there), "the sample's configuration has no {there}");
            config = config.replace(there, &here);
        }
        let file = shared.directory.join(format!("{}.yaml", shared.unique("collector")));
        fs::write(&file, config)?;
        let mut collector = Self { shared: shared.clone(), config: file, port, running: None };
        collector.restart()?;
        Ok(collector)
    }

    /// Starts it again, where it was.
    pub fn restart(&mut self) -> Result<()> {
        let mut command = Command::new(&self.shared.collector);
        command.arg(format!("--config=file:{}", self.config.display()));
        let name = format!("collector-{}", self.port);
        let mut component = Component::start(&name, &mut command, &self.shared.directory, &self.shared.logs())?;
        component.wait_until("listening", || std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok())?;
        self.running = Some(component);
        Ok(())
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.running = None;
    }

    /// Where it takes OTLP/gRPC.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
