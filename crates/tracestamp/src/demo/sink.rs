//! A backend that keeps what it is sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

/// An OTLP/gRPC receiver on a free port of the loopback interface; it ends with the runtime.
#[derive(Clone)]
pub(super) struct Sink {
    address: SocketAddr,
    received: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

impl Sink {
    pub(super) fn start() -> anyhow::Result<Self> {
        let incoming = TcpIncoming::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let sink = Self { address: incoming.local_addr()?, received: Arc::default() };
        let service = TraceServiceServer::new(sink.clone());
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
        Ok(sink)
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes out what has come in so far.
    pub(super) fn received(&self) -> Vec<ExportTraceServiceRequest> {
        std::mem::take(&mut *self.received.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[tonic::async_trait]
impl TraceService for Sink {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).push(request.into_inner());
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}
