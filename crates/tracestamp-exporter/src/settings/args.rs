//! The OTLP flags and variables (OpenTelemetry specification, "OpenTelemetry Protocol Exporter").

use std::fmt;
use std::path::PathBuf;

use clap::Args;

/// Where and how spans are delivered. An empty variable counts as unset.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = "OTLP (what is for traces alone wins over what is for all signals)")]
pub struct OtlpArgs {
    /// The receiver. For HTTP, /v1/traces is appended.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub endpoint: Option<String>,
    /// The receiver of traces, used as it is.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value_name = "URL")]
    pub traces_endpoint: Option<String>,
    /// A file that holds what --endpoint takes. It may change, come and go; while it holds one it wins.
    #[arg(long, env = "TRACESTAMP_ENDPOINT_FILE", value_name = "FILE")]
    pub endpoint_file: Option<PathBuf>,
    /// grpc or http/protobuf; when unset, grpc for port 4317 and http/protobuf otherwise.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_PROTOCOL", value_name = "PROTOCOL")]
    pub protocol: Option<String>,
    /// The same for traces.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", value_name = "PROTOCOL")]
    pub traces_protocol: Option<String>,
    /// Headers sent with every request, as name=value,name=value with values percent-encoded.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_HEADERS", value_name = "LIST")]
    pub headers: Option<String>,
    /// The same for traces.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_HEADERS", value_name = "LIST")]
    pub traces_headers: Option<String>,
    /// A file of further headers in the same form, on any number of lines. It may change; its headers win.
    #[arg(long, env = "TRACESTAMP_HEADERS_FILE", value_name = "FILE")]
    pub headers_file: Option<PathBuf>,
    /// Milliseconds that one attempt may take [default: 10000].
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TIMEOUT", value_name = "MILLISECONDS")]
    pub timeout: Option<String>,
    /// The same for traces.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", value_name = "MILLISECONDS")]
    pub traces_timeout: Option<String>,
    /// gzip or none [default: none].
    #[arg(long, env = "OTEL_EXPORTER_OTLP_COMPRESSION", value_name = "COMPRESSION")]
    pub compression: Option<String>,
    /// The same for traces.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", value_name = "COMPRESSION")]
    pub traces_compression: Option<String>,
    /// PEM file of the authorities that may sign the receiver's certificate [default: those of the system]. May change.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_CERTIFICATE", value_name = "FILE")]
    pub certificate: Option<String>,
    /// The same for traces.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", value_name = "FILE")]
    pub traces_certificate: Option<String>,
    /// PEM file of the certificate shown to the receiver. May change.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", value_name = "FILE")]
    pub client_certificate: Option<String>,
    /// The same for traces.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", value_name = "FILE")]
    pub traces_client_certificate: Option<String>,
    /// PEM file of the key of that certificate. May change.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_CLIENT_KEY", value_name = "FILE")]
    pub client_key: Option<String>,
    /// The same for traces.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", value_name = "FILE")]
    pub traces_client_key: Option<String>,
    /// true: a gRPC endpoint without a scheme is reached without TLS [default: false].
    #[arg(long, env = "OTEL_EXPORTER_OTLP_INSECURE", value_name = "BOOL")]
    pub insecure: Option<String>,
    /// The same for traces.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_INSECURE", value_name = "BOOL")]
    pub traces_insecure: Option<String>,
}

/// Without values: they hold passwords, keys and tokens.
impl fmt::Debug for OtlpArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpArgs").finish_non_exhaustive()
    }
}

/// A value, and what to call it when it is wrong.
pub(super) struct Given {
    pub(super) value: String,
    pub(super) setting: String,
}

/// A setting that exists for traces and for all signals.
pub(super) struct Pair {
    pub(super) traces: Option<Given>,
    pub(super) base: Option<Given>,
}

impl Pair {
    fn new(name: &str, traces: Option<&str>, base: Option<&str>) -> Self {
        let variable = name.to_ascii_uppercase().replace('-', "_");
        let given = |value: Option<&str>, flag: &str, variable: &str| {
            let value = value.map(str::trim).filter(|value| !value.is_empty())?.to_owned();
            Some(Given { value, setting: format!("--{flag}{name} (OTEL_EXPORTER_OTLP_{variable})") })
        };
        Self { traces: given(traces, "traces-", &format!("TRACES_{variable}")), base: given(base, "", &variable) }
    }

    pub(super) fn get(self) -> Option<Given> {
        self.traces.or(self.base)
    }
}

macro_rules! pairs {
    ($($method:ident $name:literal $traces:ident $base:ident)*) => {
        impl OtlpArgs {
            $(pub(super) fn $method(&self) -> Pair {
                Pair::new($name, self.$traces.as_deref(), self.$base.as_deref())
            })*
        }
    };
}

pairs! {
    endpoint "endpoint" traces_endpoint endpoint
    protocol "protocol" traces_protocol protocol
    headers "headers" traces_headers headers
    timeout "timeout" traces_timeout timeout
    compression "compression" traces_compression compression
    certificate "certificate" traces_certificate certificate
    client_certificate "client-certificate" traces_client_certificate client_certificate
    client_key "client-key" traces_client_key client_key
    insecure "insecure" traces_insecure insecure
}
