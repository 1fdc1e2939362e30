//! OTLP/gRPC.

use std::error::Error;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::{Failure, Verdict, authorities, chain, invalid_tls};
use crate::settings::{InvalidSetting, Target};

/// A lazy HTTP/2 connection.
pub(crate) struct Grpc {
    endpoint: Endpoint,
    channel: Mutex<Channel>,
    metadata: MetadataMap,
    gzip: bool,
}

/// Without URL and headers: they hold passwords, keys and tokens.
impl fmt::Debug for Grpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grpc").finish_non_exhaustive()
    }
}

impl Grpc {
    pub(super) fn new(target: &Target) -> Result<Self, InvalidSetting> {
        let endpoint = endpoint(target)?;
        Ok(Self {
            channel: Mutex::new(endpoint.connect_lazy()),
            endpoint,
            metadata: MetadataMap::from_headers(target.headers.clone()),
            gzip: target.gzip,
        })
    }

    /// The connection and what goes with every request.
    pub(crate) fn parts(&self) -> (Channel, MetadataMap) {
        (self.channel(), self.metadata.clone())
    }

    fn channel(&self) -> Channel {
        self.channel.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) async fn send(&self, message: ExportTraceServiceRequest) -> Result<ExportTraceServiceResponse, Failure> {
        let mut client = TraceServiceClient::new(self.channel()).accept_compressed(CompressionEncoding::Gzip);
        if self.gzip {
            client = client.send_compressed(CompressionEncoding::Gzip);
        }
        let mut request = Request::new(message);
        *request.metadata_mut() = self.metadata.clone();
        client.export(request).await.map(tonic::Response::into_inner).map_err(|status| {
            if is_of_this_side(&status) {
                // A receiver that vanished without a word leaves a connection that looks alive for a quarter of an hour.
                *self.channel.lock().unwrap_or_else(PoisonError::into_inner) = self.endpoint.connect_lazy();
            }
            failure(&status)
        })
    }
}

fn endpoint(target: &Target) -> Result<Endpoint, InvalidSetting> {
    let invalid =
        |error: tonic::transport::Error| InvalidSetting::new("--endpoint (OTEL_EXPORTER_OTLP_ENDPOINT)", chain(&error));
    let mut endpoint = Endpoint::from_shared(target.url.to_string())
        .map_err(invalid)?
        .timeout(target.timeout)
        .connect_timeout(target.timeout)
        .user_agent(crate::USER_AGENT)
        .map_err(invalid)?;
    if target.url.scheme() == "https" {
        let mut tls = match &target.ca {
            None => ClientTlsConfig::new().with_native_roots(),
            Some(pem) => {
                authorities(pem)?;
                ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem))
            }
        };
        if let Some(identity) = &target.identity {
            tls = tls.identity(Identity::from_pem(&identity.certificate, &identity.key));
        }
        endpoint = endpoint.tls_config(tls).map_err(|_| invalid_tls(target))?;
    }
    Ok(endpoint)
}

fn failure(status: &Status) -> Failure {
    Failure::new(verdict(status), format!("{:?}", status.code()), status.message())
}

/// The request or its answer never arrived: what the receiver says has no source.
fn is_of_this_side(status: &Status) -> bool {
    status.source().is_some()
}

/// The specification's table.
fn verdict(status: &Status) -> Verdict {
    let retry_info = status.get_details_retry_info();
    let wait = retry_info.as_ref().and_then(|info| info.retry_delay);
    match status.code() {
        Code::ResourceExhausted | Code::OutOfRange if retry_info.is_none() && is_too_large(status.message()) => {
            Verdict::TooLarge
        }
        Code::ResourceExhausted if retry_info.is_some() => Verdict::Retry(wait),
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Verdict::Retry(wait),
        _ if is_of_this_side(status) => Verdict::Retry(wait),
        _ => Verdict::Final,
    }
}

/// gRPC has no code of its own for this. In order: Go and C++, Java, Rust.
fn is_too_large(message: &str) -> bool {
    ["larger than max", "exceeds maximum", "length too large"].iter().any(|text| message.contains(text))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn the_table_of_the_specification_is_followed() {
        let retry = Verdict::Retry(None);
        for (code, expected) in [
            (Code::Cancelled, retry),
            (Code::Unknown, Verdict::Final),
            (Code::InvalidArgument, Verdict::Final),
            (Code::DeadlineExceeded, retry),
            (Code::NotFound, Verdict::Final),
            (Code::AlreadyExists, Verdict::Final),
            (Code::PermissionDenied, Verdict::Final),
            (Code::ResourceExhausted, Verdict::Final),
            (Code::FailedPrecondition, Verdict::Final),
            (Code::Aborted, retry),
            (Code::OutOfRange, retry),
            (Code::Unimplemented, Verdict::Final),
            (Code::Internal, Verdict::Final),
            (Code::Unavailable, retry),
            (Code::DataLoss, retry),
            (Code::Unauthenticated, Verdict::Final),
        ] {
            assert_eq!(verdict(&Status::new(code, "")), expected, "{code:?}");
        }
    }

    #[test]
    fn retry_info_makes_exhaustion_retryable_and_sets_the_wait() {
        let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(7)));
        let status = Status::with_error_details(Code::ResourceExhausted, "received message larger than max", details);
        assert_eq!(verdict(&status), Verdict::Retry(Some(Duration::from_secs(7))));
    }

    #[test]
    fn a_message_too_large_is_told_from_other_exhaustion_by_its_text() {
        for (code, message) in [
            (Code::ResourceExhausted, "grpc: received message larger than max (5000000 vs. 4194304)"),
            (Code::ResourceExhausted, "gRPC message exceeds maximum size 4194304: 5000000"),
            (Code::OutOfRange, "Error, decoded message length too large: found 5 bytes, the limit is: 4 bytes"),
        ] {
            assert_eq!(verdict(&Status::new(code, message)), Verdict::TooLarge, "{message}");
        }
    }
}
