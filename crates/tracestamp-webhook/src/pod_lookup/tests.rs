use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use axum::http::{Request as HttpRequest, Response, StatusCode};
use clap::Parser as _;
use kube::client::Body;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracestamp_admission::{Endpoint, Entropy, Review};
use tracestamp_runtime::admin::Readiness;
use tracestamp_runtime::drain::DrainArgs;
use tracestamp_runtime::metrics::Registry;
use tracestamp_runtime::server::{Limits, Server};
use tracestamp_runtime::tls::TlsArgs;
use tracestamp_spool::AppendError;

use super::*;

const CREATED: &str = "2026-11-21T00:39:40Z";

fn created() -> Timestamp {
    Timestamp::parse(CREATED).unwrap()
}

/// An Event about a Pod of that name.
fn killing(namespace: &str, pod: &str) -> String {
    let object = json!({
        "metadata": {"name": format!("{pod}.{:x}", created().nanos()), "namespace": namespace},
        "involvedObject": {"kind": "Pod", "apiVersion": "v1", "name": pod, "uid": format!("uid-of-{pod}")},
        "reason": "Killing", "message": "", "firstTimestamp": CREATED,
    });
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u", "operation": "CREATE", "namespace": namespace, "dryRun": false,
        "kind": {"group": "", "version": "v1", "kind": "Event"}, "object": object,
    }})
    .to_string()
}

fn status(code: StatusCode) -> Response<Body> {
    let body =
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "code": code.as_u16()});
    Response::builder().status(code).body(Body::from(body.to_string().into_bytes())).unwrap()
}

/// Keeps the Events waiting whose Pods an API server answers like this, and gives the paths that it was asked for.
async fn looked(events: &[(&str, &str)], answer: fn(&str) -> Response<Body>) -> (Vec<String>, usize, bool) {
    let paths = Arc::new(Mutex::new(Vec::new()));
    let server = {
        let paths = Arc::clone(&paths);
        tower::service_fn(move |request: HttpRequest<Body>| {
            let path = request.uri().to_string();
            paths.lock().unwrap().push(path.clone());
            async move { Ok::<_, Infallible>(answer(&path)) }
        })
    };
    let config = Arc::new(Config { pod_events: true, ..Config::default() });
    let pod_events = Arc::new(PodEvents::new(Duration::from_mins(15)));
    for (namespace, pod) in events {
        let body = killing(namespace, pod);
        let review = Review::parse(body.as_bytes()).unwrap();
        let mut decision = review.decide(Endpoint::Observe, &config, created(), Entropy([0; 20]));
        pod_events.take(&review, decision.pod_event.take(), &config, created());
    }
    let metrics = Metrics::new(&mut Registry::default());
    let (recorder, _recorded) = Recorder::start(Refusing, Duration::ZERO, metrics.clone()).unwrap();
    let client = Client::new(server, "default");
    let pod_events_left = Arc::clone(&pod_events);
    let lookup = PodLookup { client, after: Duration::ZERO, config, pod_events, recorder, metrics };
    let all_answered = lookup.look(created()).await.is_ok();
    let paths = paths.lock().unwrap().clone();
    (paths, pod_events_left.waiting(), all_answered)
}

struct Refusing;

impl crate::recorder::Append for Refusing {
    fn append(&mut self, _: &[Vec<u8>]) -> Result<(), AppendError> {
        Err(AppendError::TooLong(0))
    }
}

#[tokio::test]
async fn a_refused_lookup_keeps_no_other_from_being_made() {
    let (paths, waiting, all_answered) =
        looked(&[("theirs", "a"), ("ci", "b"), ("theirs", "c"), ("ci", "d")], |path| {
            status(if path.contains("theirs") { StatusCode::FORBIDDEN } else { StatusCode::NOT_FOUND })
        })
        .await;
    let path = |namespace: &str, pod: &str| format!("/api/v1/namespaces/{namespace}/pods/{pod}");
    assert_eq!(paths, [path("theirs", "a"), path("ci", "b"), path("theirs", "c"), path("ci", "d")]);
    assert_eq!((waiting, all_answered), (2, false), "the refused are asked for again");
}

#[tokio::test]
async fn no_name_leads_a_lookup_anywhere_but_to_a_pod() {
    let names = ["..", "../secrets", "a/b", "a?b", "a#b", "%2e%2e", "a%2fb", "a b", "a\u{0}", "", "A"];
    let mut events: Vec<_> = names.iter().flat_map(|name| [(*name, "pod"), ("ci", *name)]).collect();
    events.push(("ci", "build.1-pod"));
    let (paths, waiting, _) = looked(&events, |_| status(StatusCode::NOT_FOUND)).await;
    assert_eq!((paths, waiting), (vec!["/api/v1/namespaces/ci/pods/build.1-pod".to_owned()], 0));
}

/// The settings for that server, with files of the directory.
fn api_server(url: &str, directory: &Path, ca: &str, token: &str) -> ApiServerArgs {
    #[derive(clap::Parser)]
    struct Flags {
        #[command(flatten)]
        api_server: ApiServerArgs,
    }
    let file = |name: &str| directory.join(name).display().to_string();
    let flags = ["--api-server", url, "--api-server-ca-file", &file(ca), "--api-server-token-file", &file(token)];
    Flags::parse_from(["test"].into_iter().chain(flags)).api_server
}

/// An API server with the certificate `server.crt` of the directory; gives its URL.
async fn serve(directory: &Path) -> String {
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(directory.join("server.crt"), pair.cert.pem()).unwrap();
    fs::write(directory.join("server.key"), pair.signing_key.serialize_pem()).unwrap();
    let tls = TlsArgs {
        tls_certificate: directory.join("server.crt"),
        tls_key: directory.join("server.key"),
        client_ca: None,
    };
    let (mut registry, readiness) = (Registry::default(), Readiness::default());
    let tls = tls.load(&mut registry, readiness.check("certificate")).unwrap();
    let address = "127.0.0.1:0".parse().unwrap();
    let server = Server::bind(address, &tls, &Limits::default(), &mut registry).await.unwrap();
    let url = format!("https://localhost:{}", server.local_addr().unwrap().port());
    let router = axum::Router::new().fallback(async |request: HttpRequest<axum::body::Body>| {
        let token = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        format!("{} {}", request.uri(), token.unwrap_or_default())
    });
    let drain = DrainArgs { drain_delay: Duration::ZERO, drain_timeout: Duration::ZERO };
    tokio::spawn(server.serve(router, CancellationToken::new(), drain, readiness.check("server")));
    url
}

#[tokio::test]
async fn a_request_bears_the_token_and_goes_only_to_a_server_of_the_authority() {
    let directory = tempfile::tempdir().unwrap();
    let url = serve(directory.path()).await;
    fs::write(directory.path().join("token"), "the-token").unwrap();
    let another = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(directory.path().join("another.crt"), another.cert.pem()).unwrap();
    let ask = async |ca: &str| {
        let client = client(&api_server(&url, directory.path(), ca, "token")).unwrap();
        client.request_text(HttpRequest::get("/api/v1/pods").body(Vec::new()).unwrap()).await
    };
    assert_eq!(ask("server.crt").await.unwrap(), "/api/v1/pods Bearer the-token");
    assert!(ask("another.crt").await.is_err());
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named_with_its_flag_and_not_quoted() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("secret"), "s3cr3t").unwrap();
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(directory.path().join("ca.crt"), pair.cert.pem()).unwrap();
    for (ca, token, flag) in [
        ("ca.crt", "missing", "--api-server-token-file"),
        ("missing", "secret", "--api-server-ca-file"),
        ("secret", "secret", "--api-server-ca-file"),
    ] {
        let error = client(&api_server("https://localhost", directory.path(), ca, token)).err().unwrap();
        let error = format!("{error:#}");
        assert!(error.starts_with(flag) && !error.contains("s3cr3t"), "{ca} {token}: {error}");
    }
}
