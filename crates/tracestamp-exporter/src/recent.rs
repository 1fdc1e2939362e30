//! Which spans were sent a moment ago.

use std::num::NonZeroUsize;

use lru::LruCache;
use tracestamp_core::context::{SpanId, TraceId, Traceparent};

/// A bounded set of span ids: the first of equal spans wins, and the oldest id is forgotten when it is full.
///
/// API servers repeat reviews, and replicas may be asked the same one; the spans then have equal ids.
#[derive(Debug)]
pub struct RecentIds(LruCache<(TraceId, SpanId), ()>);

impl Default for RecentIds {
    /// Holds 131072 ids, some 12 MiB when full.
    fn default() -> Self {
        const CAPACITY: NonZeroUsize = NonZeroUsize::MIN.saturating_add(131_071);
        Self::new(CAPACITY)
    }
}

impl RecentIds {
    /// Holds at most `capacity` ids.
    pub fn new(capacity: NonZeroUsize) -> Self {
        // Made with its capacity, the map would take the memory of a full one at once.
        let mut ids = LruCache::unbounded();
        ids.resize(capacity);
        Self(ids)
    }

    /// Adds the span's id; false when it was there already.
    pub fn insert(&mut self, span: Traceparent) -> bool {
        // Not `put` for all: it would make a repeated id the youngest.
        let is_new = !self.contains(span);
        if is_new {
            self.0.put((span.trace_id, span.span_id), ());
        }
        is_new
    }

    /// Whether the span's id is there.
    pub fn contains(&self, span: Traceparent) -> bool {
        self.0.contains(&(span.trace_id, span.span_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(n: u8) -> Traceparent {
        Traceparent::parse(&format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902{n:02x}-01")).unwrap()
    }

    #[test]
    fn the_first_of_equal_ids_wins() {
        let mut recent = RecentIds::default();
        assert!(recent.insert(span(1)));
        assert!(!recent.insert(span(1)));
        assert!(recent.insert(span(2)));
    }

    #[test]
    fn a_full_set_forgets_the_oldest_id_and_only_that() {
        let mut recent = RecentIds::new(NonZeroUsize::new(2).unwrap());
        for n in [1, 2, 1, 3] {
            recent.insert(span(n));
        }
        assert!(!recent.contains(span(1)), "repeated, but the first to come");
        assert!(recent.contains(span(2)) && recent.contains(span(3)));
    }
}
