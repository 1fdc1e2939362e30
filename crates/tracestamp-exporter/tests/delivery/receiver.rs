//! OTLP receivers on loopback that answer as they were told.

use std::collections::VecDeque;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tonic::codec::CompressionEncoding;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Server, ServerTlsConfig};
use tonic::{Request, Status};

/// What a receiver does with a request. When nothing is left to do, it takes it.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Take,
    Partial(i64),
    /// Takes it, throws one span away and says this.
    PartialWith(&'static str),
    Grpc(Status),
    Http(u16, &'static [(&'static str, &'static str)]),
    /// Takes it and never says so.
    Hang,
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) message: ExportTraceServiceRequest,
    pub(crate) headers: HeaderMap,
    pub(crate) path: String,
}

#[derive(Clone, Default)]
pub(crate) struct Receiver {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    pub(crate) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Self::default() }
    }

    /// Every request, whatever the answer was.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.received().iter().flat_map(|received| spans(&received.message)).collect()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.spans().into_iter().map(|span| span.name).collect()
    }

    fn take(&self, received: Received) -> Answer {
        self.received.lock().unwrap().push(received);
        self.answers.lock().unwrap().pop_front().unwrap_or(Answer::Take)
    }

    pub(crate) async fn serve_grpc(&self) -> SocketAddr {
        self.serve_grpc_at("127.0.0.1:0", None, usize::MAX).await
    }

    pub(crate) async fn serve_grpc_at(
        &self,
        address: &str,
        tls: Option<ServerTlsConfig>,
        max_message: usize,
    ) -> SocketAddr {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = TraceServiceServer::new(self.clone())
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(max_message);
        let mut server = Server::builder();
        if let Some(tls) = tls {
            server = server.tls_config(tls).unwrap();
        }
        let router = server.add_service(service);
        tokio::spawn(router.serve_with_incoming(TcpIncoming::from(listener)));
        address
    }

    pub(crate) fn http(&self) -> axum::Router {
        axum::Router::new().fallback(post).with_state(self.clone())
    }

    pub(crate) async fn serve_http(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = self.http();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        address
    }
}

pub(crate) fn spans(message: &ExportTraceServiceRequest) -> Vec<Span> {
    message.resource_spans.iter().flat_map(|r| &r.scope_spans).flat_map(|s| s.spans.clone()).collect()
}

fn response(rejected_spans: i64, message: &str) -> ExportTraceServiceResponse {
    let partial_success =
        (rejected_spans > 0).then(|| ExportTracePartialSuccess { rejected_spans, error_message: message.to_owned() });
    ExportTraceServiceResponse { partial_success }
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, Status> {
        let headers = request.metadata().clone().into_headers();
        let message = request.into_inner();
        match self.take(Received { message, headers, path: String::new() }) {
            Answer::Take => Ok(tonic::Response::new(response(0, ""))),
            Answer::Partial(rejected) => Ok(tonic::Response::new(response(rejected, "no room"))),
            Answer::PartialWith(message) => Ok(tonic::Response::new(response(1, message))),
            Answer::Grpc(status) => Err(status),
            Answer::Hang => std::future::pending().await,
            Answer::Http(..) => unreachable!("this is gRPC"),
        }
    }
}

async fn post(State(receiver): State<Receiver>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    assert_eq!(headers[header::CONTENT_TYPE], "application/x-protobuf");
    let body = if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&*body).read_to_end(&mut plain).unwrap();
        plain.into()
    } else {
        body
    };
    let message = ExportTraceServiceRequest::decode(body).unwrap();
    match receiver.take(Received { message, headers, path: uri.path().to_owned() }) {
        Answer::Take => response(0, "").encode_to_vec().into_response(),
        Answer::Partial(rejected) => response(rejected, "no room").encode_to_vec().into_response(),
        Answer::PartialWith(message) => response(1, message).encode_to_vec().into_response(),
        Answer::Http(status, headers) => {
            let mut response = StatusCode::from_u16(status).unwrap().into_response();
            for (name, value) in headers {
                response.headers_mut().insert(*name, value.parse().unwrap());
            }
            response
        }
        Answer::Hang => std::future::pending().await,
        Answer::Grpc(_) => unreachable!("this is HTTP"),
    }
}
