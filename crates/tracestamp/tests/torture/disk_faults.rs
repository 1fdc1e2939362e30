use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::errno::Errno;
use tokio::time::sleep;
use tracestamp_spool::{Limits, Writer};

use crate::backend::Backend;
use crate::crash_points::{Kills, step, waiting};
use crate::reviews::{id_of, records, send_some};
use crate::room::Room;
use crate::tracer::{Act, Call, Traced};

/// A broken disk, a full one, one that was mounted read-only.
const ERRORS: [Errno; 3] = [Errno::EIO, Errno::ENOSPC, Errno::EROFS];
const REVIEWS: u64 = 5;
/// An append timeout within which every call comes back: no write then has the records of two reviews.
const PATIENT: &str = "900ms";

/// Whether the call changes something on the disk.
fn changes(call: &Call, spool: &Path) -> bool {
    call.target.starts_with(spool) && call.name != "read" && call.name != "lock"
}

/// Lets the calls fail that `fails` picks by their number, counted from 0, each with another error, and notes which.
fn faults(
    spool: &Path,
    failed: &Arc<Mutex<Kills>>,
    fails: impl Fn(u32) -> bool + Send + 'static,
) -> impl FnMut(&Call) -> Act + Send + 'static {
    let (mut number, spool, failed) = (0, spool.to_owned(), Arc::clone(failed));
    move |call| {
        if !changes(call, &spool) {
            return Act::Go;
        }
        number += 1;
        if !fails(number - 1) {
            return Act::Go;
        }
        *failed.lock().unwrap().entry(step(call)).or_default() += 1;
        Act::Fail(ERRORS[number as usize % ERRORS.len()])
    }
}

/// Starts the webhook so and gives the spans of the reviews it answered, of which there must be all.
async fn answers(
    room: &Room,
    append_timeout: &str,
    act: impl FnMut(&Call) -> Act + Send + 'static,
) -> (Traced, Vec<Vec<String>>) {
    let mut command = room.webhook();
    command.args(["--spool-segment-bytes", "2Ki", "--append-timeout", append_timeout]);
    let traced = Traced::start(&command, &room.log_of("tracestamp-webhook"), act);
    while !room.listens().await {
        assert!(!traced.is_over(), "the webhook does not start");
        sleep(Duration::from_millis(1)).await;
    }
    let answered = send_some(&room.client(), &room.url(), 1, REVIEWS).await;
    assert_eq!(answered.len() as u64, REVIEWS, "a review was not answered");
    (traced, answered)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_costs_the_webhook_at_most_the_spans_of_one_review_and_no_answer() {
    let failed = Arc::new(Mutex::new(Kills::new()));
    for at in 0.. {
        let before: u32 = failed.lock().unwrap().values().sum();
        let room = Room::new("http://127.0.0.1:9");
        let (traced, answered) =
            answers(&room, PATIENT, faults(&room.spool(), &failed, move |number| number == at)).await;
        traced.terminate();
        assert_eq!(traced.end(), Some(0), "{at}");
        let left = waiting(&room.spool());
        let lost = answered.iter().filter(|ids| !ids.iter().all(|id| left.contains(id))).count();
        assert!(lost <= 1, "{at}: {lost} reviews lost their spans");
        if failed.lock().unwrap().values().sum::<u32>() == before {
            assert_eq!(lost, 0, "nothing failed");
            break;
        }
    }
    let failed = failed.lock().unwrap();
    println!("calls of webhooks failed: {failed:?}");
    for step in ["create segment", "write segment", "rename segment"] {
        assert!(failed.contains_key(step), "{step} never failed: {failed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_on_which_everything_fails_costs_no_answer() {
    let room = Room::new("http://127.0.0.1:9");
    let failed = Arc::new(Mutex::new(Kills::new()));
    let (traced, _) = answers(&room, PATIENT, faults(&room.spool(), &failed, |_| true)).await;
    traced.terminate();
    assert_eq!(traced.end(), Some(0));
    assert_eq!(waiting(&room.spool()), Vec::<String>::new());
    let segments = fs::read_dir(room.spool())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "seg"));
    assert_eq!(segments.count(), 0, "a disk without room collects no empty segments");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_disk_holds_up_no_answer_and_loses_nothing() {
    let room = Room::new("http://127.0.0.1:9");
    let spool = room.spool();
    let slow = move |call: &Call| {
        if changes(call, &spool) { Act::Delay(Duration::from_secs(1)) } else { Act::Go }
    };
    let (traced, answered) = answers(&room, "50ms", slow).await;
    // The first record takes four calls: create, write the header, rename, write.
    assert_eq!(waiting(&room.spool()), Vec::<String>::new(), "the answers were there first");
    let spans = answered.concat().len();
    while waiting(&room.spool()).len() < spans {
        assert!(!traced.is_over());
        sleep(Duration::from_millis(20)).await;
    }
    traced.kill();
    assert_eq!(traced.end(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_makes_the_exporter_lose_nothing_and_send_nothing_twice() {
    let payloads = records(700);
    let ids: BTreeSet<_> = payloads.iter().map(|payload| id_of(payload)).collect();
    let failed = Arc::new(Mutex::new(Kills::new()));
    for at in 0.. {
        let before: u32 = failed.lock().unwrap().values().sum();
        let backend = Backend::start(None).await;
        let mut room = Room::new(&backend.endpoint);
        let mut writer = Writer::open(room.spool(), Limits { max_bytes: 1 << 30, segment_bytes: 200 << 10 }).unwrap();
        payloads.chunks(2).for_each(|payloads| writer.append(payloads).unwrap());
        drop(writer);
        let act = faults(&room.spool(), &failed, move |number| number == at);
        let traced = Traced::start(&room.exporter(), &room.log_of("tracestamp-exporter"), act);
        while fs::read_dir(room.spool())
            .unwrap()
            .any(|entry| entry.unwrap().path().extension().is_some_and(|e| e == "seg"))
        {
            assert!(!traced.is_over(), "{at}: it ended; {}", room.keep());
            sleep(Duration::from_millis(1)).await;
        }
        traced.terminate();
        assert_eq!(traced.end(), Some(0), "{at}");
        let times = backend.times();
        assert!(times.keys().eq(&ids), "{at}: {} of {} delivered; {}", times.len(), ids.len(), room.keep());
        assert!(times.values().all(|&times| times == 1), "{at}: sent twice; {}", room.keep());
        if failed.lock().unwrap().values().sum::<u32>() == before {
            break;
        }
    }
    let failed = failed.lock().unwrap();
    println!("calls of exporters failed: {failed:?}");
    for step in ["create cursor", "write cursor", "sync cursor", "rename cursor", "sync directory", "unlink segment"] {
        assert!(failed.contains_key(step), "{step} never failed: {failed:?}");
    }
}
