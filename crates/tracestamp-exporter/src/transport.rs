//! One attempt to deliver one request, and what its outcome means (OTLP specification, "Failures").

mod grpc;
mod http;

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};

use tracestamp_runtime::shown;

use crate::settings::{InvalidSetting, Protocol, Target};
use grpc::Grpc;
use http::Http;

/// A receiver's longest order to wait that is obeyed; a wrong clock must not stop delivery for a year.
const MAX_WAIT: Duration = Duration::from_mins(10);
/// How much of a receiver's message is kept, in bytes.
const MAX_MESSAGE: usize = 256;

/// The connection to a receiver. It connects when it is used, and again when it was lost.
#[derive(Debug)]
pub(crate) enum Transport {
    Grpc(Box<Grpc>),
    Http(Http),
}

/// The receiver took the request.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Accepted {
    /// Spans it took and threw away; sending them again is forbidden.
    pub(crate) rejected: u64,
    /// Why, or a warning: text of the receiver's, plain and cut.
    pub(crate) backend_message: String,
}

/// The receiver did not take the request, or is not known to have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failure {
    /// What is to be done.
    pub(crate) verdict: Verdict,
    /// The HTTP status, gRPC's name of the code, or what went wrong below both; a metric label.
    pub(crate) code: String,
    /// For the log: of the receiver's or of a library's, plain and cut.
    pub(crate) reason: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// Try the same again, not before this long when the receiver said so.
    Retry(Option<Duration>),
    /// Try smaller pieces.
    TooLarge,
    /// Drop it: another try would fail too.
    Final,
}

impl Failure {
    fn new(verdict: Verdict, code: impl Into<String>, reason: &str) -> Self {
        let verdict = match verdict {
            Verdict::Retry(Some(wait)) => Verdict::Retry(Some(wait.min(MAX_WAIT))),
            other => other,
        };
        Self { verdict, code: code.into(), reason: cut(reason) }
    }
}

impl Transport {
    /// Checks what the target says; does not connect.
    pub(crate) fn new(target: &Target) -> Result<Self, InvalidSetting> {
        match target.protocol {
            Protocol::Grpc => Grpc::new(target).map(Box::new).map(Self::Grpc),
            Protocol::HttpProtobuf => Http::new(target).map(Self::Http),
        }
    }

    /// Makes one attempt within the target's timeout.
    pub(crate) async fn send(&self, request: &ExportTraceServiceRequest) -> Result<Accepted, Failure> {
        let response = match self {
            Self::Grpc(grpc) => grpc.send(request.clone()).await?,
            Self::Http(http) => http.send(request).await?,
        };
        Ok(accepted(response))
    }
}

fn accepted(response: ExportTraceServiceResponse) -> Accepted {
    let partial = response.partial_success.unwrap_or_default();
    Accepted {
        rejected: u64::try_from(partial.rejected_spans).unwrap_or(0),
        backend_message: cut(&partial.error_message),
    }
}

fn cut(message: &str) -> String {
    shown::cut(message, MAX_MESSAGE).into_owned()
}

/// What to look at when TLS cannot be set up, authorities having been checked. The library's error is not shown: it may
/// quote a key.
fn invalid_tls(target: &Target) -> InvalidSetting {
    if target.identity.is_some() {
        InvalidSetting::new(
            "--client-certificate, --client-key (OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE, OTEL_EXPORTER_OTLP_CLIENT_KEY)",
            "the files hold no PEM certificate and the key that belongs to it",
        )
    } else {
        InvalidSetting::new(
            "--certificate (OTEL_EXPORTER_OTLP_CERTIFICATE)",
            "TLS cannot be set up with it, or without it, with the authorities of the system",
        )
    }
}

/// An error with its causes, which the libraries' errors keep to themselves. Not for errors that quote what they read: a
/// URL, or a file that may hold a key.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The certificates of a PEM file; none at all is a wrong file, which TLS would tell only as an unknown authority.
fn authorities(pem: &[u8]) -> Result<Vec<reqwest::Certificate>, InvalidSetting> {
    let invalid = |problem: &str| InvalidSetting::new("--certificate (OTEL_EXPORTER_OTLP_CERTIFICATE)", problem);
    match reqwest::Certificate::from_pem_bundle(pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        // The error may quote the file, which may be that of the key.
        Ok(_) | Err(_) => Err(invalid("the file holds no PEM certificate")),
    }
}
