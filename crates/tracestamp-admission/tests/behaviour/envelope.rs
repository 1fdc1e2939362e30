use serde_json::{Value, json};
use tracestamp_admission::{Endpoint, Entropy, Review, allow};
use tracestamp_core::{Config, Timestamp};

use crate::world::*;

fn answer(body: &[u8]) -> Value {
    let review = Review::parse(body).unwrap();
    let config = Config::default();
    let decision = review.decide(Endpoint::Stamp, &config, Timestamp::from_nanos(0), Entropy([1; 20]));
    serde_json::from_slice(&decision.answer()).unwrap()
}

#[test]
fn the_answer_echoes_the_uid_and_allows() {
    let body = review("CREATE", Some(&pipeline_run()), None, &json!({"uid": "a\"b\u{e9}"})).to_string();
    let answered = answer(body.as_bytes());
    assert_eq!(answered["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(answered["kind"], "AdmissionReview");
    assert_eq!(answered["response"]["uid"], "a\"b\u{e9}");
    assert_eq!(answered["response"]["allowed"], true);
    assert_eq!(answered["response"]["patchType"], "JSONPatch");
    let allowed: Value = serde_json::from_slice(&allow(body.as_bytes()).unwrap()).unwrap();
    assert_eq!(allowed["response"], json!({"uid": "a\"b\u{e9}", "allowed": true}));
}

#[test]
fn patch_and_patch_type_come_together_or_not_at_all() {
    let mut other = pipeline_run();
    other["kind"] = json!("Pipeline");
    let answered = answer(review("CREATE", Some(&other), None, &json!({})).to_string().as_bytes());
    assert_eq!(answered["response"], json!({"uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "allowed": true}));
}

#[test]
fn an_object_of_an_unexpected_shape_is_answered_all_the_same() {
    let mut review = review("CREATE", Some(&pipeline_run()), None, &json!({}));
    for hostile in [json!(7), json!([]), json!({"metadata": {"name": 7}}), json!({"status": {"conditions": {}}})] {
        review["request"]["object"] = hostile;
        assert_eq!(answer(review.to_string().as_bytes())["response"]["allowed"], true);
    }
    review["request"]["kind"] = json!("text");
    assert_eq!(answer(review.to_string().as_bytes())["response"]["allowed"], true);
}

#[test]
fn only_what_is_no_review_is_refused_and_the_error_says_why() {
    for (body, why) in [
        ("", "EOF"),
        ("{}", "apiVersion"),
        ("[]", "invalid"),
        (r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1","request":{"uid":"u"}}"#, "apiVersion"),
        (r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}"#, "request is missing"),
        (r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{}}"#, "uid is missing"),
        // What a derived reader would take for an object with its fields in their order.
        (r#"["admission.k8s.io/v1","AdmissionReview",{"uid":"u"}]"#, "expected an object"),
        (r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":["u"]}"#, "expected an object"),
    ] {
        let error = Review::parse(body.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(why), "{body}: {error}");
        assert!(allow(body.as_bytes()).is_err());
    }
}
