//! What is written on an object while the API server creates it.

mod environment;

use std::borrow::Cow;

use crate::annotation::{
    LINKS, LINKS_LIMIT, NONCE, PARENT, PIPELINE_RUN_CARRIER, TASK_RUN_CARRIER, TRACE_URL, TRACEPARENT, TRACESTATE,
};
use crate::context::{CARRIER_LIMIT, Carried, TraceId, Traceparent};
use crate::identity::{Identity, Trace};
use crate::note::Note;
use crate::object::{Kind, PodSpec};
use crate::span::{Link, SpanWhat};
use crate::subject::{Subject, container_key};
use crate::{CarrierFormat, CarrierMode};

pub use environment::{EnvEntry, EnvSource, EnvStamp};

/// Random bytes for one decision: a trace id and a nonce.
#[derive(Clone, Copy, Debug)]
pub struct Entropy(pub [u8; 20]);

/// The annotations and environment variables to add. Only what differs from what is there.
#[derive(Debug)]
pub struct Stamp<'a> {
    /// Who the object is from now on.
    pub identity: Identity<'a>,
    /// Annotations to set, in the order they are written.
    pub annotations: Vec<(Cow<'static, str>, String)>,
    /// Variables to put in front of containers' environments.
    pub environment: Vec<EnvStamp>,
}

impl<'a> Subject<'a> {
    /// What to write on this object at its CREATE. `None` when it has no name and no owner to be told by.
    pub fn stamp(&self, entropy: Entropy) -> Option<Stamp<'a>> {
        if self.name().is_empty() && self.metadata.generate_name.as_deref().unwrap_or_default().is_empty() {
            return None;
        }
        let minted = match self.owner() {
            Some(_) => self.child(entropy)?,
            None => self.root(entropy),
        };
        let Minted { identity, nonce, baggage } = minted;
        let mut stamp = Stamp { annotations: Vec::new(), environment: Vec::new(), identity };
        self.own_annotations(&mut stamp, &nonce);
        self.tekton_carrier(&mut stamp, baggage);
        if self.kind == Kind::Pod {
            self.containers(&mut stamp);
        }
        Some(stamp)
    }

    /// A child speaks in its owner's trace. What was stamped on it in an earlier pass is kept.
    fn child(&self, entropy: Entropy) -> Option<Minted<'a>> {
        if let Some(identity) = self.own_identity() {
            return Some(Minted { identity, nonce: self.nonce().into_owned(), baggage: None });
        }
        let lineage = self.lineage()?;
        let nonce = entropy.nonce();
        let mut identity = self.identity_in(lineage.trace, lineage.parent, &nonce);
        identity.links.extend(self.replaced_carrier(&identity));
        Some(Minted { identity, nonce, baggage: None })
    }

    /// The carrier that Tekton set on a TaskRun and that is about to be replaced: its `createTaskRun` span.
    fn replaced_carrier(&self, identity: &Identity<'_>) -> Option<Link> {
        let key = self.tekton_key()?;
        let value = self.annotations.get_bounded(key, 2 * CARRIER_LIMIT).ok().flatten()?;
        let context = Carried::parse(CarrierFormat::Json, &value)?.context;
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
        let nonce = entropy.nonce();
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
        Identity { context, tracestate: trace.tracestate, parent, parent_is_remote: false, links: Vec::new() }
    }

    fn own_annotations(&self, stamp: &mut Stamp<'a>, nonce: &str) {
        let context = stamp.identity.context;
        let parent = stamp.identity.parent.map(|span_id| Traceparent { span_id, ..context });
        let links = &stamp.identity.links;
        let links: Vec<_> = links.iter().take(LINKS_LIMIT).map(|&link| Traceparent::from(link).to_string()).collect();
        self.set(stamp, TRACEPARENT, context.to_string());
        self.set(stamp, TRACESTATE, stamp.identity.tracestate.clone().into_owned());
        self.set(stamp, PARENT, parent.map(|parent| parent.to_string()).unwrap_or_default());
        self.set(stamp, LINKS, links.join(","));
        self.set(stamp, NONCE, nonce.to_owned());
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
        self.set(stamp, TRACE_URL, url);
    }

    /// Sets an annotation unless it has the value already. No value means absent; one that was inherited or copied is
    /// emptied rather than removed, so that no patch can name a path that is gone by then.
    fn set(&self, stamp: &mut Stamp<'a>, key: &'static str, value: String) {
        let there = self.annotations.get(key);
        if there.as_deref().unwrap_or_default() != value {
            stamp.annotations.push((Cow::Borrowed(key), value));
        }
    }

    fn tekton_key(&self) -> Option<&'static str> {
        match self.kind {
            Kind::PipelineRun => Some(PIPELINE_RUN_CARRIER),
            Kind::TaskRun => Some(TASK_RUN_CARRIER),
            Kind::CustomRun | Kind::Pod => None,
        }
    }

    /// Hands Tekton our context, in its own form, so that its spans nest under ours.
    fn tekton_carrier(&self, stamp: &mut Stamp<'a>, baggage: Option<Cow<'static, str>>) {
        let Some(key) = self.tekton_key() else { return };
        let there = self.annotations.get_bounded(key, 2 * CARRIER_LIMIT).ok().flatten();
        let carried = there.as_deref().and_then(|value| Carried::parse(CarrierFormat::Json, value));
        let (context, tracestate) = (stamp.identity.context.of_level_1(), &*stamp.identity.tracestate);
        if carried.as_ref().is_some_and(|carried| carried.context == context && carried.tracestate == tracestate) {
            return;
        }
        let baggage = baggage.or_else(|| carried.and_then(|carried| carried.into_owned().baggage));
        let mut fields = serde_json::Map::new();
        fields.insert("traceparent".to_owned(), context.to_string().into());
        if !tracestate.is_empty() {
            fields.insert("tracestate".to_owned(), tracestate.into());
        }
        let without = serde_json::Value::Object(fields.clone()).to_string();
        // Tekton drops a carrier of its limit or more, so a long baggage must not cost the context.
        let with = baggage.map(|baggage| {
            fields.insert("baggage".to_owned(), baggage.into());
            serde_json::Value::Object(fields).to_string()
        });
        let value = with.filter(|with| with.len() < CARRIER_LIMIT).unwrap_or(without);
        stamp.annotations.push((Cow::Borrowed(key), value));
    }

    /// Every container's own context, so that what a tool in it emits nests under its span, and the environment.
    fn containers(&self, stamp: &mut Stamp<'a>) {
        let Some(spec) = PodSpec::parse(self.object.spec) else { return };
        let groups = [("initContainers", &spec.init_containers), ("containers", &spec.containers)];
        for (list, containers) in groups {
            for (index, container) in containers.iter().flatten().enumerate().filter(|(_, c)| is_dns_label(&c.name)) {
                let init = list == "initContainers";
                let what = SpanWhat::of_container(&container.name, init, container.restarts()).as_str();
                let span_id = stamp.identity.below(self.config, what, &container.name);
                let key = container_key(&container.name);
                // A step's tools may be of Go as well as Tekton is.
                let value = Traceparent { span_id, ..stamp.identity.context }.of_level_1().to_string();
                if self.annotations.get(&key).as_deref() != Some(&*value) {
                    stamp.annotations.push((Cow::Owned(key), value));
                }
                stamp.environment.extend(self.environment(list, index, container, &stamp.identity));
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
    nonce: String,
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
