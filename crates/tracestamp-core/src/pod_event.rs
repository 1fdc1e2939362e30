//! What an Event says of a Pod.
//!
//! Events are the only place where the kubelet tells how long an image took to pull, and the scheduler why a Pod waits.
//! An Event names its Pod and knows nothing of its trace; [`PodPlace`](crate::kind::PodPlace) does.

mod message;
mod reference;

use std::borrow::Cow;

use message::Message;
pub(crate) use reference::NAME_LIMIT;
use reference::Reference;
pub use reference::UID_LIMIT;
use serde_json::value::RawValue;

use crate::Timestamp;
use crate::dns;
use crate::image::without_credentials;
use crate::object::{Object, text};
use crate::text::cut;

/// The reasons that are read (`kubernetes/kubernetes` `pkg/kubelet/events/event.go`, `pkg/kubelet/eviction`,
/// `pkg/scheduler`).
const REASONS: [&str; 8] =
    ["BackOff", "Evicted", "Failed", "FailedScheduling", "Killing", "Preempted", "Pulled", "Unhealthy"];
/// The reason of pulls, and of containers whose image was there already.
const PULLED: &str = "Pulled";
/// The reason of failed pulls, and of containers that could not be created.
const FAILED: &str = "Failed";

/// The longest image reference that is told, in bytes.
const IMAGE_LIMIT: usize = 512;

/// The first occurrence of something that an Event tells of a Pod.
#[derive(Clone, PartialEq, Debug)]
pub struct PodEvent {
    /// The Pod's `uid`: the only thing that makes it that Pod.
    pub pod_uid: String,
    /// The Pod's name, which has to agree.
    pub pod_name: String,
    /// The Event's namespace and its Pod's.
    pub namespace: String,
    /// The Event's own name.
    pub name: String,
    /// Its reason, one of a closed list.
    pub reason: &'static str,
    /// The container that it is about.
    pub container: Option<String>,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub tells: Tells,
}

/// What happened to the Pod.
#[derive(Clone, PartialEq, Debug)]
pub enum Tells {
    /// An image was pulled.
    Pulled {
        /// The image as the container names it.
        image: String,
        /// From the request to the end, in nanoseconds.
        took: u64,
        /// How much of it was spent waiting for other pulls, in nanoseconds. Older kubelets do not tell.
        waited: Option<u64>,
        /// The image's size in bytes. Older kubelets do not tell.
        size: Option<i64>,
    },
    /// An image could not be pulled.
    PullFailed {
        /// The image as the container names it.
        image: String,
        /// The class of cause: a value of `error.type`.
        cause: &'static str,
    },
    /// What the reason says.
    Happened,
}

/// What is to be made of the CREATE of an Event.
#[derive(Clone, PartialEq, Debug)]
pub enum Reading {
    /// It tells something of a Pod.
    Tells(Box<PodEvent>),
    /// The image was there: no pull took place.
    ImagePresent,
    /// A failed pull in other words: the Event with the cause stands for it.
    SameFailure,
    /// It is told in words that are not known.
    Other,
    /// It lacks what every Event of the kubelet and the scheduler has: the Pod's uid and an instant, a namespace that is a
    /// DNS label and a Pod's name that is a DNS subdomain.
    Unreadable,
}

/// A core/v1 or events.k8s.io/v1 Event about a Pod, of a reason that is read.
#[derive(Debug)]
pub struct Topic<'a> {
    reason: &'static str,
    about: Reference<'a>,
}

impl PodEvent {
    /// The Pod's uid, namespace and name: two Events are about one Pod when all three agree.
    pub fn pod(&self) -> (&str, &str, &str) {
        (&self.pod_uid, &self.namespace, &self.pod_name)
    }
}

impl<'a> Topic<'a> {
    /// `None` for any other Event.
    pub fn of(object: &Object<'a>) -> Option<Self> {
        let reason = text::string(object.reason)?;
        let reason = REASONS.iter().find(|known| **known == reason)?;
        let about = Reference::of(object).filter(Reference::is_pod)?;
        Some(Self { reason, about })
    }
}

/// Whether an Event tells what it told before. Repeats are written into the first, so mostly by an UPDATE; one that is gone
/// by then is created again (`k8s.io/client-go` `tools/record/event.go` recordEvent).
pub fn repeats(object: &Object<'_>) -> bool {
    let counts = [object.count, object.deprecated_count].into_iter().flatten();
    let more_than_one = |count: &RawValue| serde_json::from_str::<i64>(count.get()).is_ok_and(|count| count > 1);
    object.series.is_some() || counts.into_iter().any(more_than_one)
}

/// Reads the CREATE of an Event about this in `namespace`.
pub fn read(Topic { reason, about }: Topic<'_>, object: &Object<'_>, namespace: &str) -> Reading {
    let message = text::string(object.message.or(object.note)).unwrap_or_default();
    let tells = match (reason, message::read(&message)) {
        (PULLED, Message::Pulled { image, took, waited, size }) => {
            Tells::Pulled { image: bounded(image), took, waited, size }
        }
        (PULLED, Message::ImagePresent) => return Reading::ImagePresent,
        // In words that are not known, it is not known whether anything was pulled.
        (PULLED, _) => return Reading::Other,
        (FAILED, Message::PullFailed { image, cause }) => Tells::PullFailed { image: bounded(image), cause },
        (FAILED, Message::PullFailedBefore) => return Reading::SameFailure,
        _ => Tells::Happened,
    };
    let (Some(name), Some(at)) = (name(object), instant(object)) else { return Reading::Unreadable };
    // Both become parts of a path when the Pod is looked up.
    let Some((pod_uid, pod_name)) = about.pod().filter(|_| dns::is_label(namespace)) else {
        return Reading::Unreadable;
    };
    Reading::Tells(Box::new(PodEvent {
        container: about.container().map(str::to_owned),
        pod_uid: pod_uid.to_owned(),
        pod_name: pod_name.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        reason,
        at,
        tells,
    }))
}

/// Events are held back, and anybody may write them.
fn bounded(image: &str) -> String {
    let mut image = Cow::Borrowed(without_credentials(image));
    cut(&mut image, IMAGE_LIMIT);
    image.into_owned()
}

fn name<'o>(object: &'o Object<'_>) -> Option<&'o str> {
    object.metadata.as_ref()?.name.as_deref().filter(|name| name.len() <= NAME_LIMIT)
}

/// The name ends with the nanosecond of the first occurrence (`k8s.io/client-go` `tools/record/util` GenerateEventName);
/// it counts only where it refines a time that the Event tells.
fn instant(object: &Object<'_>) -> Option<Timestamp> {
    let told = |raw| text::string(raw).and_then(|told| Timestamp::parse(&told));
    let digits = name(object).and_then(|name| name.rsplit_once('.')).map(|(_, digits)| digits);
    let digits = digits.filter(|digits| digits.len() == 16);
    let named = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).map(Timestamp::from_nanos);
    // events.k8s.io tells microseconds of its own, taken an instant after those of the name.
    if let Some(exact) = told(object.event_time) {
        return Some(
            named.filter(|named| exact.seconds_since(*named).max(named.seconds_since(exact)) < 1.0).unwrap_or(exact),
        );
    }
    let second = told(object.first_timestamp)?.second();
    named.filter(|named| named.second() == second)
}

#[cfg(test)]
mod tests;
