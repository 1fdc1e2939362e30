//! What an API server and Tekton make of an object.

use serde_json::{Value, json};

/// The review that an API server sends of an operation; `more` goes into the request.
pub fn review(operation: &str, object: Option<&Value>, old: Option<&Value>, more: &Value) -> Value {
    let any = object.or(old).unwrap();
    let (group, version) = any["apiVersion"].as_str().unwrap().rsplit_once('/').unwrap_or(("", "v1"));
    let mut review = json!({
        "kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": group, "version": version, "kind": any["kind"]},
            "namespace": any["metadata"]["namespace"], "operation": operation, "object": object, "oldObject": old,
            "dryRun": false,
        }
    });
    for (key, value) in more.as_object().unwrap() {
        review["request"][key] = value.clone();
    }
    review
}

/// An object that Tekton creates for `owner`: with all its annotations.
pub fn child(owner: &Value, mut object: Value) -> Value {
    if owner["metadata"]["annotations"].is_object() {
        object["metadata"]["annotations"] = owner["metadata"]["annotations"].clone();
    }
    object["metadata"]["ownerReferences"] = json!([{
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": true,
    }]);
    object
}
