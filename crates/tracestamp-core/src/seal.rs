//! Span ids that prove whose they are.
//!
//! The id of an object's own span is a digest over what names the object at its CREATE and for ever after. Whoever
//! observes the object computes it again: it fits, and the annotation is the object's own; it does not, and the value
//! was inherited, copied or forged.

use std::borrow::Cow;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::SealKey;
use crate::context::{SpanId, TraceId};

/// The longest part of a generateName that stays in the name (`k8s.io/apiserver` `pkg/storage/names/generate.go`).
const GENERATE_NAME_KEPT: usize = 58;

/// What is digested and how. It is part of every digest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Version {
    /// Did not say whether a name was given or generated. Read where it was stamped and written below that, so that a run
    /// that is under way during an upgrade is one trace for replicas of either release; no trace begins with it.
    V1,
    V2,
}

impl Version {
    /// Those that a stamped context may be of, that of new traces first.
    pub(crate) const READ: [Self; 2] = [Self::V2, Self::V1];

    const fn tag(self) -> &'static [u8] {
        match self {
            Self::V1 => b"tracestamp/1/",
            Self::V2 => b"tracestamp/2/",
        }
    }
}

/// Makes ids by digest, keyed or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seal<'k> {
    key: Option<&'k SealKey>,
    version: Version,
}

/// The name of an object, as far as it is known before the API server has completed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Name<'a> {
    /// Its creator gave it this name.
    Given(&'a str),
    /// The API server generates it from this generateName, cut to what stays in the name.
    Generated(&'a str),
}

/// What relatives all know of each other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Shared<'a> {
    /// The generated name of the PipelineRun that all descend from. A Pipeline in a Pipeline, its parent and what is below it
    /// share no uid; a generated name is as good as one.
    Run(Cow<'a, str>),
    /// The uid of the run.
    Uid(Cow<'a, str>),
}

/// What an object's own span id is a digest of, beside the trace id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sealed<'a> {
    /// The object's namespace.
    pub(crate) namespace: &'a str,
    /// The object's kind.
    pub(crate) kind: &'a str,
    /// The span above it. A child's names its owner for good and, unlike the owner's uid, is inherited with the
    /// context, so that a grandchild can check it; and a parent that was tampered with no longer fits.
    pub(crate) parent: Option<SpanId>,
    /// Its name, or what it is generated from.
    pub(crate) name: Name<'a>,
    /// Tells objects apart that agree in all of the above: runs that join one creator's trace, a Pod that Tekton makes anew
    /// under the name of one that is gone.
    pub(crate) nonce: &'a str,
}

/// A generateName cut to the part that stays in every name made from it.
pub(crate) fn generated_prefix(generate_name: &str) -> &str {
    generate_name.get(..GENERATE_NAME_KEPT).unwrap_or(generate_name)
}

impl<'k> Seal<'k> {
    /// HMAC-SHA-256 with `key`, or SHA-256 without.
    pub(crate) fn new(key: Option<&'k SealKey>) -> Self {
        Self { key, version: Version::V2 }
    }

    /// The same of another version.
    pub(crate) fn of(self, version: Version) -> Self {
        Self { version, ..self }
    }

    /// The id of an object's own span.
    pub(crate) fn own(self, trace: TraceId, sealed: Sealed<'_>) -> SpanId {
        let Sealed { namespace, kind, parent, name, nonce } = sealed;
        let parent = parent.map(SpanId::bytes);
        let parent = parent.as_ref().map_or(&[][..], |parent| parent);
        let (origin, name) = match name {
            Name::Given(name) => ("given", name),
            Name::Generated(from) => ("generated", from),
        };
        let origin = (self.version != Version::V1).then_some(origin.as_bytes());
        let object = [namespace.as_bytes(), kind.as_bytes(), parent];
        self.span("own", &trace.bytes(), object.into_iter().chain(origin).chain([name.as_bytes(), nonce.as_bytes()]))
    }

    /// The id of the span of an object that was never stamped. Anybody may name the uid of an object of another
    /// namespace, so the object's own is part of it.
    pub(crate) fn derived(self, trace: TraceId, namespace: &str, uid: &str) -> SpanId {
        self.span("derived", &trace.bytes(), [namespace.as_bytes(), uid.as_bytes()])
    }

    /// The trace of relatives of which none was ever stamped, from their namespace and what they share.
    pub(crate) fn derived_trace(self, namespace: &str, shared: &Shared<'_>) -> TraceId {
        let (what, shared) = match shared {
            Shared::Run(name) => ("run", &**name),
            Shared::Uid(uid) => ("uid", &**uid),
        };
        let digest = self.digest("trace", [namespace, what, shared].into_iter().map(str::as_bytes));
        TraceId::from_bytes(first(digest)).unwrap_or(TraceId::LEAST)
    }

    /// The id of a span below an object, from the id of the object's own span, what it tells of and which of them it
    /// is.
    pub(crate) fn below(self, trace: TraceId, own: SpanId, what: &str, which: &str) -> SpanId {
        // The restart count: only a first termination is recorded, and at the Pod's CREATE there is none.
        const RESTARTS: [u8; 4] = 0_u32.to_be_bytes();
        self.span("below", &trace.bytes(), [&own.bytes()[..], what.as_bytes(), which.as_bytes(), &RESTARTS])
    }

    fn span<'p>(self, tag: &str, trace: &'p [u8], parts: impl IntoIterator<Item = &'p [u8]>) -> SpanId {
        let digest = self.digest(tag, [trace].into_iter().chain(parts));
        SpanId::from_bytes(first(digest)).unwrap_or(SpanId::LEAST)
    }

    fn digest<'p>(self, tag: &str, parts: impl Iterator<Item = &'p [u8]>) -> [u8; 32] {
        let version = self.version.tag();
        match self.key {
            None => {
                let mut hash = Sha256::new();
                length_prefixed(version, tag, parts, |bytes| hash.update(bytes));
                hash.finalize().into()
            }
            Some(key) => {
                // HMAC takes a key of any length; hashing it first keeps the fallible constructor out of the way.
                let mut mac = Hmac::<Sha256>::new(&block(key.bytes()));
                length_prefixed(version, tag, parts, |bytes| mac.update(bytes));
                mac.finalize().into_bytes().into()
            }
        }
    }
}

/// The key as one block of SHA-256, as RFC 2104 prepares it: hashed when longer, then filled up with zeros.
fn block(key: &[u8]) -> hmac::digest::Key<Hmac<Sha256>> {
    let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
    let hashed = Sha256::digest(key);
    let key = if key.len() > block.len() { &hashed[..] } else { key };
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    block
}

/// The tag with the version of all this in front and then every part, each after its length, so that no two lists of
/// parts give the same bytes.
fn length_prefixed<'p>(version: &[u8], tag: &str, parts: impl Iterator<Item = &'p [u8]>, mut to: impl FnMut(&[u8])) {
    to(&((version.len() + tag.len()) as u64).to_be_bytes());
    to(version);
    to(tag.as_bytes());
    for part in parts {
        to(&(part.len() as u64).to_be_bytes());
        to(part);
    }
}

fn first<const N: usize>(digest: [u8; 32]) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEALED: Sealed<'_> =
        Sealed { namespace: "ci", kind: "TaskRun", parent: Some(SpanId::LEAST), name: Name::Given("build"), nonce: "" };

    fn trace() -> TraceId {
        TraceId::parse("4bf92f3577b34da6a3ce929d0e0e4736").unwrap()
    }

    #[test]
    fn every_part_of_what_is_sealed_changes_the_id() {
        let seal = Seal::new(None);
        let own = seal.own(trace(), SEALED);
        for other in [
            Sealed { namespace: "prod", ..SEALED },
            Sealed { kind: "Pod", ..SEALED },
            Sealed { parent: None, ..SEALED },
            Sealed { name: Name::Given("buil"), ..SEALED },
            Sealed { name: Name::Generated("build"), ..SEALED },
            Sealed { nonce: "d", ..SEALED },
            // The boundary between two parts is part of the digest.
            Sealed { name: Name::Given("buil"), nonce: "d", ..SEALED },
        ] {
            assert_ne!(seal.own(trace(), other), own, "{other:?}");
        }
        assert_ne!(seal.own(TraceId::LEAST, SEALED), own);
        assert_ne!(seal.of(Version::V1).own(trace(), SEALED), own);
        assert_eq!(seal.own(trace(), SEALED), own);
    }

    #[test]
    fn without_the_key_the_id_cannot_be_made() {
        let (key, other) = (SealKey::new(b"k".to_vec()).unwrap(), SealKey::new(vec![7; 100]).unwrap());
        let ids = [None, Some(&key), Some(&other)].map(|key| Seal::new(key).own(trace(), SEALED));
        assert_ne!(ids[0], ids[1]);
        assert_ne!(ids[1], ids[2]);
    }

    #[test]
    fn ids_never_change_between_releases() {
        // A run that is under way during an upgrade would otherwise fall apart.
        let seal = Seal::new(None);
        let first = seal.of(Version::V1);
        assert_eq!(first.own(trace(), SEALED).to_string(), "f9d73b381d2dec56");
        assert_eq!(first.below(trace(), SpanId::LEAST, "step", "step-build").to_string(), "0e04c3859ec86ab6");
        assert_eq!(seal.own(trace(), SEALED).to_string(), "1e5cba43de8da20f");
        assert_eq!(seal.derived(trace(), "ci", "u1").to_string(), "c1635571d266de43");
        assert_eq!(seal.derived_trace("ci", &Shared::Uid("u1".into())).to_string(), "74a256b0e03cc0a29da71fee6ece12bd");
        assert_eq!(seal.below(trace(), SpanId::LEAST, "step", "step-build").to_string(), "c489a34669d9fa3e");
    }

    #[test]
    fn what_is_derived_is_another_in_every_namespace() {
        let seal = Seal::new(None);
        assert_ne!(seal.derived(trace(), "ci", "u1"), seal.derived(trace(), "prod", "u1"));
        assert_ne!(
            seal.derived_trace("ci", &Shared::Uid("u1".into())),
            seal.derived_trace("prod", &Shared::Uid("u1".into()))
        );
        assert_ne!(
            seal.derived_trace("ci", &Shared::Run("u1".into())),
            seal.derived_trace("ci", &Shared::Uid("u1".into()))
        );
        assert_ne!(
            seal.derived_trace("c", &Shared::Uid("iu1".into())),
            seal.derived_trace("ci", &Shared::Uid("u1".into()))
        );
    }

    #[test]
    fn the_keyed_digest_is_hmac_sha_256() {
        // RFC 4231, test case 2, by the block that `digest` feeds.
        let mut mac = Hmac::<Sha256>::new(&block(b"Jefe"));
        mac.update(b"what do ya want for nothing?");
        let bytes: [u8; 32] = mac.finalize().into_bytes().into();
        assert_eq!(bytes[..4], [0x5b, 0xdc, 0xc1, 0x46]);
    }
}
