//! What the API server is told.

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

/// `admission/v1` AdmissionReview with a response that allows.
pub(crate) fn answer(uid: &str, patch: Option<&[u8]>) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer<'a> {
        api_version: &'static str,
        kind: &'static str,
        response: Response<'a>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Response<'a> {
        uid: &'a str,
        allowed: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        patch_type: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        patch: Option<Base64<'a>>,
    }
    let response = Response { uid, allowed: true, patch_type: patch.map(|_| "JSONPatch"), patch: patch.map(Base64) };
    let answer = Answer { api_version: "admission.k8s.io/v1", kind: "AdmissionReview", response };
    let mut bytes = Vec::with_capacity(256 + patch.map_or(0, |patch| patch.len().div_ceil(3) * 4));
    // Strings alone cannot fail to serialise; an empty body would count as a failed call, which Ignore admits.
    if serde_json::to_writer(&mut bytes, &answer).is_err() {
        bytes.clear();
    }
    bytes
}

struct Base64<'a>(&'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}
