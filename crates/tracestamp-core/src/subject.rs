//! The object under review, with the labels and annotations its identity is computed from.

mod annotations;

use std::borrow::Cow;
use std::cell::RefCell;

use crate::Config;
use crate::annotation::INJECT;
use crate::context::{SpanId, Traceparent};
use crate::note::Note;
use crate::object::{Map, Metadata, Object, OwnerReference, Resource};
use crate::seal::{Name, Seal, Sealed, Version, generated_prefix};
use crate::text::GENERATED_SUFFIX;

/// One object and the configuration it is judged by.
pub struct Subject<'a> {
    /// Its kind.
    pub kind: &'static Resource,
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
    pub(crate) relation: Relation<'a>,
    owner: Option<Owner<'a>>,
    notes: RefCell<Vec<Note>>,
}

/// The reference to an object's controller, with the controller's kind.
pub type Owner<'a> = (&'a OwnerReference<'a>, &'static Resource);

/// How an object finds its relatives' trace, as its kind knows.
#[derive(Clone, Debug, Default)]
pub struct Relation<'a> {
    /// The annotation in which another tracer keeps this object's context: a creator's is read from it, ours is written.
    pub carrier: Option<&'static str>,
    /// The annotation in which a creator's context may have been inherited.
    pub inherited_carrier: Option<&'static str>,
    /// The name of the run that the object is or belongs to.
    pub run: Option<Cow<'a, str>>,
    /// The uid that relatives share, where the owner's is not it.
    pub uid: Option<Cow<'a, str>>,
    /// A relative above the owner whose context may have been inherited past a missed stamp, by kind and name.
    pub ancestor: Option<(&'static Resource, Cow<'a, str>)>,
}

/// A context in our annotations, with the parent written beside it when that is of the same trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stamped {
    pub(crate) context: Traceparent,
    pub(crate) parent: Option<SpanId>,
}

impl<'a> Subject<'a> {
    /// `None` when the object has no metadata, or labels or annotations that are no strings. An owner of a kind that is not
    /// traced makes it no child: that owner has no span.
    pub(crate) fn new(
        kind: &'static Resource,
        owner: Option<Owner<'a>>,
        namespace: &'a str,
        object: &'a Object<'a>,
        config: &'a Config,
    ) -> Option<Self> {
        let metadata = object.metadata.as_ref()?;
        Some(Self {
            kind,
            namespace,
            object,
            metadata,
            labels: Map::parse(metadata.labels)?,
            annotations: Map::parse(metadata.annotations)?,
            config,
            relation: Relation::default(),
            owner,
            notes: RefCell::default(),
        })
    }

    /// The same, with what its kind knows of its relatives.
    pub(crate) fn related(self, relation: Relation<'a>) -> Self {
        Self { relation, ..self }
    }

    /// Whether the operator or the object's creator wants it untouched.
    pub fn excluded(&self) -> bool {
        self.config.excluded_namespaces.contains(self.namespace)
            || self.labels.get(INJECT).as_deref() == Some("disabled")
    }

    /// The traced object that controls this one, and its kind.
    pub fn owner(&self) -> Option<Owner<'a>> {
        self.owner
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

    /// What this object's own span id is a digest of, under `parent`.
    pub(crate) fn sealed<'s>(&'s self, parent: Option<SpanId>, nonce: &'s str) -> Sealed<'s> {
        let prefix = generated_prefix(self.generate_name());
        // A creator may give both; then the name is not made of the generateName.
        let suffix = self.name().strip_prefix(prefix).filter(|_| !prefix.is_empty());
        let generated = self.name().is_empty() || suffix.is_some_and(|suffix| suffix.len() == GENERATED_SUFFIX);
        let name = if generated { Name::Generated(prefix) } else { Name::Given(self.name()) };
        Sealed { namespace: self.namespace, kind: self.kind.kind, parent, name, nonce }
    }

    /// The version of the seal by which `stamped` is this object's own, if it is.
    pub(crate) fn fits(&self, stamped: Stamped) -> Option<Version> {
        let nonce = self.nonce();
        self.sealed_by(stamped, self.sealed(stamped.parent, &nonce))
    }

    /// The version of the seal by which a context is that of the object described, if it is.
    fn sealed_by(&self, Stamped { context, .. }: Stamped, sealed: Sealed<'_>) -> Option<Version> {
        let fits = |version: &Version| self.seal().of(*version).own(context.trace_id, sealed) == context.span_id;
        Version::READ.into_iter().find(fits)
    }

    /// The version of the seal by which `stamped` is the own context of this object's owner, which the object inherited.
    pub(crate) fn fits_owner(&self, stamped: Stamped) -> Option<Version> {
        self.owner().and_then(|(owner, kind)| self.fits_relative(stamped, kind, &owner.name))
    }

    /// The same of a relative above the owner.
    pub(crate) fn fits_ancestor(&self, stamped: Stamped) -> Option<Version> {
        self.relation.ancestor.as_ref().and_then(|(kind, name)| self.fits_relative(stamped, kind, name))
    }

    /// Of a relative only its name is known here: a generated one is its generateName and five characters, so both
    /// readings are tried, with the nonce that was inherited with the context.
    fn fits_relative(&self, stamped: Stamped, kind: &Resource, name: &str) -> Option<Version> {
        let nonce = self.nonce();
        let prefix = name.len().checked_sub(GENERATED_SUFFIX).and_then(|cut| name.get(..cut));
        [Some(Name::Given(name)), prefix.map(Name::Generated)].into_iter().flatten().find_map(|name| {
            let sealed =
                Sealed { namespace: self.namespace, kind: kind.kind, parent: stamped.parent, name, nonce: &nonce };
            self.sealed_by(stamped, sealed)
        })
    }
}
