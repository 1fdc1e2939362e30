//! OTLP/HTTP with binary protobuf.

use std::fmt;
use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use prost::Message;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Identity, Response, StatusCode, Url, redirect};

use super::{Failure, Verdict, authorities, chain, invalid_tls};
use crate::settings::{InvalidSetting, Target};

const PROTOBUF: &str = "application/x-protobuf";
/// The specification's limit of a response.
const MAX_RESPONSE: usize = 4 << 20;

/// A pool of connections.
pub(crate) struct Http {
    client: Client,
    url: Url,
    headers: HeaderMap,
    gzip: bool,
}

/// Without URL and headers: they hold passwords, keys and tokens.
impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").finish_non_exhaustive()
    }
}

impl Http {
    pub(super) fn new(target: &Target) -> Result<Self, InvalidSetting> {
        let invalid = |_| invalid_tls(target);
        let mut builder = Client::builder()
            .timeout(target.timeout)
            .user_agent(crate::USER_AGENT)
            // A receiver that moved is a setting to be mended; following it could hand the headers to another host.
            .redirect(redirect::Policy::none());
        match &target.ca {
            Some(pem) => builder = builder.tls_certs_only(authorities(pem)?),
            // The system's authorities need not exist where they are not needed.
            None if target.url.scheme() == "http" => builder = builder.tls_certs_only([]),
            None => {}
        }
        if let Some(identity) = &target.identity {
            let pem = [identity.certificate.as_slice(), b"\n", &identity.key].concat();
            builder = builder.identity(Identity::from_pem(&pem).map_err(invalid)?);
        }
        let client = builder.build().map_err(invalid)?;
        Ok(Self { client, url: target.url.clone(), headers: target.headers.clone(), gzip: target.gzip })
    }

    pub(super) async fn send(
        &self,
        message: &ExportTraceServiceRequest,
    ) -> Result<ExportTraceServiceResponse, Failure> {
        let request = self.client.post(self.url.clone()).headers(self.headers.clone()).header(CONTENT_TYPE, PROTOBUF);
        let body = message.encode_to_vec();
        let request = if self.gzip {
            let body = gzip(&body).map_err(|error| Failure::new(Verdict::Final, "gzip", &error.to_string()))?;
            request.header(CONTENT_ENCODING, "gzip").body(body)
        } else {
            request.body(body)
        };
        let response = request.send().await.map_err(unanswered)?;
        let status = response.status();
        if !status.is_success() {
            let reason = status.canonical_reason().unwrap_or_default();
            return Err(Failure::new(verdict(status, response.headers()), status.as_str(), reason));
        }
        let body = read(response).await.map_err(unanswered)?;
        // The request was taken, so an answer that is none must not send it again.
        Ok(ExportTraceServiceResponse::decode(body.as_slice()).unwrap_or_default())
    }
}

fn verdict(status: StatusCode, headers: &HeaderMap) -> Verdict {
    match status.as_u16() {
        429 | 502 | 503 | 504 => Verdict::Retry(retry_after(headers)),
        413 => Verdict::TooLarge,
        _ => Verdict::Final,
    }
}

/// Seconds or an HTTP date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    // Elapsed fails with the distance when the date lies ahead.
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.elapsed().map_or_else(|ahead| ahead.duration(), |_| Duration::ZERO))
}

/// Nothing, or not all of an answer, came back: the specification asks to try again.
fn unanswered(error: reqwest::Error) -> Failure {
    let code = match &error {
        error if error.is_timeout() => "timeout",
        error if error.is_connect() => "connect",
        _ => "connection",
    };
    Failure::new(Verdict::Retry(None), code, &chain(&error.without_url()))
}

async fn read(mut response: Response) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_RESPONSE {
            break;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, after: Option<&str>) -> Verdict {
        let headers = after.map(|value| (RETRY_AFTER, value.parse().unwrap())).into_iter().collect();
        verdict(StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn the_table_of_the_specification_is_followed() {
        for status in [429, 502, 503, 504] {
            assert_eq!(answer(status, None), Verdict::Retry(None), "{status}");
        }
        for status in [301, 400, 401, 403, 404, 408, 415, 500, 501] {
            assert_eq!(answer(status, None), Verdict::Final, "{status}");
        }
        assert_eq!(answer(413, None), Verdict::TooLarge);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(answer(503, Some("7")), Verdict::Retry(Some(Duration::from_secs(7))));
        assert_eq!(answer(503, Some("Sun, 06 Nov 1994 08:49:37 GMT")), Verdict::Retry(Some(Duration::ZERO)));
        let Verdict::Retry(Some(ahead)) = answer(429, Some("Fri, 01 Jan 2100 00:00:00 GMT")) else { panic!() };
        assert!(ahead > Duration::from_hours(24));
        assert_eq!(answer(503, Some("soon")), Verdict::Retry(None));
    }

    #[test]
    fn an_order_to_wait_for_a_year_is_cut() {
        let wait = Verdict::Retry(Some(Duration::from_hours(24 * 365)));
        assert_eq!(Failure::new(wait, "503", "").verdict, Verdict::Retry(Some(super::super::MAX_WAIT)));
    }
}
