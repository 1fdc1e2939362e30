//! One review costs what its bytes cost, whatever their shape: memory, counted exactly, and time, compared with that of as
//! many bytes that nobody reads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::{Duration, Instant};

use allocation_counter::measure;
use base64::Engine as _;
use tracestamp_admission::{Endpoint, Entropy, Review, allow};
use tracestamp_core::{Config, Environment, Timestamp, span};

/// What a review may take beside its bytes: the entries that are kept of short lists, the spans, the patch.
const FIXED: u64 = 3 << 20;

/// Where the bytes stand in a review, and which they are.
struct Shape {
    name: &'static str,
    endpoint: Endpoint,
    /// The review, with `@` where the bytes go.
    review: String,
    /// What is repeated, with commas between, and what stands around it.
    around: (&'static str, &'static str),
    entry: &'static str,
}

impl Shape {
    /// About this many bytes of it.
    fn body(&self, bytes: usize) -> Vec<u8> {
        let entries = vec![self.entry; bytes / (self.entry.len() + 1)].join(",");
        let (before, after) = self.around;
        self.review.replace('@', &format!("{before}{entries}{after}")).into_bytes()
    }
}

/// A review of an object whose metadata, spec and status are these.
fn review(kind: &str, operation: &str, [metadata, spec, status]: [&str; 3], old_status: &str) -> String {
    let group = if kind == "Pod" { "" } else { "tekton.dev" };
    let object = |status: &str| {
        format!(
            r#"{{"metadata":{{"name":"p","uid":"u","creationTimestamp":"2026-11-21T11:00:00Z",{OWNED}{metadata}}},"spec":{spec},"status":{status}}}"#
        )
    };
    let old = if operation == "CREATE" { "null".to_owned() } else { object(old_status).replace('@', "") };
    format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u1","kind":{{"group":"{group}","version":"v1","kind":"{kind}"}},"operation":"{operation}","namespace":"ci","object":{},"oldObject":{old}}}}}"#,
        object(status)
    )
}

/// The same of an object without an owner.
fn alone(kind: &str, operation: &str, parts: [&str; 3], old_status: &str) -> String {
    review(kind, operation, parts, old_status).replace(OWNED, r#""generateName":"g""#)
}

const OWNED: &str = r#""labels":{"tekton.dev/taskRun":"t"},"ownerReferences":[{"apiVersion":"tekton.dev/v1","kind":"TaskRun","name":"t","uid":"t","controller":true}]"#;
const ENDED: &str = r#"{"type":"Succeeded","status":"False","reason":"Cancelled"}"#;
const ATTEMPT: &str = r#"{"startTime":"2026-11-21T11:00:01Z","completionTime":"2026-11-21T11:00:04Z","conditions":[{"type":"Succeeded","status":"False","reason":"Failed"}]}"#;
const LIST: (&str, &str) = ("[", "]");
const OBJECT: (&str, &str) = ("{", "}");
const TEXT: (&str, &str) = ("\"", "\"");

/// The status of a container that ended.
fn status(number: usize) -> String {
    format!(
        r#"{{"name":"b{number:03}","state":{{"terminated":{{"startedAt":"2026-11-21T11:00:01Z","finishedAt":"2026-11-21T11:00:02Z"}}}}}}"#
    )
}

fn run_ended(more: &str) -> String {
    format!(r#"{{"completionTime":"2026-11-21T11:00:04Z","conditions":[{ENDED}],{more}}}"#)
}

/// Texts that every span has: of five hundred attempts, and of a Pod's containers.
fn texts_of_every_span() -> Vec<Shape> {
    let mut shapes = Vec::new();
    let mut add = |name, review, entry| {
        shapes.push(Shape { name, endpoint: Endpoint::Observe, review, around: TEXT, entry });
    };
    let attempts = vec![ATTEMPT; 500].join(",");
    let retried = alone("TaskRun", "UPDATE", ["", "{}", &run_ended(&format!(r#""retriesStatus":[{attempts}]"#))], "{}");
    let labelled = retried.replace(
        r#""generateName":"g""#,
        &OWNED.replace("{\"tekton.dev/taskRun\":\"t\"", "{\"tekton.dev/pipelineRunUID\":@"),
    );
    add("a label of every attempt", labelled.clone(), "aaaa");
    add("a label of every attempt", labelled, r"\n\n");
    let image = r#"{"containers":[{"name":"b000","image":@}]}"#;
    let one = status(0);
    let same = format!(r#"{{"phase":"Failed","containerStatuses":[{}]}}"#, vec![&*one; 256].join(","));
    add("an image of every container", review("Pod", "UPDATE", ["", image, &same], "{}"), "a:a");
    let reason = format!(r#"{{"phase":"Failed","reason":@,"containerStatuses":[{one}]}}"#);
    add("a Pod's reason", review("Pod", "UPDATE", ["", r#"{"containers":[{"name":"b000"}]}"#, &reason], "{}"), "a");
    shapes
}

fn shapes() -> Vec<Shape> {
    let statuses = (0..256).map(status).collect::<Vec<_>>().join(",");
    let pod_ended = format!(r#"{{"phase":"Succeeded","containerStatuses":[{statuses}]}}"#);
    let (stamp, observe) = (Endpoint::Stamp, Endpoint::Observe);
    let mut shapes = texts_of_every_span();
    let mut add = |name, endpoint, review, around, entry| {
        shapes.push(Shape { name, endpoint, review, around, entry });
    };
    for (name, spec) in [
        ("containers", r#"{"containers":@}"#),
        ("initContainers", r#"{"containers":[{"name":"step-a"}],"initContainers":@}"#),
    ] {
        add(name, observe, review("Pod", "UPDATE", ["", spec, &pod_ended], "{}"), LIST, "{}");
        add(name, stamp, review("Pod", "CREATE", ["", spec, "{}"], ""), LIST, "{}");
        add(name, stamp, review("Pod", "CREATE", ["", spec, "{}"], ""), LIST, r#"{"name":"a"}"#);
    }
    for key in ["containerStatuses", "initContainerStatuses", "conditions"] {
        let status = format!(r#"{{"phase":"Succeeded","{key}":@}}"#);
        add(
            "statuses of an ended Pod",
            observe,
            review("Pod", "UPDATE", ["", r#"{"containers":[{}]}"#, &status], "{}"),
            LIST,
            "{}",
        );
        add("statuses of a new Pod", stamp, review("Pod", "CREATE", ["", "{}", &status], ""), LIST, "{}");
        add("no list", stamp, review("Pod", "CREATE", ["", "{}", &status], ""), TEXT, "\u{7f}\u{7f}\u{7f}");
    }
    for (kind, key) in [("PipelineRun", "skippedTasks"), ("TaskRun", "retriesStatus"), ("TaskRun", "steps")] {
        let status = run_ended(&format!(r#""{key}":@"#));
        add(key, observe, alone(kind, "UPDATE", ["", "{}", &status], "{}"), LIST, "{}");
    }
    let attempt = run_ended(r#""retriesStatus":[{"conditions":@}]"#);
    add("conditions of an attempt", observe, alone("TaskRun", "UPDATE", ["", "{}", &attempt], "{}"), LIST, "{}");
    let retried = run_ended(r#""retriesStatus":@"#);
    add("attempts", observe, alone("TaskRun", "UPDATE", ["", "{}", &retried], "{}"), LIST, ATTEMPT);
    for key in ["managedFields", "finalizers"] {
        let metadata = format!(r#","{key}":@"#);
        add("entries of metadata", stamp, review("Pod", "CREATE", [&metadata, "{}", "{}"], ""), LIST, "{}");
    }
    for (name, key, around, entry) in [
        ("annotations", "annotations", OBJECT, r#""":"""#),
        ("owners", "ownerReferences", LIST, "{}"),
        ("an owner's name", "ownerReferences", ("[{\"name\":\"", "\"}]"), r"\n\n\n"),
        ("labels", "labels", OBJECT, r#""":"""#),
    ] {
        let metadata = format!(r#","{key}":@"#);
        add(name, stamp, alone("PipelineRun", "CREATE", [&metadata, "{}", "{}"], ""), around, entry);
    }
    for key in ["env", "envFrom"] {
        let spec = format!(r#"{{"containers":[{{"name":"step-a","{key}":@}}]}}"#);
        add(key, stamp, review("Pod", "CREATE", ["", &spec, "{}"], ""), LIST, "{}");
        add(key, stamp, review("Pod", "CREATE", ["", &spec, "{}"], ""), LIST, r#"{"name":"TRACEPARENT"}"#);
    }
    for field in ["name", "generateName", "uid", "namespace"] {
        let created = alone("PipelineRun", "CREATE", ["", "{}", "{}"], "");
        let named = created.replace(r#""metadata":{"#, &format!(r#""metadata":{{"{field}":@,"#));
        let named = if field == "generateName" {
            named.replace(r#","generateName":"g""#, "")
        } else {
            named.replace(r#""name":"p","#, "")
        };
        let named = if field == "uid" { named.replace(r#""uid":"u","#, "") } else { named };
        add("a name with escapes", stamp, named.clone(), TEXT, r"\u00e9\n");
        add("a name that is none", stamp, named, LIST, "[]");
    }
    for key in ["uid", "dryRun", "kind", "options", "object"] {
        let created = alone("PipelineRun", "CREATE", ["", "{}", "{}"], "");
        let member = created.replace(r#""request":{"#, &format!(r#""request":{{"{key}":@,"#));
        add("a member of the request that is no such", stamp, member, TEXT, "\u{7f}\u{7f}\u{7f}\u{7f}");
    }
    add("no review", stamp, "@".to_owned(), TEXT, "\u{7f}\u{7f}\u{7f}");
    add("no end of lists", stamp, "@".to_owned(), LIST, "[[[[[[[[");
    shapes
}

/// Many short messages that become long, as Tekton's entrypoint compresses its own.
fn bombs() -> Shape {
    let bomb = format!("{}{}", " ".repeat(200 << 10), "[]");
    let bomb = base64::engine::general_purpose::STANDARD.encode(miniz(&bomb));
    let status = format!(
        r#"{{"name":"step-a","state":{{"terminated":{{"message":"tknz:{bomb}","startedAt":"2026-11-21T11:00:01Z","finishedAt":"2026-11-21T11:00:02Z"}}}}}}"#
    );
    let status: &'static str = Box::leak(status.into_boxed_str());
    let spec = r#"{"containers":[{"name":"step-a"}]}"#;
    let review = review("Pod", "UPDATE", ["", spec, r#"{"phase":"Succeeded","containerStatuses":@}"#], "{}");
    Shape { name: "compressed messages", endpoint: Endpoint::Observe, review, around: LIST, entry: status }
}

fn miniz(text: &str) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec(text.as_bytes(), 9)
}

/// What the webhook does with a body.
fn decide(body: &[u8], endpoint: Endpoint, config: &Config) {
    let Ok(review) = Review::parse(body) else {
        let _ = allow(body);
        return;
    };
    let received = Timestamp::parse("2026-11-21T12:00:00Z").unwrap();
    let decision = review.decide(endpoint, config, received, Entropy([7; 20]));
    for record in &decision.spans {
        span::encode(record, Vec::new()).unwrap();
    }
    let _ = decision.answer();
}

fn config() -> Config {
    let environment = Environment { resource: true, otlp_endpoint: Some("http://c:4317".to_owned()), baggage: true };
    Config { environment, pod_events: true, ..Config::default() }
}

#[test]
fn a_review_takes_at_most_four_times_the_memory_of_its_body() {
    let config = config();
    for shape in shapes().iter().chain([&bombs()]) {
        let body = shape.body(1 << 20);
        let taken = measure(|| decide(&body, shape.endpoint, &config)).bytes_max;
        // The body itself is the fourth.
        let most = 3 * body.len() as u64 + FIXED;
        let (name, entry) = (shape.name, shape.entry.get(..20).unwrap_or(shape.entry));
        assert!(taken <= most, "{name} of {entry}: {} bytes, {taken} taken, {most} allowed", body.len());
    }
}

#[test]
fn a_review_takes_the_time_of_its_bytes_whatever_their_shape() {
    let config = config();
    let time = |body: &[u8], endpoint: Endpoint| {
        let once = || {
            let began = Instant::now();
            decide(body, endpoint, &config);
            began.elapsed()
        };
        (0..3).map(|_| once()).min().unwrap()
    };
    let unread = review("Pod", "CREATE", [r#","unknown":@"#, "{}", "{}"], "");
    let unread = Shape { name: "", endpoint: Endpoint::Stamp, review: unread, around: LIST, entry: "{}" };
    for shape in shapes().iter().chain([&bombs()]) {
        let body = shape.body(1 << 19);
        let (took, plain) = (time(&body, shape.endpoint), time(&unread.body(body.len()), Endpoint::Stamp));
        let (name, entry) = (shape.name, shape.entry.get(..20).unwrap_or(shape.entry));
        // Reading takes several times what passing over takes, the more so without optimisation; looking through one list
        // for each entry of another takes hundreds.
        assert!(took <= plain * 40 + Duration::from_millis(100), "{name} of {entry}: {took:?}, unread {plain:?}");
    }
}
