use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

use super::*;
use crate::doctor::PodFacts;

/// What a healthy installation says, as JSON, so that a test can break one thing in it.
struct World {
    mutating: Value,
    validating: Value,
    endpoints: Value,
    pod: Value,
    webhook: Asked<String>,
    exporter: Asked<String>,
    namespaces: Value,
    runs: Vec<Value>,
    facts: Facts,
}

struct Authority(Issuer<'static, KeyPair>, String);

fn authority() -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    Authority(Issuer::new(params, key), pem)
}

fn leaf(authority: &Authority, host: &str, year: i32) -> Vec<u8> {
    let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    params.signed_by(&KeyPair::generate().unwrap(), &authority.0).unwrap().pem().into_bytes()
}

const HOST: &str = "tracestamp-webhook.tracestamp.svc";

fn webhook(name: &str, ca: &str) -> Value {
    let timeout = if name.contains(".stamp") { 2 } else { 1 };
    let bundle = serde_json::to_value(k8s_openapi::ByteString(ca.as_bytes().to_vec())).unwrap();
    json!({
        "name": format!("{name}.tracestamp.dev"), "failurePolicy": "Ignore", "timeoutSeconds": timeout,
        "admissionReviewVersions": ["v1"], "sideEffects": "None",
        "clientConfig": {"caBundle": bundle, "service": {"namespace": "tracestamp", "name": "tracestamp-webhook"}},
        "rules": [{"resources": ["pods"]}],
    })
}

impl World {
    fn healthy() -> Self {
        let authority = authority();
        let ca = &authority.1;
        let configuration = |names: [&str; 2]| json!([{"metadata": {"name": "tracestamp"}, "webhooks": names.map(|name| webhook(name, ca))}]);
        let endpoint = json!({"addresses": ["10.0.0.1"], "conditions": {"ready": true}});
        let container = |name| json!({"name": name, "ready": true, "restartCount": 0, "image": "", "imageID": ""});
        let metrics = format!(
            "tracestamp_build_info{{process=\"webhook\",version=\"{}\"}} 1\ntracestamp_tracing_enabled 1\n\
             tracestamp_spans_dropped_total{{reason=\"disk\"}} 0\n",
            env!("CARGO_PKG_VERSION")
        );
        let facts = Facts {
            namespace: "tracestamp".to_owned(),
            version: serde_json::from_value(json!({
                "major": "1", "minor": "36", "gitVersion": "v1.36.3", "buildDate": "", "compiler": "", "gitCommit": "",
                "gitTreeState": "", "goVersion": "", "platform": "",
            }))
            .unwrap(),
            now: jiff::Timestamp::now(),
            clock: Some(0),
            tekton: Ok(vec!["v1".to_owned()]),
            mutating: Ok(Vec::new()),
            validating: Ok(Vec::new()),
            certificate: Ok(Some(leaf(&authority, HOST, 2100))),
            endpoints: Ok(Vec::new()),
            settings: Ok([("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), "http://u:p@otlp:4317".to_owned())].into()),
            pods: Ok(Vec::new()),
            namespaces: Ok(Vec::new()),
            runs: Ok(Vec::new()),
        };
        Self {
            mutating: configuration(["runs.stamp", "pods.stamp"]),
            validating: configuration(["runs.observe", "pods.observe"]),
            endpoints: json!([{"addressType": "IPv4", "endpoints": [endpoint, endpoint]}]),
            pod: json!({"metadata": {"name": "tracestamp-1"}, "status": {
                "containerStatuses": [container("webhook")], "initContainerStatuses": [container("exporter")],
            }}),
            webhook: Ok(metrics),
            exporter: Ok("tracestamp_spool_oldest_age_seconds 0\n".to_owned()),
            namespaces: json!([{"metadata": {"name": "ci"}}]),
            runs: Vec::new(),
            facts,
        }
    }

    /// With the component `events`, so set.
    fn events(&mut self, setting: &str, selector: Value) {
        let webhooks = self.validating[0]["webhooks"].as_array_mut().unwrap();
        let mut events = webhooks[0].clone();
        events["name"] = json!("events.observe.tracestamp.dev");
        events["namespaceSelector"] = selector;
        webhooks.push(events);
        let settings = self.facts.settings.as_mut().unwrap();
        settings.insert("TRACESTAMP_POD_EVENTS".to_owned(), setting.to_owned());
    }

    fn findings(mut self) -> Vec<Finding> {
        let pod = serde_json::from_value(self.pod).unwrap();
        self.facts.mutating = Ok(serde_json::from_value(self.mutating).unwrap());
        self.facts.validating = Ok(serde_json::from_value(self.validating).unwrap());
        self.facts.endpoints = Ok(serde_json::from_value(self.endpoints).unwrap());
        self.facts.namespaces = Ok(serde_json::from_value(self.namespaces).unwrap());
        self.facts.pods = Ok(vec![PodFacts { pod, webhook: self.webhook, exporter: self.exporter }]);
        self.facts.runs = Ok(self.runs);
        check(&self.facts)
    }
}

/// What is not as it should be, after `break_it`.
fn wrong(break_it: impl FnOnce(&mut World)) -> Vec<String> {
    let mut world = World::healthy();
    break_it(&mut world);
    let wrong = world.findings().into_iter().filter(|finding| finding.level != Level::Ok);
    wrong.map(|finding| format!("{} {}: {}", finding.level.as_str(), finding.topic, finding.what)).collect()
}

#[test]
fn nothing_is_wrong_with_a_healthy_installation() {
    assert_eq!(wrong(|_| {}), Vec::<String>::new());
    assert_eq!(wrong(|world| world.events("true", Value::Null)), Vec::<String>::new());
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn each_thing_that_can_be_wrong_is_named_and_nothing_else() {
    type Break = fn(&mut World);
    let cases: &[(Break, &str)] = &[
        (|world| world.facts.version.minor = "29+".to_owned(), "FAIL API server: Kubernetes v1.36.3"),
        (|world| world.facts.tekton = Ok(Vec::new()), "FAIL Tekton: tekton.dev is not served here"),
        (|world| world.facts.clock = Some(-3), "WARN clock: the API server's clock is 3 s behind this machine's"),
        (|world| world.facts.clock = Some(5), "WARN clock: the API server's clock is 5 s ahead of this machine's"),
        (
            |world| world.mutating[0]["webhooks"][1]["name"] = json!("pods.example.com"),
            "FAIL registration: there is no webhook pods.stamp.tracestamp.dev: runs are not stamped",
        ),
        (
            |world| world.validating[0]["webhooks"][0]["failurePolicy"] = json!("Fail"),
            "FAIL registration: runs.observe.tracestamp.dev has failurePolicy Fail",
        ),
        (
            |world| world.validating[0]["webhooks"][0]["timeoutSeconds"] = json!(10),
            "WARN registration: runs.observe.tracestamp.dev has timeoutSeconds 10",
        ),
        (
            |world| {
                let labels = json!({"matchLabels": {"tracestamp.dev/inject": "enabled"}});
                world.mutating[0]["webhooks"][0]["namespaceSelector"] = labels;
            },
            "FAIL selectors: only namespaces that ask for it are seen, and none does",
        ),
        (
            |world| world.events("true", json!({"matchLabels": {"a": "b"}})),
            "WARN Events: events.observe.tracestamp.dev sees other namespaces than runs.observe.tracestamp.dev",
        ),
        (
            |world| world.events("false", Value::Null),
            "WARN Events: Events are sent, but TRACESTAMP_POD_EVENTS is not true",
        ),
        (
            |world| {
                world.events("true", Value::Null);
                world.validating[0]["webhooks"].as_array_mut().unwrap().pop();
            },
            "WARN Events: TRACESTAMP_POD_EVENTS is true, but there is no webhook events.observe.tracestamp.dev",
        ),
        (
            |world| drop(world.mutating[0]["webhooks"][0]["clientConfig"].as_object_mut().unwrap().remove("caBundle")),
            "FAIL caBundle: runs.stamp.tracestamp.dev has none",
        ),
        (
            |world| world.mutating[0]["webhooks"][0] = webhook("runs.stamp", &authority().1),
            "FAIL caBundle: that of runs.stamp.tracestamp.dev did not sign the certificate: the API server's calls fail",
        ),
        (
            |world| world.facts.certificate = Ok(None),
            "FAIL certificate: the Secret tracestamp-webhook-tls is not there or empty",
        ),
        (
            |world| world.facts.certificate = Ok(Some(b"nothing".to_vec())),
            "FAIL certificate: the Secret tracestamp-webhook-tls holds no certificate",
        ),
        (
            |world| world.facts.certificate = Err("no permission to read it".to_owned()),
            "unknown certificate: no permission to read it",
        ),
        (
            |world| world.endpoints[0]["endpoints"] = json!([]),
            "FAIL Service: tracestamp-webhook leads nowhere: every call fails open",
        ),
        (
            |world| world.endpoints[0]["endpoints"][0]["conditions"]["ready"] = json!(false),
            "WARN Service: tracestamp-webhook leads to one Pod",
        ),
        (
            |world| {
                let status = &mut world.pod["status"]["initContainerStatuses"][0];
                status["ready"] = json!(false);
                status["state"] = json!({"waiting": {"reason": "CrashLoopBackOff"}});
            },
            "FAIL Pods: tracestamp-1/exporter is not ready: CrashLoopBackOff",
        ),
        (
            |world| world.pod["status"]["containerStatuses"][0]["restartCount"] = json!(3),
            "WARN Pods: tracestamp-1/webhook was restarted 3 times",
        ),
        (
            |world| world.webhook = Ok(world.webhook.clone().unwrap().replace("enabled 1", "enabled 0")),
            "FAIL endpoint: tracing is off: nothing is stamped or recorded",
        ),
        (
            |world| world.webhook = Ok(world.webhook.clone().unwrap().replace("\"disk\"} 0", "\"disk\"} 7")),
            "FAIL spans: tracestamp-1/webhook lost 7 since its start (disk)",
        ),
        (
            |world| world.webhook = Ok(world.webhook.clone().unwrap().replace("version=\"", "version=\"9")),
            concat!(
                "WARN version: the Pods are 9",
                env!("CARGO_PKG_VERSION"),
                ", this command is ",
                env!("CARGO_PKG_VERSION")
            ),
        ),
        (|world| world.exporter = Err("no route".to_owned()), "unknown metrics: tracestamp-1/exporter: no route"),
        (
            |world| {
                let text =
                    "tracestamp_spool_oldest_age_seconds 90\ntracestamp_backend_errors_total{code=\"UNAVAILABLE\"} 4\n";
                world.exporter = Ok(text.to_owned());
            },
            "WARN backend: a span waits for 90 s on tracestamp-1; errors so far: UNAVAILABLE",
        ),
        (
            |world| {
                let now = jiff::Timestamp::now();
                world.runs = vec![
                    json!({"creationTimestamp": now, "annotations": {"tracestamp.dev/traceparent": "00-…"}}),
                    json!({"creationTimestamp": now}),
                    json!({"creationTimestamp": "2020-01-01T00:00:00Z"}),
                ];
            },
            "WARN runs: 1 of the 2 PipelineRuns of the last hour are stamped",
        ),
    ];
    for (break_it, expected) in cases {
        assert_eq!(wrong(break_it), [*expected]);
    }
}

#[test]
fn a_certificate_for_another_host_or_past_its_end_is_refused_by_the_api_server_and_so_here() {
    let authority = authority();
    let with = |certificate: Vec<u8>| {
        wrong(|world| {
            world.facts.certificate = Ok(Some(certificate));
            world.mutating = json!([]);
            world.validating = json!([]);
        })
    };
    assert!(with(leaf(&authority, "elsewhere.svc", 2100)).contains(&format!("FAIL certificate: it is not for {HOST}")));
    let expired = with(leaf(&authority, HOST, 2020));
    assert!(expired.iter().any(|text| text.starts_with("FAIL certificate: it expired ")), "{expired:?}");
}

#[test]
fn a_password_in_the_endpoint_is_not_shown() {
    let findings = World::healthy().findings();
    let endpoint = findings.iter().find(|finding| finding.topic == "endpoint").unwrap();
    assert_eq!(endpoint.what, "http://otlp:4317");
}

#[test]
fn mutating_webhooks_that_are_called_later_are_named() {
    let mut world = World::healthy();
    let later = json!({"metadata": {"name": "zz-injector"}, "webhooks": [{
        "name": "pods.example.com", "clientConfig": {}, "admissionReviewVersions": ["v1"], "sideEffects": "None",
        "rules": [{"resources": ["pods"]}],
    }]});
    world.mutating.as_array_mut().unwrap().push(later);
    let findings = world.findings();
    assert!(findings.iter().any(|finding| finding.what == "called after us for Pods: zz-injector"), "{findings:?}");
}
