//! What is written on an object while the API server creates it.

mod annotation;
mod environment;

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::annotation::{
    LINKS, LINKS_LIMIT, NONCE, PARENT, PIPELINE_RUN_CARRIER, TASK_RUN_CARRIER, TRACE_URL, TRACEPARENT, TRACESTATE,
};
use crate::context::{CARRIER_LIMIT, Carried, TraceId, Traceparent};
use crate::identity::{Identity, Trace};
use crate::note::Note;
use crate::object::{Kind, PodSpec};
use crate::seal::Version;
use crate::span::{Link, SpanWhat};
use crate::subject::Subject;
use crate::{CarrierFormat, CarrierMode};

pub use annotation::{Annotation, Key, Value};
pub use environment::{EnvSource, EnvStamp, Texts};

/// Room for the annotations that most objects get; a Pod gets one more for every container.
const USUAL: usize = 16;

/// Random bytes for one decision: a trace id and a nonce.
#[derive(Clone, Copy, Debug)]
pub struct Entropy(pub [u8; 20]);

/// The annotations and environment variables to add. Only what differs from what is there.
#[derive(Debug)]
pub struct Stamp<'a> {
    /// Who the object is from now on.
    pub identity: Identity<'a>,
    /// Annotations to set, in the order they are written.
    pub annotations: Vec<Annotation<'a>>,
    /// Variables to put in front of containers' environments.
    pub environment: Vec<EnvStamp<'a>>,
    /// The values that are equal in all of them.
    pub texts: Texts,
}

impl<'a> Subject<'a> {
    /// What to write on this object at its CREATE. `None` when it has neither name nor generateName, or is a child whose
    /// trace cannot be derived.
    pub fn stamp(&self, entropy: Entropy) -> Option<Stamp<'a>> {
        if self.name().is_empty() && self.metadata.generate_name.as_deref().unwrap_or_default().is_empty() {
            return None;
        }
        let carried = self.tekton_carried();
        let minted = match self.owner() {
            Some(_) => self.child(entropy, carried.as_ref())?,
            None => self.root(entropy),
        };
        let Minted { identity, nonce, baggage } = minted;
        let annotations = Vec::with_capacity(USUAL);
        let mut stamp = Stamp { annotations, environment: Vec::new(), texts: Texts::default(), identity };
        self.own_annotations(&mut stamp, nonce);
        self.tekton_carrier(&mut stamp, carried, baggage);
        if self.kind == Kind::Pod {
            self.containers(&mut stamp);
        }
        Some(stamp)
    }

    /// A child speaks in its owner's trace. What was stamped on it in an earlier pass is kept.
    fn child(&self, entropy: Entropy, carried: Option<&Carried<'_>>) -> Option<Minted<'a>> {
        if let Some(identity) = self.own_identity() {
            return Some(Minted { identity, nonce: self.nonce(), baggage: None });
        }
        let lineage = self.lineage()?;
        let nonce = Cow::Owned(entropy.nonce());
        let mut identity = self.identity_in(lineage.trace, lineage.parent, &nonce);
        identity.links.extend(carried.and_then(|carried| self.replaced_carrier(&identity, carried.context)));
        Some(Minted { identity, nonce, baggage: None })
    }

    /// The carrier that Tekton set on a TaskRun and that is about to be replaced: its `createTaskRun` span.
    fn replaced_carrier(&self, identity: &Identity<'_>, context: Traceparent) -> Option<Link> {
        let known = Some(context.span_id) == identity.parent || self.is_ours(context);
        (!known).then(|| context.into())
    }

    /// A root is always minted anew; what tracestamp wrote on the object it was copied from becomes a link.
    fn root(&self, entropy: Entropy) -> Minted<'a> {
        let mut links: Vec<Link> = Vec::new();
        let copied = self.stamped().map(|stamped| stamped.context);
        let mode = self.carrier_mode();
        let creators = match mode {
            CarrierMode::Ignore => None,
            _ => self.carriers(self.tekton_key()).find(|carried| !self.is_ours(carried.context)),
        };
        if let Some(copied) = copied {
            self.note(Note::Copied);
            links.push(copied.into());
        }
        let nonce = Cow::Owned(entropy.nonce());
        let minted = match creators {
            Some(carried) if mode == CarrierMode::Join => {
                let identity = self.identity_in(self.joined(&carried), Some(carried.context.span_id), &nonce);
                Minted { identity, nonce, baggage: carried.baggage }
            }
            other => {
                links.extend(other.iter().map(|carried| Link::from(carried.context)));
                let identity = self.identity_in(self.new_trace(entropy.trace_id()), None, &nonce);
                Minted { identity, nonce, baggage: other.and_then(|carried| carried.baggage) }
            }
        };
        let parent_is_remote = minted.identity.parent.is_some();
        Minted { identity: Identity { parent_is_remote, links, ..minted.identity }, ..minted }
    }

    fn identity_in(&self, trace: Trace<'a>, parent: Option<crate::context::SpanId>, nonce: &str) -> Identity<'a> {
        let span_id = self.seal().own(trace.id, self.sealed(parent, nonce));
        let context = Traceparent { trace_id: trace.id, span_id, flags: trace.flags };
        let (version, tracestate) = (Version::V2, trace.tracestate);
        Identity { context, tracestate, parent, parent_is_remote: false, links: Vec::new(), version }
    }

    fn own_annotations(&self, stamp: &mut Stamp<'a>, nonce: Cow<'a, str>) {
        let context = stamp.identity.context;
        let parent = stamp.identity.parent.map(|span_id| Traceparent { span_id, ..context });
        let links = &stamp.identity.links;
        let links = links.iter().take(LINKS_LIMIT).fold(String::new(), |mut list, &link| {
            let comma = if list.is_empty() { "" } else { "," };
            let _ = write!(list, "{comma}{}", Traceparent::from(link));
            list
        });
        self.set(stamp, TRACEPARENT, Value::Context(context));
        self.set(stamp, TRACESTATE, Value::Text(stamp.identity.tracestate.clone()));
        self.set(stamp, PARENT, parent.map_or(Value::NONE, Value::Context));
        self.set(stamp, LINKS, links.into());
        self.set(stamp, NONCE, Value::Text(nonce));
        self.trace_url(stamp);
    }

    /// A root says where its trace can be looked at. A child keeps what it inherited when that is of its own trace; a
    /// trace that is not recorded can be looked at nowhere.
    fn trace_url(&self, stamp: &mut Stamp<'a>) {
        let context = stamp.identity.context;
        let inherited = self.annotations.get(TRACE_URL);
        let url = match (&self.config.trace_url, inherited) {
            _ if !context.flags.sampled() => String::new(),
            (Some(template), _) if self.owner().is_none() => template.of(context),
            (Some(_), Some(url)) if url.contains(&context.trace_id.to_string()) => return,
            _ => String::new(),
        };
        self.set(stamp, TRACE_URL, url.into());
    }

    /// Sets an annotation unless it has the value already. No value means absent; one that was inherited or copied is
    /// emptied rather than removed, so that no patch can name a path that is gone by then.
    fn set(&self, stamp: &mut Stamp<'a>, key: &'static str, value: Value<'a>) {
        let there = self.annotations.get(key);
        if !value.is(there.as_deref().unwrap_or_default()) {
            stamp.annotations.push(Annotation { key: Key::Known(key), value });
        }
    }

    fn tekton_key(&self) -> Option<&'static str> {
        match self.kind {
            Kind::PipelineRun => Some(PIPELINE_RUN_CARRIER),
            Kind::TaskRun => Some(TASK_RUN_CARRIER),
            Kind::CustomRun | Kind::Pod => None,
        }
    }

    /// What Tekton's own carrier says before it becomes ours.
    fn tekton_carried(&self) -> Option<Carried<'static>> {
        let value = self.annotations.get_bounded(self.tekton_key()?, 2 * CARRIER_LIMIT).ok().flatten()?;
        Carried::parse(CarrierFormat::Json, &value).map(Carried::into_owned)
    }

    /// Hands Tekton our context, in its own form, so that its spans nest under ours.
    fn tekton_carrier(
        &self,
        stamp: &mut Stamp<'a>,
        carried: Option<Carried<'static>>,
        baggage: Option<Cow<'static, str>>,
    ) {
        let Some(key) = self.tekton_key() else { return };
        let (context, tracestate) = (stamp.identity.context.of_level_1(), &*stamp.identity.tracestate);
        if carried.as_ref().is_some_and(|carried| carried.context == context && carried.tracestate == tracestate) {
            return;
        }
        let baggage = baggage.or_else(|| carried.and_then(|carried| carried.baggage));
        // Tekton drops a carrier of its limit or more, so a long baggage must not cost the context.
        let with = baggage.and_then(|baggage| context.to_json(tracestate, Some(&baggage)));
        let value = with.filter(|with| with.len() < CARRIER_LIMIT).or_else(|| context.to_json(tracestate, None));
        stamp.annotations.extend(value.map(|value| Annotation { key: Key::Known(key), value: value.into() }));
    }

    /// Every container's own context, so that what a tool in it emits nests under its span, and the environment.
    fn containers(&self, stamp: &mut Stamp<'a>) {
        let Some(spec) = PodSpec::parse(self.object.spec) else { return };
        stamp.texts = self.texts();
        let groups = [("initContainers", spec.init_containers), ("containers", spec.containers)];
        for (list, containers) in groups {
            let containers = containers.into_iter().flatten().enumerate();
            for (index, container) in containers.filter(|(_, container)| is_dns_label(&container.name)) {
                let init = list == "initContainers";
                let what = SpanWhat::of_container(&container.name, init, container.restarts()).as_str();
                let span_id = stamp.identity.below(self.config, what, &container.name);
                // A step's tools may be of Go as well as Tekton is.
                let value = Value::Context(Traceparent { span_id, ..stamp.identity.context }.of_level_1());
                let environment = self.environment(list, index, &container, stamp);
                stamp.environment.extend(environment);
                let key = Key::Container(container.name.into_cow());
                if !key.of(&self.annotations).is_some_and(|there| value.is(&there)) {
                    stamp.annotations.push(Annotation { key, value });
                }
            }
        }
    }
}

/// Container names are checked by the API server after us: an invalid one would make our annotation invalid too.
fn is_dns_label(name: &str) -> bool {
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    name.len() <= 63
        && edge(name.bytes().next())
        && edge(name.bytes().last())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

struct Minted<'a> {
    identity: Identity<'a>,
    nonce: Cow<'a, str>,
    baggage: Option<Cow<'static, str>>,
}

impl Entropy {
    fn trace_id(self) -> TraceId {
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        TraceId::from_bytes(bytes).unwrap_or(TraceId::LEAST)
    }

    /// Four bytes: enough to tell runs apart, and no freedom to search for the id of another object's span.
    fn nonce(self) -> String {
        let [.., a, b, c, d] = self.0;
        format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
    }
}
