//! Where to deliver, and how: flags, the standard variables, and files that may change while the process runs.

mod args;
mod parse;

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderMap;
use thiserror::Error;
use tracestamp_runtime::shown;

pub use args::OtlpArgs;
use args::{Given, Pair};

/// A setting that cannot be used. Names the flag and the variable; never quotes its value, which may be or hold a secret.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{setting}: {problem}")]
pub struct InvalidSetting {
    setting: String,
    problem: String,
}

impl InvalidSetting {
    /// `setting` is what the operator wrote, `problem` what is wrong with it.
    pub fn new(setting: impl Into<String>, problem: impl fmt::Display) -> Self {
        Self { setting: setting.into(), problem: problem.to_string() }
    }
}

/// How spans are carried (`OTEL_EXPORTER_OTLP_PROTOCOL`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// `grpc`
    Grpc,
    /// `http/protobuf`
    HttpProtobuf,
}

/// A receiver, with everything that is needed to talk to it. Two that are equal need no new connection.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// Complete: for HTTP with the path that is posted to.
    pub url: Url,
    /// How spans are carried.
    pub protocol: Protocol,
    /// Sent with every request.
    pub headers: HeaderMap,
    /// For one attempt.
    pub timeout: Duration,
    /// Whether requests are compressed by gzip.
    pub gzip: bool,
    /// PEM: what the receiver's certificate must be signed by. `None`: what the system trusts.
    pub ca: Option<Vec<u8>>,
    /// What is shown to the receiver.
    pub identity: Option<Identity>,
}

/// A client certificate and its key, as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate and those between it and the authority.
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("url", &self.shown_url())
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

impl Target {
    /// The endpoint for logs: without what may be a password or a key.
    pub fn shown_url(&self) -> String {
        shown::url(self.url.as_str())
    }
}

impl OtlpArgs {
    /// Reads the settings and their files as they are now; `None` when no endpoint is set: tracing is off.
    pub fn target(&self) -> Result<Option<Target>, InvalidSetting> {
        // Checked while tracing is off as well: a wrong one should not come to light with the endpoint.
        let protocol = self.protocol().get().as_ref().map(parse::protocol).transpose()?;
        let insecure = self.insecure().get().as_ref().map(parse::bool).transpose()?.unwrap_or_default();
        let timeout = self.timeout().get().as_ref().map(parse::timeout).transpose()?;
        let gzip = self.compression().get().as_ref().map(parse::compression).transpose()?.unwrap_or_default();
        let headers = self.headers_now()?;
        let Some((endpoint, is_base)) = self.endpoint_now()? else { return Ok(None) };
        let (url, protocol) = parse::endpoint(&endpoint, is_base, protocol, insecure)?;
        Ok(Some(Target {
            url,
            protocol,
            headers,
            timeout: timeout.unwrap_or(Duration::from_secs(10)),
            gzip,
            ca: self.certificate().get().map(|given| read_file(&given)).transpose()?,
            identity: self.identity_now()?,
        }))
    }

    /// The endpoint, and whether it is one for all signals. A file that holds one wins.
    fn endpoint_now(&self) -> Result<Option<(Given, bool)>, InvalidSetting> {
        if let Some(path) = &self.endpoint_file {
            let setting = "--endpoint-file (TRACESTAMP_ENDPOINT_FILE)";
            // Missing is off: an optional Secret or ConfigMap key that is not there.
            let text = read_optional(path).map_err(|error| InvalidSetting::new(setting, error))?;
            if let Some(endpoint) = text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
                return Ok(Some((Given { value: endpoint.to_owned(), setting: setting.to_owned() }, true)));
            }
        }
        let Pair { traces, base } = self.endpoint();
        Ok(traces.map(|given| (given, false)).or(base.map(|given| (given, true))))
    }

    fn headers_now(&self) -> Result<HeaderMap, InvalidSetting> {
        let mut headers = HeaderMap::new();
        if let Some(given) = self.headers().get() {
            parse::add_headers(&mut headers, &given.value)
                .map_err(|problem| InvalidSetting::new(given.setting, problem))?;
        }
        if let Some(path) = &self.headers_file {
            let invalid = |problem: String| InvalidSetting::new("--headers-file (TRACESTAMP_HEADERS_FILE)", problem);
            let text = fs::read_to_string(path).map_err(|error| invalid(describe(path, &error)))?;
            let lines = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#'));
            for (index, line) in lines {
                let on_line = |problem| invalid(format!("line {}, {problem}", index + 1));
                parse::add_headers(&mut headers, line).map_err(on_line)?;
            }
        }
        Ok(headers)
    }

    fn identity_now(&self) -> Result<Option<Identity>, InvalidSetting> {
        match (self.client_certificate().get(), self.client_key().get()) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => {
                Ok(Some(Identity { certificate: read_file(&certificate)?, key: read_file(&key)? }))
            }
            (Some(given), None) => Err(InvalidSetting::new(given.setting, "needs a client key as well")),
            (None, Some(given)) => Err(InvalidSetting::new(given.setting, "needs a client certificate as well")),
        }
    }
}

fn read_file(given: &Given) -> Result<Vec<u8>, InvalidSetting> {
    let path = Path::new(&given.value);
    fs::read(path).map_err(|error| InvalidSetting::new(&given.setting, describe(path, &error)))
}

fn read_optional(path: &Path) -> Result<Option<String>, String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(describe(path, &error)),
    }
}

fn describe(path: &Path, error: &std::io::Error) -> String {
    format!("cannot read {}: {error}", shown::path(path))
}
