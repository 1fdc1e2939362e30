//! Who an object is in its trace: its own context when it was stamped, derived ids when it never was.

use std::borrow::Cow;

use crate::annotation::SAMPLE;
use crate::context::tracestate::{acceptable, agrees, with_threshold};
use crate::context::{Carried, Sampler, SpanId, TraceFlags, TraceId, Traceparent};
use crate::note::Note;
use crate::seal::{Seal, Shared, Version};
use crate::span::Link;
use crate::subject::Subject;
use crate::text::generated_ancestor;
use crate::{CarrierMode, Config};

/// An object's place in its trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity<'a> {
    /// Its own context: the span id is the span of this object.
    pub context: Traceparent,
    /// `tracestate` of the trace.
    pub tracestate: Cow<'a, str>,
    /// The span above.
    pub parent: Option<SpanId>,
    /// The parent is a creator's, outside the cluster.
    pub parent_is_remote: bool,
    /// What the object is linked to.
    pub links: Vec<Link>,
    /// What the ids below were stamped by, which are to stay what they are.
    pub(crate) version: Version,
}

/// The trace an object's relatives speak in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Trace<'a> {
    pub(crate) id: TraceId,
    pub(crate) flags: TraceFlags,
    pub(crate) tracestate: Cow<'a, str>,
}

impl<'a> Subject<'a> {
    /// The object's identity as everyone who sees it computes it, stamped or not. `None` when the object was never
    /// stamped and has no uid to derive one from.
    pub fn identity(&self) -> Option<Identity<'a>> {
        self.own_identity().or_else(|| self.derived_identity())
    }

    /// The identity that was stamped on this very object.
    pub(crate) fn own_identity(&self) -> Option<Identity<'a>> {
        let stamped = self.stamped()?;
        let version = self.fits(stamped)?;
        Some(Identity {
            version,
            context: stamped.context,
            tracestate: self.tracestate(),
            parent: stamped.parent,
            parent_is_remote: stamped.parent.is_some() && self.owner().is_none(),
            links: self.links(),
        })
    }

    fn derived_identity(&self) -> Option<Identity<'a>> {
        let uid = self.metadata.uid.as_deref().filter(|uid| !uid.is_empty())?;
        let lineage = self.lineage()?;
        let span_id = self.seal().derived(lineage.trace.id, self.namespace, uid);
        Some(Identity {
            version: Version::V2,
            context: Traceparent { trace_id: lineage.trace.id, span_id, flags: lineage.trace.flags },
            tracestate: lineage.trace.tracestate,
            parent_is_remote: lineage.parent.is_some() && self.owner().is_none(),
            parent: lineage.parent,
            links: lineage.links,
        })
    }

    /// The trace and parent of an object that has no context of its own (yet): those of its owner, else what a
    /// creator's carrier says, else what derives from the uid that all relatives share.
    pub(crate) fn lineage(&self) -> Option<Lineage<'a>> {
        let owner = self.owner();
        let seal = self.seal();
        let parent_in = |trace: TraceId| owner.map(|(owner, _)| seal.derived(trace, self.namespace, &owner.uid));
        if let Some(inherited) = self.stamped() {
            let context = inherited.context;
            let owners = self.fits_owner(inherited);
            if owners.is_none() {
                self.note(Note::ForeignContext);
            }
            // A context that no relative can be shown to have is as good as a creator's carrier, and no better.
            let relatives = owners.or_else(|| self.fits_ancestor(inherited));
            if relatives.is_some() || self.carrier_mode() == CarrierMode::Join {
                let parent = if owners.is_some() { Some(context.span_id) } else { parent_in(context.trace_id) };
                let trace = Trace { id: context.trace_id, flags: context.flags, tracestate: self.tracestate() };
                return Some(Lineage { trace, parent, links: Vec::new(), version: relatives.unwrap_or(Version::V2) });
            }
        }
        let carried = match self.carrier_mode() {
            CarrierMode::Ignore => None,
            CarrierMode::Join | CarrierMode::Link => self.carriers(self.relation.inherited_carrier).next(),
        };
        if let (Some(carried), CarrierMode::Join) = (&carried, self.carrier_mode()) {
            let parent =
                if owner.is_some() { parent_in(carried.context.trace_id) } else { Some(carried.context.span_id) };
            return Some(Lineage { trace: self.joined(carried), parent, links: Vec::new(), version: Version::V2 });
        }
        let id = seal.derived_trace(self.namespace, &self.shared()?);
        let links = carried.iter().filter(|_| owner.is_none()).map(|carried| carried.context.into()).collect();
        Some(Lineage { trace: self.new_trace(id), parent: parent_in(id), links, version: Version::V2 })
    }

    /// What the object and its relatives all know.
    fn shared(&self) -> Option<Shared<'a>> {
        let ancestor = self.relation.run.as_deref().and_then(generated_ancestor);
        let run = ancestor.map(|ancestor| Shared::Run(Cow::Owned(ancestor.to_owned())));
        run.or_else(|| self.shared_uid().map(Shared::Uid))
    }

    fn shared_uid(&self) -> Option<Cow<'a, str>> {
        let filled = |uid: &'a str| Some(uid).filter(|uid| !uid.is_empty()).map(Cow::Borrowed);
        let owners = || filled(&self.owner()?.0.uid);
        let own = || filled(self.metadata.uid.as_deref()?);
        self.relation.uid.clone().or_else(owners).or_else(own)
    }

    /// A trace of our own making.
    pub(crate) fn new_trace(&self, id: TraceId) -> Trace<'a> {
        let forced = self.sample_override();
        let sampler = if forced == Some(true) { Sampler::ALWAYS } else { self.config.sampler };
        let sampled = forced.unwrap_or_else(|| sampler.samples(id));
        let tracestate = if sampled { sampler.tracestate() } else { Cow::Borrowed("") };
        Trace { id, flags: TraceFlags::RANDOM.with_sampled(sampled), tracestate }
    }

    /// A creator's trace, with the creator's decision unless the object overrides it.
    pub(crate) fn joined(&self, carried: &Carried<'static>) -> Trace<'a> {
        let Carried { context, decided, .. } = *carried;
        let theirs = if decided { context.flags.sampled() } else { self.config.sampler.samples(context.trace_id) };
        let sampled = self.sample_override().unwrap_or(theirs);
        let tracestate = &carried.tracestate;
        let tracestate = if sampled != theirs && sampled {
            with_threshold(tracestate, Some("0"))
        } else if agrees(tracestate, context.trace_id, sampled) {
            Cow::Borrowed(&**tracestate)
        } else {
            with_threshold(tracestate, None)
        };
        // A threshold added to a long list makes it too long to be read again; ours is the part that must stay.
        let tracestate = if acceptable(&tracestate) { tracestate } else { Sampler::ALWAYS.tracestate() };
        let tracestate = Cow::Owned(tracestate.into_owned());
        Trace { id: context.trace_id, flags: context.flags.with_sampled(sampled), tracestate }
    }

    /// What the user asked for on a root. Tekton copies the annotation to all children, which then agree.
    fn sample_override(&self) -> Option<bool> {
        match self.annotations.get_bounded(SAMPLE, 16).ok().flatten()?.as_ref() {
            "always" => Some(true),
            "never" => Some(false),
            _ => None,
        }
    }
}

/// Where an object without context of its own comes from.
#[derive(Debug)]
pub(crate) struct Lineage<'a> {
    pub(crate) trace: Trace<'a>,
    pub(crate) parent: Option<SpanId>,
    pub(crate) links: Vec<Link>,
    /// What is stamped below the relative that the trace comes from.
    pub(crate) version: Version,
}

impl Identity<'_> {
    /// The id of a span below the object's own.
    pub fn below(&self, config: &Config, what: &str, which: &str) -> SpanId {
        let seal = Seal::new(config.seal_key.as_ref()).of(self.version);
        seal.below(self.context.trace_id, self.context.span_id, what, which)
    }
}
