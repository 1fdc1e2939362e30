use std::process::Output;

use tempfile::TempDir;

use crate::webhook::{ENDPOINT, Webhook, command, mount};

async fn run(flags: &[&str]) -> (Option<i32>, String, String) {
    let directory = TempDir::new().unwrap();
    mount(directory.path(), "..1", false);
    let file = |name: &str| directory.path().join(name);
    let Output { status, stdout, stderr } = command()
        .args(["--address=127.0.0.1:0", "--admin-address=127.0.0.1:0"])
        .env("TRACESTAMP_TLS_CERTIFICATE", file("tls.crt"))
        .env("TRACESTAMP_TLS_KEY", file("tls.key"))
        .env("TRACESTAMP_SPOOL_DIR", file("spool"))
        .args(flags)
        .output()
        .await
        .unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[tokio::test]
async fn help_names_every_flag_and_its_variable() {
    let (code, help, _) = run(&["--help"]).await;
    assert_eq!(code, Some(0));
    for flag in [
        "address",
        "admin-address",
        "max-connections",
        "max-body-bytes",
        "max-bodies-bytes",
        "handshake-timeout",
        "idle-timeout",
        "reload-interval",
        "tls-certificate",
        "tls-key",
        "client-ca",
        "endpoint-file",
        "spool-dir",
        "spool-max-bytes",
        "spool-segment-bytes",
        "append-timeout",
        "sampling-ratio",
        "carrier",
        "carrier-mode",
        "carrier-mode-namespace",
        "excluded-namespace",
        "service-name",
        "label-attribute",
        "annotation-attribute",
        "seal-key-file",
        "env-resource",
        "env-otlp-endpoint",
        "env-baggage",
        "drain-delay",
        "drain-timeout",
        "log-level",
        "log-format",
    ] {
        assert!(help.contains(&format!("--{flag}")), "--{flag}");
        let variable = format!("TRACESTAMP_{}", flag.replace('-', "_").to_uppercase());
        assert!(help.contains(&variable), "{variable}");
    }
    for variable in ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] {
        assert!(help.contains(variable), "{variable}");
    }
}

#[tokio::test]
async fn a_wrong_value_exits_with_2_and_names_the_flag() {
    for wrong in [
        "--address=nowhere",
        "--admin-address=8080",
        "--max-connections=0",
        "--max-body-bytes=7M",
        "--max-bodies-bytes=all",
        "--handshake-timeout=0s",
        "--idle-timeout=120",
        "--reload-interval=0s",
        "--spool-max-bytes=much",
        "--append-timeout=50",
        "--sampling-ratio=1.5",
        "--carrier=key=jaeger",
        "--carrier-mode=adopt",
        "--carrier-mode-namespace=team",
        "--env-otlp-endpoint=collector:4317",
        "--drain-delay=-1s",
        "--log-level=loud=loud",
        "--log-format=xml",
        "--unknown",
    ] {
        let (code, _, error) = run(&[wrong]).await;
        assert_eq!(code, Some(2), "{wrong}: {error}");
        let flag = wrong.split('=').next().unwrap();
        assert!(error.contains(flag), "{wrong}: {error}");
    }
}

#[tokio::test]
async fn a_wrong_variable_exits_with_2_and_names_the_flag() {
    let output = command().env("TRACESTAMP_SAMPLING_RATIO", "all").output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--sampling-ratio"));
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named_with_its_flag() {
    let directory = TempDir::new().unwrap();
    let empty = directory.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    let (empty, absent) = (empty.to_str().unwrap(), "/absent/file");
    for (flag, path) in [
        ("--tls-certificate", absent),
        ("--tls-certificate", empty),
        ("--tls-key", absent),
        ("--tls-key", empty),
        ("--client-ca", absent),
        ("--client-ca", empty),
        ("--seal-key-file", absent),
        ("--seal-key-file", empty),
        ("--spool-dir", empty),
    ] {
        let (code, _, error) = run(&[flag, path]).await;
        assert_eq!(code, Some(1), "{flag} {path}: {error}");
        assert!(error.contains(flag) && error.contains(path), "{flag} {path}: {error}");
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_with_its_flag() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["--address", "--admin-address"] {
        let (code, _, error) = run(&["--address=127.0.0.1:0", "--admin-address=127.0.0.1:0", flag, &address]).await;
        assert_eq!(code, Some(1));
        assert!(error.contains(flag) && error.contains(&address), "{error}");
    }
}

#[tokio::test]
async fn the_admin_port_tells_of_life_readiness_and_metrics() {
    let webhook = Webhook::start(&[ENDPOINT]).await;
    assert_eq!(webhook.admin("/live").await.0, 200);
    let (status, ready) = webhook.admin("/ready").await;
    assert_eq!(status, 200);
    assert!(ready.contains("certificate") && ready.contains("server"), "{ready}");
    assert!(webhook.has_metric("tracestamp_tracing_enabled 1").await);
    let version = env!("CARGO_PKG_VERSION");
    assert!(webhook.has_metric(&format!(r#"tracestamp_build_info{{process="webhook",version="{version}"}} 1"#)).await);
}
