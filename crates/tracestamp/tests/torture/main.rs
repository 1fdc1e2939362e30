//! Webhook and exporter are killed with `kill -9` at random while reviews come in and the backend misbehaves. Whatever was
//! answered arrives; what arrives twice arrives with equal bytes.
//!
//! `make torture KILLS=3000 SEED=42` runs the long form; the seed is printed, and what it decides is who is killed when
//! and what the backend does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod backend;
mod chance;
/// Each system call of the protocol is where a process is killed, once.
#[cfg(target_arch = "x86_64")]
mod crash_points;
/// Each system call on the spool is one that fails, once.
#[cfg(target_arch = "x86_64")]
mod disk_faults;
mod reviews;
mod room;
/// Reads registers, which every processor has others of.
#[cfg(target_arch = "x86_64")]
mod tracer;

use std::collections::BTreeSet;
use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use backend::Backend;
use chance::Chance;
use room::Room;

/// Kills in the bounded form, which is part of all tests.
const KILLS: u64 = 40;
/// Who sends reviews at once.
const CLIENTS: u64 = 4;

fn setting(name: &str, otherwise: impl FnOnce() -> u64) -> u64 {
    env::var(name).ok().filter(|text| !text.is_empty()).map_or_else(otherwise, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_answered_arrives_and_twice_only_with_equal_bytes() {
    let kills = setting("TORTURE_KILLS", || KILLS);
    let seed = setting("TORTURE_SEED", || u64::from(std::process::id()));
    println!("torture: {kills} kills, TORTURE_SEED={seed}");
    let mut chance = Chance(seed);
    let backend = Backend::start(chance.fork()).await;
    let mut room = Room::new(&backend.endpoint);
    room.start_webhook().await;
    room.start_exporter();
    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| tokio::spawn(reviews::send(room.client(), room.url(), client, Arc::clone(&over))))
        .collect();

    let (mut webhooks, mut exporters) = (0, 0);
    for _ in 0..kills {
        sleep(Duration::from_millis(chance.below(150))).await;
        let (webhook, exporter) = [(true, false), (false, true), (true, true)][chance.pick(3)];
        if webhook {
            room.kill_webhook();
            webhooks += 1;
        }
        if exporter {
            room.kill_exporter();
            exporters += 1;
        }
        sleep(Duration::from_millis(chance.below(30))).await;
        if exporter {
            room.start_exporter();
        }
        if webhook {
            room.start_webhook().await;
        }
    }
    over.store(true, Ordering::Relaxed);
    let mut answered = BTreeSet::new();
    for client in clients {
        answered.extend(client.await.unwrap());
    }
    backend.behave();
    room.end_webhook().await;
    let delivered = timeout(Duration::from_mins(2), async {
        while !answered.iter().all(|id| backend.has(id)) {
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    room.end_exporter().await;

    let told = backend.told();
    println!(
        "torture: {webhooks} webhooks and {exporters} exporters killed, {} spans answered for, {} delivered, {} of them \
         more than once; {} requests refused or left without an answer",
        answered.len(),
        told.spans,
        told.repeated,
        told.misbehaved
    );
    let lost: Vec<_> = answered.iter().filter(|id| !backend.has(id)).collect();
    assert!(delivered.is_ok() && lost.is_empty(), "lost {lost:?}; {}", room.keep());
    assert_eq!(told.different, Vec::<String>::new(), "one id, two contents");
    assert!(answered.len() as u64 > kills, "no load: {}", answered.len());
    assert_eq!(room.waiting(), 0, "the spool is not empty");
}
