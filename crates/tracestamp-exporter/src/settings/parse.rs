//! The values of the settings.

use std::str::FromStr;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::args::Given;
use super::{InvalidSetting, Protocol};
use crate::otlp;

/// Without a named protocol a port of 4317, which is registered for OTLP/gRPC, means that; all else means OTLP/HTTP,
/// the specification's default.
pub(super) fn endpoint(
    endpoint: &Given,
    is_base: bool,
    protocol: Option<Protocol>,
    insecure: bool,
) -> Result<(Url, Protocol), InvalidSetting> {
    let invalid = |problem: &str| InvalidSetting::new(&endpoint.setting, problem);
    let scheme = if insecure { "http" } else { "https" };
    let has_scheme = endpoint.value.contains("://");
    let text = if has_scheme { endpoint.value.clone() } else { format!("{scheme}://{}", endpoint.value) };
    let mut url = Url::parse(&text).map_err(|error| invalid(&format!("it is no URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(invalid("it is no http or https URL"));
    }
    let by_port = if url.port() == Some(4317) { Protocol::Grpc } else { Protocol::HttpProtobuf };
    let protocol = protocol.unwrap_or(by_port);
    if protocol == Protocol::HttpProtobuf {
        if !has_scheme {
            return Err(invalid("it needs http:// or https:// in front"));
        }
        if is_base {
            let path = format!("{}/v1/traces", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
    }
    Ok((url, protocol))
}

pub(super) fn protocol(given: &Given) -> Result<Protocol, InvalidSetting> {
    match given.value.as_str() {
        "grpc" => Ok(Protocol::Grpc),
        "http/protobuf" => Ok(Protocol::HttpProtobuf),
        _ => Err(InvalidSetting::new(&given.setting, "it is none of grpc, http/protobuf")),
    }
}

pub(super) fn bool(given: &Given) -> Result<bool, InvalidSetting> {
    match given.value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(InvalidSetting::new(&given.setting, "it is none of true, false")),
    }
}

pub(super) fn timeout(given: &Given) -> Result<Duration, InvalidSetting> {
    let millis = u64::from_str(&given.value).ok().filter(|&millis| millis > 0);
    millis
        .map(Duration::from_millis)
        .ok_or_else(|| InvalidSetting::new(&given.setting, "it is no number of milliseconds above 0"))
}

pub(super) fn compression(given: &Given) -> Result<bool, InvalidSetting> {
    match given.value.as_str() {
        "gzip" => Ok(true),
        "none" => Ok(false),
        _ => Err(InvalidSetting::new(&given.setting, "it is none of gzip, none")),
    }
}

pub(super) fn add_headers(headers: &mut HeaderMap, list: &str) -> Result<(), String> {
    for (index, (name, value)) in otlp::pairs(list).map_err(|error| error.to_string())?.into_iter().enumerate() {
        // Not even the name: of a line as curl takes it, `name: value`, all up to an `=` in the value would be that.
        let invalid = || format!("item {} is no header; one is written name=value, not name: value", index + 1);
        let mut value = HeaderValue::from_str(&value).map_err(|_| invalid())?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_str(&name).map_err(|_| invalid())?, value);
    }
    Ok(())
}
