//! Reading contexts off annotations. Any user of the cluster can write them, so every value is bounded before it is read.

use std::borrow::Cow;

use super::{Stamped, Subject};
use crate::annotation::{LINKS, LINKS_LIMIT, NONCE, PARENT, TRACEPARENT, TRACESTATE};
use crate::context::tracestate::{TRACESTATE_LIMIT, acceptable};
use crate::context::{CARRIER_LIMIT, Carried, Traceparent};
use crate::note::Note;
use crate::span::Link;
use crate::{CarrierFormat, CarrierMode};

/// A length that any traceparent of a known or coming version fits in.
const TRACEPARENT_LIMIT: usize = 128;

impl<'a> Subject<'a> {
    pub(crate) fn nonce(&self) -> Cow<'a, str> {
        self.annotations.get_bounded(NONCE, 16).ok().flatten().unwrap_or_default()
    }

    /// The tracestamp context on the object, whoever's it is.
    pub(crate) fn stamped(&self) -> Option<Stamped> {
        let context = self.traceparent(TRACEPARENT)?;
        let parent = self.traceparent(PARENT).filter(|parent| parent.trace_id == context.trace_id);
        Some(Stamped { context, parent: parent.map(|parent| parent.span_id) })
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
