//! Which spans were sent a moment ago.

use std::collections::{HashSet, VecDeque};

use tracestamp_core::context::{SpanId, TraceId, Traceparent};

type Id = (TraceId, SpanId);

/// A bounded set of span ids: the first of equal spans wins, and the oldest id is forgotten when it is full.
///
/// API servers repeat reviews, and replicas may be asked the same one; the spans then have equal ids.
#[derive(Debug)]
pub struct RecentIds {
    ids: HashSet<Id>,
    order: VecDeque<Id>,
    capacity: usize,
}

impl Default for RecentIds {
    /// Holds 131072 ids, some 10 MiB when full.
    fn default() -> Self {
        Self::new(131_072)
    }
}

impl RecentIds {
    /// Holds at most `capacity` ids.
    pub fn new(capacity: usize) -> Self {
        Self { ids: HashSet::new(), order: VecDeque::new(), capacity }
    }

    /// Adds the span's id; false when it was there already.
    pub fn insert(&mut self, span: Traceparent) -> bool {
        let id = (span.trace_id, span.span_id);
        if self.capacity == 0 {
            return true;
        }
        if !self.ids.insert(id) {
            return false;
        }
        if self.order.len() == self.capacity {
            self.order.pop_front().map(|oldest| self.ids.remove(&oldest));
        }
        self.order.push_back(id);
        true
    }

    /// Whether the span's id is there.
    pub fn contains(&self, span: Traceparent) -> bool {
        self.ids.contains(&(span.trace_id, span.span_id))
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
        let mut recent = RecentIds::new(2);
        (1..=3).for_each(|n| assert!(recent.insert(span(n))));
        assert!(!recent.contains(span(1)));
        assert!(recent.contains(span(2)) && recent.contains(span(3)));
        assert_eq!(recent.ids.len(), recent.order.len());
    }
}
