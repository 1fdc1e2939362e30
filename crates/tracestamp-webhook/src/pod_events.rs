//! Gives what Events tell of Pods its place in their traces.
//!
//! An Event knows its Pod's uid, a review of the Pod knows the trace. Both pass by within seconds of each other, in any
//! order and perhaps at different replicas: what a Pod is to be told is kept, and an Event that comes too early waits.
//! Nothing else is remembered between reviews, and nothing here is needed for any other span.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;
use tracestamp_admission::{PodEvent, PodPlace, Review};
use tracestamp_core::span::SpanRecord;
use tracestamp_core::{Config, Timestamp};

/// How many Pods are remembered, and how many Events wait. Measured with recorded ones: ten megabytes when both are full;
/// with the longest that are kept it is some eighty.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(8192).unwrap();

/// How many Pods are asked for in one go.
const LOOKUPS: usize = 64;

/// What became of an Event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fate {
    /// It gave a span.
    Recorded,
    /// Its Pod is none that is traced or is gone, or its trace is not recorded.
    NotTraced,
    /// It names a Pod by the uid of another.
    Foreign,
    /// No review of its Pod came by in time.
    Expired,
    /// It had to make room: for others of its namespace, which may hold a quarter, or for any.
    Displaced,
}

impl Fate {
    /// All there are.
    pub const ALL: [Self; 5] = [Self::Recorded, Self::NotTraced, Self::Foreign, Self::Expired, Self::Displaced];

    /// The metric's label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::NotTraced => "not_traced",
            Self::Foreign => "foreign",
            Self::Expired => "expired",
            Self::Displaced => "displaced",
        }
    }
}

/// What one review brought about.
#[derive(Debug, Default)]
pub struct Placed {
    /// Spans to record.
    pub spans: Vec<SpanRecord<'static>>,
    /// What became of Events, this review's and others'.
    pub fates: Vec<Fate>,
}

/// Pods that were seen, and Events that wait for theirs.
#[derive(Debug)]
pub struct PodEvents {
    hold: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` for a Pod that is not traced.
    pods: LruCache<Box<str>, Option<PodPlace>>,
    /// In the order in which they came.
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    since: Timestamp,
    /// When its Pod was last asked for; `since` until then.
    asked: Timestamp,
    event: Box<PodEvent>,
}

impl PodEvents {
    /// Events wait for at most `hold`.
    pub fn new(hold: Duration) -> Self {
        Self::with_capacity(hold, CAPACITY)
    }

    fn with_capacity(hold: Duration, capacity: NonZeroUsize) -> Self {
        Self { hold, state: Mutex::new(State { pods: LruCache::new(capacity), waiting: VecDeque::new() }) }
    }

    /// Takes an observed review, and what it tells of a Pod when it is that of an Event.
    pub fn take(&self, review: &Review<'_>, event: Option<Box<PodEvent>>, config: &Config, now: Timestamp) -> Placed {
        let mut placed = Placed::default();
        let mut state = self.state();
        state.expire(self.hold, now, &mut placed);
        if let Some(event) = event {
            state.event(event, config, now, &mut placed);
            return placed;
        }
        let unknown = review.pod_uid().filter(|uid| state.pods.get(*uid).is_none());
        drop(state);
        if let Some(uid) = unknown {
            let place = review.pod_place(config);
            self.state().pod(uid, place, config, &mut placed);
        }
        placed
    }

    /// Gives up waiting for the Pod of this Event: there is none of that name and uid.
    pub(crate) fn give_up(&self, event: &PodEvent, config: &Config) -> Placed {
        let mut placed = Placed::default();
        // The Pod is not remembered as one that is not traced: in another namespace it may be there.
        self.state().settle(|waiting| waiting.pod() == event.pod(), None, config, &mut placed);
        placed
    }

    /// Takes what was found out about a Pod elsewhere: its place, or that it is none that is traced.
    pub(crate) fn learn(&self, uid: &str, place: Option<PodPlace>, config: &Config) -> Placed {
        let mut placed = Placed::default();
        self.state().pod(uid, place, config, &mut placed);
        placed
    }

    /// Pods to ask for now, one Event of each: those with an Event that has waited this long, the namespaces in turn, and
    /// of one namespace the Pod first that was not asked for the longest. So a Pod that is asked for in vain keeps no
    /// other waiting.
    pub(crate) fn overdue(&self, after: Duration, now: Timestamp) -> Vec<PodEvent> {
        let mut state = self.state();
        let overdue = state.overdue(after, now);
        let ask = |at: usize| {
            let waiting = state.waiting.get_mut(at)?;
            waiting.asked = now;
            Some(PodEvent::clone(&waiting.event))
        };
        overdue.into_iter().take(LOOKUPS).filter_map(ask).collect()
    }

    pub fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whatever panicked, the queue and the map are whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn event(&mut self, event: Box<PodEvent>, config: &Config, now: Timestamp, placed: &mut Placed) {
        if let Some(place) = self.pods.get(event.pod_uid.as_str()) {
            return placed.put(place.as_ref(), &event, config);
        }
        if let Some(displaced) = self.displaced(&event.namespace) {
            self.waiting.remove(displaced);
            placed.fates.push(Fate::Displaced);
        }
        self.waiting.push_back(Waiting { since: now, asked: now, event });
    }

    /// Where the first Event of each Pod waits that is to be asked for, in the order of asking.
    fn overdue(&self, after: Duration, now: Timestamp) -> Vec<usize> {
        let late = |(_, waiting): &(usize, &Waiting)| now.seconds_since(waiting.since) >= after.as_secs_f64();
        let mut pods = HashSet::new();
        let late = self.waiting.iter().enumerate().take_while(late);
        let mut firsts: Vec<_> = late.filter(|(_, waiting)| pods.insert(waiting.event.pod())).collect();
        firsts.sort_by_key(|(_, waiting)| waiting.asked);
        let mut turns = HashMap::<&str, usize>::new();
        let mut in_turn: Vec<_> = firsts
            .into_iter()
            .map(|(at, waiting)| {
                let turn = turns.entry(&waiting.event.namespace).or_default();
                *turn += 1;
                (*turn, at)
            })
            .collect();
        in_turn.sort_by_key(|(turn, _)| *turn);
        in_turn.into_iter().map(|(_, at)| at).collect()
    }

    /// Which waiting Event has to make room for one of `namespace`.
    fn displaced(&self, namespace: &str) -> Option<usize> {
        let capacity = self.pods.cap().get();
        let share = (capacity / 4).max(1);
        let is_theirs = |waiting: &Waiting| waiting.event.namespace == namespace;
        if self.waiting.len() >= share && self.waiting.iter().filter(|waiting| is_theirs(waiting)).count() >= share {
            return self.waiting.iter().position(is_theirs);
        }
        (self.waiting.len() >= capacity).then_some(0)
    }

    fn pod(&mut self, uid: &str, place: Option<PodPlace>, config: &Config, placed: &mut Placed) {
        self.settle(|event| event.pod_uid == uid, place.as_ref(), config, placed);
        self.pods.put(uid.into(), place);
    }

    /// Gives the Events that wait for a Pod its place.
    fn settle(
        &mut self,
        is_its: impl Fn(&PodEvent) -> bool,
        place: Option<&PodPlace>,
        config: &Config,
        placed: &mut Placed,
    ) {
        self.waiting.retain(|Waiting { event, .. }| {
            let its = is_its(event);
            if its {
                placed.put(place, event, config);
            }
            !its
        });
    }

    fn expire(&mut self, hold: Duration, now: Timestamp, placed: &mut Placed) {
        let expired = |waiting: &Waiting| now.seconds_since(waiting.since) > hold.as_secs_f64();
        while self.waiting.pop_front_if(|waiting| expired(waiting)).is_some() {
            placed.fates.push(Fate::Expired);
        }
    }
}

impl Placed {
    fn put(&mut self, place: Option<&PodPlace>, event: &PodEvent, config: &Config) {
        self.fates.push(match place {
            Some(place) if !place.is_of(event) => Fate::Foreign,
            place => match place.and_then(|place| place.span(event, config)) {
                None => Fate::NotTraced,
                Some(span) => {
                    self.spans.push(span);
                    Fate::Recorded
                }
            },
        });
    }
}
