//! Jaeger itself, all in one and in memory: the cluster's, and one that a test may stop.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::component::Component;
use crate::port;
use crate::shared::Shared;

/// Where a Jaeger listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JaegerPorts {
    pub(crate) query: u16,
    pub(crate) otlp_http: u16,
    pub(crate) otlp_grpc: u16,
}

impl JaegerPorts {
    pub(crate) fn free() -> Result<Self> {
        Ok(Self { query: port::free()?, otlp_http: port::free()?, otlp_grpc: port::free()? })
    }

    /// Where it is asked for traces.
    pub(crate) fn query_url(self) -> String {
        format!("http://127.0.0.1:{}", self.query)
    }

    /// A Jaeger that takes OTLP at this address.
    pub(crate) fn command(self, program: &Path, address: &str) -> Result<Command> {
        let mut command = Command::new(program);
        command.env("COLLECTOR_OTLP_ENABLED", "true").env("SPAN_STORAGE_TYPE", "memory").args([
            local("--query.http-server.host-port", self.query),
            format!("--collector.otlp.http.host-port={address}:{}", self.otlp_http),
            format!("--collector.otlp.grpc.host-port={address}:{}", self.otlp_grpc),
        ]);
        for flag in [
            "--query.grpc-server.host-port",
            "--admin.http.host-port",
            "--collector.grpc-server.host-port",
            "--collector.http-server.host-port",
            "--http-server.host-port",
            "--processor.jaeger-binary.server-host-port",
            "--processor.jaeger-compact.server-host-port",
            "--processor.zipkin-compact.server-host-port",
        ] {
            command.arg(local(flag, port::free()?));
        }
        Ok(command)
    }
}

fn local(flag: &str, port: u16) -> String {
    format!("{flag}=127.0.0.1:{port}")
}

/// A Jaeger of the test's own, which forgets everything when it is killed.
#[derive(Debug)]
pub struct JaegerServer {
    shared: Shared,
    ports: JaegerPorts,
    running: Option<Component>,
}

impl JaegerServer {
    /// Starts it.
    pub fn start(shared: &Shared) -> Result<Self> {
        let mut server = Self { shared: shared.clone(), ports: JaegerPorts::free()?, running: None };
        server.restart()?;
        Ok(server)
    }

    /// Starts it again, where it was.
    pub fn restart(&mut self) -> Result<()> {
        let (name, mut command) =
            (format!("jaeger-{}", self.ports.query), self.ports.command(&self.shared.jaeger, "127.0.0.1")?);
        let mut component = Component::start(&name, &mut command, &self.shared.directory, &self.shared.logs())?;
        let listens = |port| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
        component.wait_until("listening", || listens(self.ports.otlp_grpc) && listens(self.ports.query))?;
        self.running = Some(component);
        Ok(())
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.running = None;
    }

    /// Where it takes OTLP/gRPC.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.otlp_grpc)
    }

    /// Where it is asked for traces.
    pub fn query_url(&self) -> String {
        self.ports.query_url()
    }
}
