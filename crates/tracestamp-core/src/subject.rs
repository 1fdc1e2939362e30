//! The object a review is about, with what its identity is made of read out.

mod annotations;

use std::cell::RefCell;

use crate::Config;
use crate::annotation::INJECT;
use crate::context::{SpanId, Traceparent};
use crate::note::Note;
use crate::object::{Kind, Map, Metadata, Object, OwnerReference};
use crate::seal::{Name, Seal, Sealed, Version, generated_prefix};
use crate::text::GENERATED_SUFFIX;

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

impl<'a> Subject<'a> {
    /// `None` when the object has no metadata, or labels or annotations that are no strings.
    pub fn new(kind: Kind, namespace: &'a str, object: &'a Object<'a>, config: &'a Config) -> Option<Self> {
        let metadata = object.metadata.as_ref()?;
        Some(Self {
            kind,
            namespace,
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

    /// What this object's own span id is a digest of, under `parent`.
    pub(crate) fn sealed<'s>(&'s self, parent: Option<SpanId>, nonce: &'s str) -> Sealed<'s> {
        let prefix = generated_prefix(self.generate_name());
        // A creator may give both; then the name is not made of the generateName.
        let suffix = self.name().strip_prefix(prefix).filter(|_| !prefix.is_empty());
        let generated = self.name().is_empty() || suffix.is_some_and(|suffix| suffix.len() == GENERATED_SUFFIX);
        let name = if generated { Name::Generated(prefix) } else { Name::Given(self.name()) };
        Sealed { namespace: self.namespace, kind: self.kind, parent, name, nonce }
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

    /// The same of the PipelineRun above this Pod: its TaskRun's stamp was missed.
    pub(crate) fn fits_pipeline_run(&self, stamped: Stamped) -> Option<Version> {
        let name = self.labels.get("tekton.dev/pipelineRun").filter(|_| self.kind == Kind::Pod);
        name.and_then(|name| self.fits_relative(stamped, Kind::PipelineRun, &name))
    }

    /// Of a relative only its name is known here: a generated one is its generateName and five characters, so both
    /// readings are tried, with the nonce that was inherited with the context.
    fn fits_relative(&self, stamped: Stamped, kind: Kind, name: &str) -> Option<Version> {
        let nonce = self.nonce();
        let prefix = name.len().checked_sub(GENERATED_SUFFIX).and_then(|cut| name.get(..cut));
        [Some(Name::Given(name)), prefix.map(Name::Generated)].into_iter().flatten().find_map(|name| {
            let sealed = Sealed { namespace: self.namespace, kind, parent: stamped.parent, name, nonce: &nonce };
            self.sealed_by(stamped, sealed)
        })
    }
}
