//! kube's own types read the same bytes; what they find is what we find.

use kube::core::DynamicObject;
use kube::core::admission::AdmissionReview;
use serde_json::Value;

use crate::recording::{ALL, calls};

#[test]
fn kube_reads_the_same_request() {
    for name in ALL {
        for call in calls(name) {
            let theirs: AdmissionReview<DynamicObject> = serde_json::from_str(&call.body).unwrap();
            let theirs = theirs.request.unwrap();
            call.decide(|ours| {
                assert_eq!(ours.uid, theirs.uid);
                assert_eq!(ours.operation, format!("{:?}", theirs.operation).to_uppercase());
                assert_eq!(ours.namespace, theirs.namespace.as_deref().unwrap_or_default());
                let object = theirs.object.as_ref().or(theirs.old_object.as_ref()).unwrap();
                let named = object.metadata.name.as_ref().or(object.metadata.generate_name.as_ref());
                assert_eq!(ours.name, named.map(String::as_str).unwrap_or_default());
                if ours.kind != "other" {
                    assert_eq!(ours.kind, theirs.kind.kind);
                }
            });
        }
    }
}

#[test]
fn the_api_servers_type_reads_our_answer() {
    for call in calls("success") {
        call.decide(|decision| {
            let answer: Value = serde_json::from_slice(&decision.answer()).unwrap();
            let encoded = answer["response"]["patch"].as_str().map(str::to_owned);
            // kube takes a patch as numbers where Go takes base64: it is checked apart.
            let mut plain = answer.clone();
            plain["response"].as_object_mut().unwrap().remove("patch");
            plain["response"].as_object_mut().unwrap().remove("patchType");
            // kube demands what Go leaves out.
            plain["response"]["status"] = serde_json::json!({});
            let read: AdmissionReview<DynamicObject> = serde_json::from_value(plain).unwrap();
            let response = read.response.unwrap();
            assert!(response.allowed);
            assert_eq!(response.uid, decision.uid);
            let bytes: Option<k8s_openapi::ByteString> =
                encoded.map(|encoded| serde_json::from_value(Value::String(encoded)).unwrap());
            assert_eq!(bytes.map(|bytes| bytes.0), decision.patch);
            assert_eq!(answer["response"]["patchType"].is_string(), decision.patch.is_some());
        });
    }
}
