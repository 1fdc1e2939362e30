//! The request, as `kube-apiserver` sends it (`k8s.io/api/admission/v1` AdmissionReview).

use std::borrow::Cow;

use serde::Deserialize;
use thiserror::Error;
use tracestamp_core::change::Deletion;
use tracestamp_core::object::{Braced, Object, Text, braced, scalar};

use crate::answer::answer;

const API_VERSION: &str = "admission.k8s.io/v1";
const KIND: &str = "AdmissionReview";
/// The longest `request.uid` that is answered. The API server's are UUIDs, of 36 bytes.
const UID_LIMIT: usize = 1024;

/// The body is no AdmissionReview of admission.k8s.io/v1 with a request: the only thing answered with 400.
#[derive(Debug, Error)]
#[error("the body is no AdmissionReview of {API_VERSION}: {0}")]
pub struct NotAReview(String);

/// A parsed review. It borrows from the body.
#[derive(Debug)]
pub struct Review<'a> {
    pub(crate) request: Request<'a>,
    /// The length of the body, which is never less than that of an object in it.
    pub(crate) length: usize,
    /// The objects could be read. If not, none is there.
    pub(crate) readable: bool,
}

impl<'a> Review<'a> {
    /// Reads a review in one pass; when that fails, what is needed to answer it.
    pub fn parse(body: &'a [u8]) -> Result<Self, NotAReview> {
        let envelope = serde_json::from_slice::<Braced<Envelope<'a, Request<'a>>>>(body);
        let (request, readable) = match envelope {
            Ok(envelope) => (envelope.into_inner().request()?, true),
            Err(_) => (parse::<Addressed<'a>>(body)?.into(), false),
        };
        Ok(Self { request, length: body.len(), readable })
    }

    /// `request.uid`.
    pub fn uid(&self) -> &str {
        &self.request.uid
    }

    /// Whether it is about an Event, of either of their API groups.
    pub fn is_event(&self) -> bool {
        let GroupKind { group, kind } = &*self.request.kind;
        &**kind == "Event" && matches!(&**group, "" | "events.k8s.io")
    }
}

/// The answer that allows without a patch, made from no more of the review than its uid.
pub fn allow(body: &[u8]) -> Result<Vec<u8>, NotAReview> {
    Ok(answer(&parse::<Addressed<'_>>(body)?.uid, None))
}

fn parse<'a, R: Deserialize<'a> + HasUid>(body: &'a [u8]) -> Result<R, NotAReview> {
    let envelope = serde_json::from_slice::<Braced<Envelope<'a, R>>>(body);
    envelope.map_err(|error| NotAReview(error.to_string()))?.into_inner().request()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "R: Deserialize<'de>"))]
struct Envelope<'a, R> {
    #[serde(borrow, default)]
    api_version: Text<'a>,
    #[serde(borrow, default)]
    kind: Text<'a>,
    request: Option<Braced<R>>,
}

trait HasUid {
    fn uid(&self) -> &str;
}

impl<R: HasUid> Envelope<'_, R> {
    fn request(self) -> Result<R, NotAReview> {
        let wrong = |what: &str| Err(NotAReview(what.to_owned()));
        if &*self.kind != KIND || &*self.api_version != API_VERSION {
            return wrong("apiVersion and kind are others");
        }
        match self.request.map(Braced::into_inner) {
            None => wrong("request is missing"),
            Some(request) if request.uid().is_empty() => wrong("request.uid is missing"),
            // It becomes a part of the answer.
            Some(request) if request.uid().len() > UID_LIMIT => wrong("request.uid is too long"),
            Some(request) => Ok(request),
        }
    }
}

/// `admission/v1` AdmissionRequest, as far as it is read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request<'a> {
    #[serde(borrow, default)]
    pub(crate) uid: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) kind: Braced<GroupKind<'a>>,
    #[serde(borrow)]
    pub(crate) sub_resource: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) namespace: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) operation: Text<'a>,
    #[serde(default, deserialize_with = "scalar::boolean")]
    pub(crate) dry_run: Option<bool>,
    #[serde(borrow)]
    pub(crate) object: Option<Braced<Object<'a>>>,
    #[serde(borrow)]
    pub(crate) old_object: Option<Braced<Object<'a>>>,
    #[serde(borrow, default, deserialize_with = "braced::optional")]
    pub(crate) options: Option<Options<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct GroupKind<'a> {
    #[serde(borrow, default)]
    pub(crate) group: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) kind: Text<'a>,
}

/// `meta/v1` DeleteOptions, as far as they are read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Options<'a> {
    #[serde(default, deserialize_with = "scalar::integer")]
    grace_period_seconds: Option<i64>,
    #[serde(default, deserialize_with = "scalar::boolean")]
    orphan_dependents: Option<bool>,
    #[serde(borrow)]
    propagation_policy: Option<Text<'a>>,
}

impl Options<'_> {
    pub(crate) fn deletion(&self) -> Deletion {
        let policy = matches!(self.propagation_policy.as_deref(), Some("Foreground" | "Orphan"));
        Deletion { grace: self.grace_period_seconds, held: policy || self.orphan_dependents == Some(true) }
    }
}

/// What is needed of a review to answer it and to count it.
#[derive(Deserialize)]
struct Addressed<'a> {
    #[serde(borrow, default)]
    uid: Text<'a>,
    #[serde(borrow, default)]
    kind: Lenient<Braced<GroupKind<'a>>>,
    #[serde(borrow, default)]
    operation: Lenient<Text<'a>>,
}

impl<'a> From<Addressed<'a>> for Request<'a> {
    fn from(addressed: Addressed<'a>) -> Self {
        Self {
            uid: addressed.uid,
            kind: addressed.kind.0,
            operation: addressed.operation.0,
            sub_resource: None,
            namespace: None,
            dry_run: None,
            object: None,
            old_object: None,
            options: None,
        }
    }
}

impl HasUid for Request<'_> {
    fn uid(&self) -> &str {
        &self.uid
    }
}

impl HasUid for Addressed<'_> {
    fn uid(&self) -> &str {
        &self.uid
    }
}

/// A value, or its default when it is of another type.
#[derive(Default)]
struct Lenient<T>(T);

impl<'de: 'a, 'a, T: Deserialize<'a> + Default> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de serde_json::value::RawValue>::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str(raw.get()).unwrap_or_default()))
    }
}

impl<'a> Request<'a> {
    /// The object the request is about: what it is to be, or what it was when it is deleted.
    pub(crate) fn subject(&self) -> Option<&Object<'a>> {
        self.object.as_deref().or(self.old_object.as_deref())
    }

    pub(crate) fn namespace(&self) -> &str {
        let of_object = || self.subject()?.metadata.as_ref()?.namespace.as_deref();
        self.namespace.as_deref().filter(|namespace| !namespace.is_empty()).or_else(of_object).unwrap_or_default()
    }

    /// The object's name, or the generateName that it is still to get one from.
    pub(crate) fn name(&self) -> Cow<'_, str> {
        let metadata = self.subject().and_then(|object| object.metadata.as_ref());
        let name = metadata.and_then(|metadata| metadata.name.as_deref()).filter(|name| !name.is_empty());
        Cow::Borrowed(name.or_else(|| metadata?.generate_name.as_deref()).unwrap_or_default())
    }

    pub(crate) fn is_subresource(&self) -> bool {
        self.sub_resource.as_deref().is_some_and(|sub_resource| !sub_resource.is_empty())
    }
}
