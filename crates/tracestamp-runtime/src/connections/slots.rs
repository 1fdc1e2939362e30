//! Which connection is evicted when there are more connections than slots.
//!
//! Anyone who reaches the port can open connections and leave them open. Were the newest turned away, a thousand of
//! those would keep the API server out for as long as they like, so an open one is evicted instead. Nothing that a
//! stranger sends without a certificate tells it from the API server, and behind a proxy all share one address.
//! Therefore connections compete only with those that do the same:
//!
//! 1. the [`Stage`] with the most connections loses one,
//! 2. in it the peer with the most,
//! 3. of its connections the one that has been in the stage longest, unless they are idle (see [`Group::idle`]).
//!
//! Whatever fills the slots, each stage keeps its share: a new connection is evicted only when a sixth of the slots
//! were taken by others while it was in one stage, and an honest client is in none but [`Stage::Idle`] for long.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// For this long after an answer a connection counts as in use: the answer is still being written, or the next request
/// is on its way. An idle one can be closed without a loss.
const IN_USE: Duration = Duration::from_millis(100);

/// What a connection is doing. Of two stages with as many connections, the first loses one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Stage {
    /// No whole `ClientHello` was read; without TLS, no request's header.
    Hello,
    /// From there to the first request: its header was not read yet.
    Handshake,
    /// Between two requests.
    Idle,
    /// A request is under way.
    Request,
}

impl Stage {
    /// How much a connection counts. A request that is cut is lost, so there may be three times as many of these.
    const fn weight(self) -> usize {
        if matches!(self, Self::Request) { 1 } else { 3 }
    }
}

#[derive(Debug)]
pub(super) struct Slots {
    number: usize,
    taken: Mutex<Taken>,
}

/// The slot of a connection; dropping it frees the slot.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    position: Mutex<Position>,
    /// Cancelled when the connection has to be closed.
    pub(super) evicted: CancellationToken,
}

#[derive(Debug, Default)]
struct Taken {
    connections: usize,
    /// Counts up with each change of a stage, and so orders them in time.
    changes: u64,
    /// None of them is empty.
    groups: BTreeMap<(Stage, IpAddr), Group>,
}

/// Connections of one peer in one stage, by the change that brought them there.
#[derive(Debug, Default)]
struct Group(BTreeMap<u64, Connection>);

#[derive(Clone, Copy, Debug)]
struct Position {
    group: (Stage, IpAddr),
    change: u64,
}

#[derive(Debug)]
struct Connection {
    /// When it came into its stage.
    since: Instant,
    /// The change that opened it.
    opened: u64,
    /// Requests answered with success.
    answered: u64,
    evicted: CancellationToken,
}

impl Slots {
    pub(super) fn new(number: usize) -> Arc<Self> {
        Arc::new(Self { number, taken: Mutex::default() })
    }

    /// Takes a slot, and says whether another connection was evicted for it.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> (Slot, bool) {
        let evicted = CancellationToken::new();
        let mut taken = lock(&self.taken);
        let full = taken.connections >= self.number;
        let victim = full.then(|| taken.victim()).flatten().and_then(|victim| taken.remove(victim));
        if let Some(victim) = &victim {
            victim.evicted.cancel();
        }
        let opened = taken.changes;
        let connection = Connection { since: Instant::now(), opened, answered: 0, evicted: evicted.clone() };
        let position = Mutex::new(taken.insert((Stage::Hello, peer(address)), connection));
        (Slot { slots: Arc::clone(self), position, evicted }, victim.is_some())
    }
}

impl Slot {
    /// The connection comes into another stage.
    pub(super) fn enter(&self, stage: Stage) {
        self.change(stage, 0);
    }

    /// A request was answered, with success or not.
    pub(super) fn answered(&self, success: bool) {
        self.change(Stage::Idle, u64::from(success));
    }

    fn change(&self, stage: Stage, answered: u64) {
        let (mut position, mut taken) = (lock(&self.position), lock(&self.slots.taken));
        // An evicted one does not come back.
        if let Some(mut connection) = taken.remove(*position) {
            connection.since = Instant::now();
            connection.answered += answered;
            *position = taken.insert((stage, position.group.1), connection);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let position = *lock(&self.position);
        lock(&self.slots.taken).remove(position);
    }
}

impl Taken {
    fn insert(&mut self, group: (Stage, IpAddr), connection: Connection) -> Position {
        let change = self.changes;
        self.changes += 1;
        self.connections += 1;
        self.groups.entry(group).or_default().0.insert(change, connection);
        Position { group, change }
    }

    fn remove(&mut self, Position { group, change }: Position) -> Option<Connection> {
        let connections = self.groups.get_mut(&group)?;
        let removed = connections.0.remove(&change)?;
        if connections.0.is_empty() {
            self.groups.remove(&group);
        }
        self.connections -= 1;
        Some(removed)
    }

    fn victim(&self) -> Option<Position> {
        let mut sizes: BTreeMap<Stage, usize> = BTreeMap::new();
        for ((stage, _), group) in &self.groups {
            *sizes.entry(*stage).or_default() += group.0.len() * stage.weight();
        }
        let (&largest, _) = sizes.iter().max_by_key(|(stage, size)| (**size, Reverse(**stage)))?;
        let (&group, connections) = self
            .groups
            .iter()
            .filter(|((stage, _), _)| *stage == largest)
            .max_by_key(|(_, group)| (group.0.len(), Reverse(group.oldest())))?;
        let change = if largest == Stage::Idle { connections.idle() } else { connections.oldest() }?;
        Some(Position { group, change })
    }
}

impl Group {
    fn oldest(&self) -> Option<u64> {
        self.0.keys().next().copied()
    }

    /// Of idle connections the one on which the fewest requests were answered, and of those the newest: a thousand
    /// connections of a stranger's with an answer each do not push out one that was there before. One in use is chosen
    /// only when all are.
    fn idle(&self) -> Option<u64> {
        let now = Instant::now();
        let idle = self.0.iter().take_while(|(_, connection)| now.duration_since(connection.since) >= IN_USE);
        let least = idle.min_by_key(|(_, connection)| (connection.answered, Reverse(connection.opened)));
        least.map(|(change, _)| *change).or_else(|| self.oldest())
    }
}

/// Whom an address belongs to: an IPv6 host may take any address of its /64.
fn peer(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Nothing in here panics while it holds a lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
