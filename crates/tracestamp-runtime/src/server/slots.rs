//! Who may stay when there are more connections than slots.
//!
//! Anybody who reaches the port can open connections and leave them open. Were the newest turned away, a thousand of
//! those would keep the API server out for as long as they like, so one that is there gives way: first the connections
//! on which no request was ever answered well, then those without a request, the one longest without a sign first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// What a connection is worth; the least gives way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Worth {
    /// A request on it was answered with success.
    proven: bool,
    /// A request on it is under way.
    busy: bool,
    /// Counts up over all signs of life.
    sign: u64,
}

#[derive(Debug)]
pub(super) struct Slots {
    number: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    signs: u64,
    by_worth: BTreeMap<Worth, CancellationToken>,
}

/// A connection's place; dropping it frees it.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    worth: Mutex<Worth>,
    /// Cancelled when it has to give way.
    pub(super) evicted: CancellationToken,
}

impl Slots {
    pub(super) fn new(number: usize) -> Arc<Self> {
        Arc::new(Self { number, taken: Mutex::default() })
    }

    /// Takes a slot, and says whether another connection had to give it up.
    pub(super) fn take(self: &Arc<Self>) -> (Slot, bool) {
        let evicted = CancellationToken::new();
        let mut taken = lock(&self.taken);
        let least = (taken.by_worth.len() >= self.number).then(|| taken.by_worth.pop_first()).flatten();
        let crowded = least.is_some();
        if let Some((_, least)) = least {
            least.cancel();
        }
        let worth = Worth { proven: false, busy: false, sign: taken.sign() };
        taken.by_worth.insert(worth, evicted.clone());
        (Slot { slots: Arc::clone(self), worth: Mutex::new(worth), evicted }, crowded)
    }
}

impl Taken {
    fn sign(&mut self) -> u64 {
        self.signs += 1;
        self.signs
    }
}

impl Slot {
    /// A request began.
    pub(super) fn begin(&self) {
        self.change(|worth| Worth { busy: true, ..worth });
    }

    /// It was answered, well or not.
    pub(super) fn end(&self, well: bool) {
        self.change(|worth| Worth { busy: false, proven: worth.proven || well, ..worth });
    }

    fn change(&self, change: impl FnOnce(Worth) -> Worth) {
        let (mut worth, mut taken) = (lock(&self.worth), lock(&self.slots.taken));
        // One that was evicted meanwhile does not come back.
        if taken.by_worth.remove(&worth).is_some() {
            *worth = Worth { sign: taken.sign(), ..change(*worth) };
            taken.by_worth.insert(*worth, self.evicted.clone());
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let worth = lock(&self.worth);
        lock(&self.slots.taken).by_worth.remove(&worth);
    }
}

/// Nothing in here panics while it holds a lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stay(slots: &[&Slot]) -> Vec<bool> {
        slots.iter().map(|slot| !slot.evicted.is_cancelled()).collect()
    }

    #[test]
    fn who_was_never_answered_gives_way_first_and_of_those_the_longest_silent() {
        let slots = Slots::new(3);
        let [(served, _), (silent, _), (reading, _)] = std::array::from_fn(|_| slots.take());
        served.begin();
        served.end(true);
        reading.begin();
        reading.end(false);
        let (first, crowded) = slots.take();
        assert!(crowded);
        assert_eq!(stay(&[&served, &silent, &reading, &first]), [true, false, true, true]);
        let (second, _) = slots.take();
        assert_eq!(stay(&[&served, &reading, &first, &second]), [true, false, true, true]);
    }

    #[test]
    fn a_request_under_way_stays_before_a_connection_without_one() {
        let slots = Slots::new(2);
        let [(idle, _), (busy, _)] = std::array::from_fn(|_| slots.take());
        busy.begin();
        busy.end(true);
        busy.begin();
        idle.begin();
        idle.end(true);
        let (_new, _) = slots.take();
        assert_eq!(stay(&[&idle, &busy]), [false, true]);
    }

    #[test]
    fn a_slot_that_was_given_back_is_free_and_an_evicted_one_cannot_come_back() {
        let slots = Slots::new(1);
        let (first, _) = slots.take();
        let (second, _) = slots.take();
        first.begin();
        first.end(true);
        drop(first);
        assert_eq!(lock(&slots.taken).by_worth.len(), 1);
        drop(second);
        let (_third, crowded) = slots.take();
        assert!(!crowded);
    }
}
