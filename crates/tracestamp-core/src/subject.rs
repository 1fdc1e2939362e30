//! The object a review is about, with what its identity is made of read out.

use std::borrow::Cow;
use std::cell::RefCell;

use crate::annotation::{CONTAINER_SUFFIX, INJECT, LINKS, LINKS_LIMIT, NONCE, PARENT, TRACEPARENT};
use crate::context::{CARRIER_LIMIT, Carried, SpanId, Traceparent};
use crate::note::Note;
use crate::object::{Kind, Map, Metadata, Object, OwnerReference};
use crate::seal::{Seal, Sealed, generated_prefix};
use crate::span::Link;
use crate::{CarrierFormat, CarrierMode, Config};

/// One object and the configuration it is judged by.
pub struct Subject<'a> {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: &'a str,
    /// The object itself.
    pub object: &'a Object<'a>,
    /// Its metadata.
    pub metadata: &'a Metadata<'a>,
    /// Its labels.
    pub labels: Map<'a>,
    /// Its annotations.
    pub annotations: Map<'a>,
    pub(crate) config: &'a Config,
    notes: RefCell<Vec<Note>>,
}

/// A context in our annotations, with the parent written beside it when that is of the same trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stamped {
    pub(crate) context: Traceparent,
    pub(crate) parent: Option<SpanId>,
}

/// The random characters after a generateName (`k8s.io/apiserver` `pkg/storage/names/generate.go`).
const GENERATED_SUFFIX: usize = 5;

/// A length that any traceparent of a known or coming version fits in.
const TRACEPARENT_LIMIT: usize = 128;

impl<'a> Subject<'a> {
    /// `None` when the object has no metadata, or labels or annotations that are no strings.
    pub fn new(kind: Kind, namespace: &'a str, object: &'a Object<'a>, config: &'a Config) -> Option<Self> {
        let metadata = object.metadata.as_ref()?;
        Some(Self {
            kind,
            namespace: metadata.namespace.as_deref().filter(|_| namespace.is_empty()).unwrap_or(namespace),
            object,
            metadata,
            labels: Map::parse(metadata.labels)?,
            annotations: Map::parse(metadata.annotations)?,
            config,
            notes: RefCell::default(),
        })
    }

    /// Whether the operator or the object's creator wants it untouched.
    pub fn excluded(&self) -> bool {
        self.config.excluded_namespaces.contains(self.namespace)
            || self.labels.get(INJECT).as_deref() == Some("disabled")
    }

    /// The traced object that controls this one. Any other controller makes it no child: that controller has no span.
    pub fn owner(&self) -> Option<(&'a OwnerReference<'a>, Kind)> {
        let owner = self.metadata.controller()?;
        owner.traced().map(|kind| (owner, kind))
    }

    /// Whether the object is traced at all: every run, and of Pods those that a TaskRun controls.
    pub fn is_traced(&self) -> bool {
        let of_task_run = || self.owner().is_some_and(|(_, owner)| owner == Kind::TaskRun);
        self.kind != Kind::Pod || self.labels.get("tekton.dev/taskRun").is_some() && of_task_run()
    }

    /// The object's name, empty when it is still to be generated.
    pub fn name(&self) -> &'a str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    /// What was met so far.
    pub fn notes(&self) -> Vec<Note> {
        self.notes.take()
    }

    pub(crate) fn note(&self, note: Note) {
        let mut notes = self.notes.borrow_mut();
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    pub(crate) fn seal(&self) -> Seal<'a> {
        Seal::new(self.config.seal_key.as_ref())
    }

    fn generate_name(&self) -> &'a str {
        self.metadata.generate_name.as_deref().unwrap_or_default()
    }

    /// Whether the nonce on the object belongs to its own seal; children inherit that of their root.
    pub(crate) fn uses_nonce(&self) -> bool {
        self.owner().is_none() || !self.generate_name().is_empty()
    }

    /// What this object's own span id is a digest of, under `parent`.
    pub(crate) fn sealed<'s>(&'s self, parent: Option<SpanId>, nonce: &'s str) -> Sealed<'s> {
        let prefix = generated_prefix(self.generate_name());
        Sealed {
            namespace: self.namespace,
            kind: self.kind,
            parent,
            name: if prefix.is_empty() { self.name() } else { prefix },
            nonce: if self.uses_nonce() { nonce } else { "" },
        }
    }

    pub(crate) fn nonce(&self) -> Cow<'a, str> {
        self.annotations.get_bounded(NONCE, 16).ok().flatten().unwrap_or_default()
    }

    /// The tracestamp context on the object, whoever's it is.
    pub(crate) fn stamped(&self) -> Option<Stamped> {
        let context = self.traceparent(TRACEPARENT)?;
        let parent = self.traceparent(PARENT).filter(|parent| parent.trace_id == context.trace_id);
        Some(Stamped { context, parent: parent.map(|parent| parent.span_id) })
    }

    /// Whether `stamped` is this object's own.
    pub(crate) fn fits(&self, stamped: Stamped) -> bool {
        let Stamped { context, parent } = stamped;
        self.seal().own(context.trace_id, self.sealed(parent, &self.nonce())) == context.span_id
    }

    /// Whether `stamped` is the own context of this object's owner, which the object inherited.
    ///
    /// Of the owner only its name is known here: a generated one is its generateName and five characters, so both
    /// readings are tried, each with and without the nonce that may have been inherited with the context.
    pub(crate) fn fits_owner(&self, stamped: Stamped, owner: &OwnerReference<'_>, kind: Kind) -> bool {
        let Stamped { context, parent } = stamped;
        let nonce = self.nonce();
        let nonces = ["", &*nonce];
        let nonces = if nonce.is_empty() { nonces.get(1..) } else { nonces.get(..) }.unwrap_or_default();
        let prefix = owner.name.len().checked_sub(GENERATED_SUFFIX).and_then(|cut| owner.name.get(..cut));
        [Some(&*owner.name), prefix].into_iter().flatten().any(|name| {
            nonces.iter().any(|nonce| {
                let sealed = Sealed { namespace: self.namespace, kind, parent, name, nonce };
                self.seal().own(context.trace_id, sealed) == context.span_id
            })
        })
    }

    /// The context in one of our annotations.
    pub(crate) fn traceparent(&self, key: &str) -> Option<Traceparent> {
        match self.annotations.get_bounded(key, TRACEPARENT_LIMIT) {
            Ok(None) => None,
            Ok(Some(value)) => {
                let parsed = Traceparent::parse(&value).ok();
                if parsed.is_none() {
                    self.note(Note::ContextMalformed);
                }
                parsed
            }
            Err(_) => {
                self.note(Note::ContextMalformed);
                None
            }
        }
    }

    /// `tracestate` in our annotation, when it can be passed on.
    pub(crate) fn tracestate(&self) -> Cow<'a, str> {
        use crate::annotation::TRACESTATE;
        use crate::context::tracestate::{TRACESTATE_LIMIT, acceptable};
        match self.annotations.get_bounded(TRACESTATE, TRACESTATE_LIMIT) {
            Ok(None) => Cow::Borrowed(""),
            Ok(Some(value)) if acceptable(&value) => value,
            _ => {
                self.note(Note::TracestateDropped);
                Cow::Borrowed("")
            }
        }
    }

    /// The links in our annotation, the first eight.
    pub(crate) fn links(&self) -> Vec<Link> {
        let limit = LINKS_LIMIT * (TRACEPARENT_LIMIT + 1);
        let Ok(value) = self.annotations.get_bounded(LINKS, limit) else {
            self.note(Note::LinksDropped);
            return Vec::new();
        };
        let value = value.unwrap_or_default();
        let items = || value.split(',').filter(|item| !item.is_empty());
        let links: Vec<Link> =
            items().take(LINKS_LIMIT).filter_map(|item| Traceparent::parse(item.trim()).ok()).map(Link::from).collect();
        if links.len() != items().count() {
            self.note(Note::LinksDropped);
        }
        links
    }

    /// Whether a context stands in one of tracestamp's annotations on this object: then it is a copy, not a creator's.
    pub(crate) fn is_ours(&self, context: Traceparent) -> bool {
        let same = |other: Traceparent| other.trace_id == context.trace_id && other.span_id == context.span_id;
        [TRACEPARENT, PARENT].into_iter().filter_map(|key| self.traceparent(key)).any(same)
            || self.links().iter().any(|link| link.trace_id == context.trace_id && link.span_id == context.span_id)
    }

    /// What becomes of creators' carriers here.
    pub(crate) fn carrier_mode(&self) -> CarrierMode {
        self.config.carrier_mode(self.namespace)
    }

    /// The creator's carriers, in the order they count: the given one of Tekton's, then the configured keys.
    pub(crate) fn carriers<'s>(&'s self, tekton: Option<&'s str>) -> impl Iterator<Item = Carried<'static>> {
        let tekton = tekton.map(|key| (key, CarrierFormat::Json));
        let configured = self.config.carriers.iter().map(|carrier| (carrier.key.as_str(), carrier.format));
        tekton.into_iter().chain(configured).filter_map(|(key, format)| self.carrier(key, format))
    }

    fn carrier(&self, key: &str, format: CarrierFormat) -> Option<Carried<'static>> {
        // Twice the limit as written: a JSON carrier is full of escaped quotes.
        let value = match self.annotations.get_bounded(key, 2 * CARRIER_LIMIT) {
            Ok(None) => return None,
            Ok(Some(value)) if value.len() <= CARRIER_LIMIT => value,
            _ => {
                self.note(Note::CarrierTooLong);
                return None;
            }
        };
        let carried = Carried::parse(format, &value).map(Carried::into_owned);
        let Some(carried) = carried else {
            self.note(Note::CarrierMalformed);
            return None;
        };
        // A bare traceparent has its tracestate beside it, under the same prefix.
        let beside = key.strip_suffix("traceparent").filter(|_| format == CarrierFormat::W3c);
        let tracestate = beside.map(|prefix| format!("{prefix}tracestate")).and_then(|key| self.annotations.get(&key));
        let carried = match tracestate {
            Some(tracestate) => carried.with_tracestate(Cow::Owned(tracestate.into_owned())),
            None => carried,
        };
        if carried.tracestate_dropped {
            self.note(Note::TracestateDropped);
        }
        Some(carried)
    }
}

/// The key of the annotation that holds a container's own context.
pub(crate) fn container_key(container: &str) -> String {
    format!("{container}{CONTAINER_SUFFIX}")
}
