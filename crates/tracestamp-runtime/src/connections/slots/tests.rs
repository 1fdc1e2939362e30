use super::*;

const NUMBER: usize = 240;
/// What may be opened while an honest connection is in one stage: a little less than the share of a stage.
const MEANWHILE: usize = NUMBER / 6 - 2;

const HOME: &str = "10.0.0.1";
const AWAY: &str = "10.0.0.2";

fn open(slots: &Arc<Slots>, address: &str) -> Slot {
    slots.take(address.parse().unwrap()).0
}

fn stays(slot: &Slot) -> bool {
    !slot.evicted.is_cancelled()
}

/// A connection that was opened and came this far, with one answer if it is idle.
fn at(stage: Stage, slots: &Arc<Slots>, address: &str) -> Slot {
    let slot = open(slots, address);
    match stage {
        Stage::Hello => {}
        Stage::Handshake | Stage::Request => slot.enter(stage),
        Stage::Idle => slot.answered(true),
    }
    slot
}

/// Long enough for every idle connection to be in use no more.
fn time_passes(slots: &Slots) {
    let mut taken = lock(&slots.taken);
    let connections = taken.groups.values_mut().flat_map(|group| group.0.values_mut());
    connections.for_each(|connection| connection.since = connection.since.checked_sub(IN_USE).unwrap());
}

const STAGES: [Stage; 4] = [Stage::Hello, Stage::Handshake, Stage::Idle, Stage::Request];

#[test]
fn whatever_strangers_do_a_new_connection_reaches_its_answer_and_the_one_before_stays() {
    let everything = STAGES.as_slice();
    for stages in STAGES.each_ref().map(std::slice::from_ref).into_iter().chain([everything]) {
        for strangers in [&[HOME][..], &[AWAY], &[AWAY, "10.0.0.3", "10.0.0.4", "10.0.0.5"]] {
            let slots = Slots::new(NUMBER);
            let pooled = at(Stage::Idle, &slots, HOME);
            let (mut held, mut kinds) = (Vec::new(), stages.iter().cycle().zip(strangers.iter().cycle()));
            let mut attack = |number| {
                for (number, (stage, stranger)) in kinds.by_ref().take(number).enumerate() {
                    if number % MEANWHILE == 0 {
                        time_passes(&slots);
                    }
                    held.push(at(*stage, &slots, stranger));
                }
            };
            attack(3 * NUMBER);
            for call in 0..20 {
                let new = open(&slots, HOME);
                for stage in [Stage::Handshake, Stage::Request] {
                    attack(MEANWHILE);
                    assert!(stays(&new), "{call}, before {stage:?}, {stages:?} from {strangers:?}");
                    new.enter(stage);
                }
                attack(MEANWHILE);
                assert!(stays(&new), "{call}, before the answer, {stages:?} from {strangers:?}");
            }
            assert!(stays(&pooled), "{stages:?} from {strangers:?}");
            assert!(lock(&slots.taken).connections <= NUMBER);
        }
    }
}

#[test]
fn the_stage_with_the_most_connections_loses_one_and_a_request_under_way_counts_a_third() {
    use Stage::{Handshake, Hello, Idle, Request};
    for (open, loses) in [
        ([1, 1, 1, 1], Hello),
        ([1, 2, 1, 1], Handshake),
        ([0, 0, 1, 3], Idle),
        ([1, 1, 3, 3], Idle),
        ([2, 2, 2, 6], Hello),
        ([2, 2, 2, 7], Request),
    ] {
        let slots = Slots::new(open.iter().sum());
        let open = STAGES.into_iter().zip(open);
        let all: Vec<_> = open
            .flat_map(|(stage, number)| vec![stage; number])
            .map(|stage| (stage, at(stage, &slots, HOME)))
            .collect();
        let (_new, evicted) = slots.take(HOME.parse().unwrap());
        let lost: Vec<_> = all.iter().filter(|(_, slot)| !stays(slot)).map(|(stage, _)| *stage).collect();
        assert!(evicted);
        assert_eq!(lost, [loses]);
    }
}

#[test]
fn in_a_stage_the_peer_with_the_most_connections_loses_the_oldest() {
    let slots = Slots::new(4);
    let [oldest, first, second, third] = [HOME, AWAY, AWAY, HOME].map(|address| at(Stage::Request, &slots, address));
    drop(third);
    let _silent = open(&slots, HOME);
    drop(open(&slots, HOME));
    let slots = [&oldest, &first, &second].map(stays);
    assert_eq!(slots, [true, true, true], "the silent one went");

    let slots = Slots::new(4);
    let all = [HOME, AWAY, AWAY, HOME].map(|address| at(Stage::Hello, &slots, address));
    let _new = [AWAY, HOME].map(|address| open(&slots, address));
    assert_eq!(all.each_ref().map(stays), [false, false, true, true]);
}

#[test]
fn of_idle_connections_the_one_with_the_fewest_answers_goes_then_the_newest_but_none_in_use() {
    let slots = Slots::new(4);
    let [old, busy, new, in_use] = std::array::from_fn(|_| at(Stage::Idle, &slots, HOME));
    busy.answered(true);
    old.answered(false);
    time_passes(&slots);
    in_use.answered(true);
    let mut gone = Vec::new();
    let mut fill = Vec::new();
    for _ in 0..4 {
        // Answered at once, so that the idle ones stay the most.
        fill.push(at(Stage::Idle, &slots, HOME));
        gone.push([&old, &new, &busy, &in_use].map(stays));
    }
    let expected = [
        [true, false, true, true],
        [false, false, true, true],
        [false, false, false, true],
        [false, false, false, false],
    ];
    assert_eq!(gone, expected);
}

#[test]
fn a_slot_that_was_given_back_is_free_and_an_evicted_one_cannot_come_back() {
    let slots = Slots::new(1);
    let (first, second) = (open(&slots, HOME), open(&slots, HOME));
    assert!(!stays(&first));
    first.enter(Stage::Request);
    first.answered(true);
    drop(first);
    assert_eq!(lock(&slots.taken).connections, 1);
    drop(second);
    assert!(lock(&slots.taken).groups.is_empty());
    assert!(!slots.take(HOME.parse().unwrap()).1);
}

#[test]
fn a_peer_is_an_ipv4_address_however_written_or_an_ipv6_network_of_64_bits() {
    for (one, other, same) in [
        ("10.0.0.1", "::ffff:10.0.0.1", true),
        ("10.0.0.1", "10.0.0.2", false),
        ("2001:db8::1", "2001:db8::ffff:1:2", true),
        ("2001:db8::1", "2001:db8:0:1::1", false),
    ] {
        assert_eq!(peer(one.parse().unwrap()) == peer(other.parse().unwrap()), same, "{one}, {other}");
    }
}
