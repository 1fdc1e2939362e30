use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::sleep;
use tracestamp_spool::{Limits, Writer, peek};

use crate::backend::Backend;
use crate::reviews::{id_of, records, send_some};
use crate::room::Room;
use crate::tracer::{Act, Call, Traced};

/// How often a process was killed before each kind of call.
pub(crate) type Kills = BTreeMap<String, u32>;

/// What a call does, for people: `rename seg`.
pub(crate) fn step(call: &Call) -> String {
    let (target, name) = (&call.target, call.target.file_name());
    let of = if target.to_string_lossy().starts_with("socket:") {
        "socket"
    } else if name.is_some_and(|name| name == "cursor.tmp") {
        "cursor"
    } else if target.extension().is_some() {
        "segment"
    } else {
        "directory"
    };
    format!("{} {of}", call.name)
}

/// Whether the call is one that the protocol consists of.
pub(crate) fn belongs(call: &Call, spool: &Path) -> bool {
    call.target.starts_with(spool) || call.target.to_string_lossy().starts_with("socket:")
}

/// Kills before the call number `at`, counted from 0, and notes before which.
fn kill_at(at: u32, spool: &Path, kills: &Arc<Mutex<Kills>>) -> impl FnMut(&Call) -> Act + Send + 'static {
    let (mut number, spool, kills) = (0, spool.to_owned(), Arc::clone(kills));
    move |call| {
        if !belongs(call, &spool) {
            return Act::Go;
        }
        number += 1;
        if number <= at {
            return Act::Go;
        }
        *kills.lock().unwrap().entry(step(call)).or_default() += 1;
        Act::Kill
    }
}

/// The ids of what waits in the spool, in which nothing may be damaged.
pub(crate) fn waiting(spool: &Path) -> Vec<String> {
    let mut ids = Vec::new();
    for segment in peek(spool).unwrap() {
        let segment = segment.unwrap();
        assert_eq!(segment.corrupt_bytes, 0, "{}", segment.segment);
        ids.extend(segment.records.iter().map(|payload| id_of(payload)));
    }
    ids
}

/// Has everything in the spool delivered by an exporter that nobody disturbs.
async fn deliver(room: &mut Room) {
    room.start_exporter();
    while room.waiting() > 0 {
        sleep(Duration::from_millis(2)).await;
    }
    room.end_exporter().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exporter_killed_before_any_call_loses_nothing_and_repeats_only_what_was_not_committed() {
    let payloads = records(700);
    let ids: BTreeSet<_> = payloads.iter().map(|payload| id_of(payload)).collect();
    let kills = Arc::new(Mutex::new(Kills::new()));
    for at in 0.. {
        let backend = Backend::start(None).await;
        let mut room = Room::new(&backend.endpoint);
        // Three segments and two batches.
        let mut writer = Writer::open(room.spool(), Limits { max_bytes: 1 << 30, segment_bytes: 200 << 10 }).unwrap();
        payloads.chunks(2).for_each(|payloads| writer.append(payloads).unwrap());
        drop(writer);
        let act = kill_at(at, &room.spool(), &kills);
        let traced = Traced::start(&room.exporter(), &room.log_of("tracestamp-exporter"), act);
        while !traced.is_over() {
            if fs::read_dir(room.spool()).unwrap().all(|entry| entry.unwrap().file_name() == "cursor") {
                traced.terminate();
            }
            sleep(Duration::from_millis(1)).await;
        }
        let survived = traced.end().is_some();
        let uncommitted: BTreeSet<_> = waiting(&room.spool()).into_iter().collect();
        deliver(&mut room).await;

        let times = backend.times();
        assert!(times.keys().eq(&ids), "{at}: {} of {} delivered; {}", times.len(), ids.len(), room.keep());
        let twice: BTreeSet<_> = times.iter().filter(|&(_, &times)| times > 1).map(|(id, _)| id.clone()).collect();
        assert!(twice.is_subset(&uncommitted), "{at}: sent again though committed; {}", room.keep());
        assert_eq!(backend.told().different, Vec::<String>::new(), "{at}: one id, two contents");
        if survived {
            assert!(twice.is_empty() && uncommitted.is_empty(), "{at}: nobody was killed");
            break;
        }
    }
    let kills = kills.lock().unwrap();
    println!("exporters killed: {kills:?}");
    for step in [
        "read segment",
        "write socket",
        "read socket",
        "create cursor",
        "write cursor",
        "sync cursor",
        "rename cursor",
        "sync directory",
        "unlink segment",
    ] {
        assert!(kills.contains_key(step), "no exporter was killed before {step}: {kills:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_killed_before_any_call_leaves_what_it_answered_for_and_nothing_damaged() {
    let kills = Arc::new(Mutex::new(Kills::new()));
    for at in 0.. {
        let mut room = Room::new("http://127.0.0.1:9");
        let mut command = room.webhook();
        // Two reviews a segment.
        command.args(["--spool-segment-bytes", "2Ki"]);
        let act = kill_at(at, &room.spool(), &kills);
        let traced = Traced::start(&command, &room.log_of("tracestamp-webhook"), act);
        while !traced.is_over() && !room.listens().await {
            sleep(Duration::from_millis(1)).await;
        }
        let answered: Vec<_> = send_some(&room.client(), &room.url(), 1, 5).await.concat();
        traced.terminate();
        let survived = traced.end().is_some();
        let left = waiting(&room.spool());
        assert!(answered.iter().all(|id| left.contains(id)), "{at}: {answered:?} but {left:?}; {}", room.keep());

        // The next one takes nothing away from what is there.
        room.start_webhook().await;
        let more = send_some(&room.client(), &room.url(), 2, 1).await.concat();
        room.end_webhook().await;
        let now = waiting(&room.spool());
        assert!(left.iter().chain(&more).all(|id| now.contains(id)), "{at}; {}", room.keep());
        if survived {
            assert_eq!((answered.len(), left.len()), (now.len() - more.len(), answered.len()));
            break;
        }
    }
    let kills = kills.lock().unwrap();
    println!("webhooks killed: {kills:?}");
    for step in ["create segment", "lock segment", "write segment", "rename segment", "read socket", "write socket"] {
        assert!(kills.contains_key(step), "no webhook was killed before {step}: {kills:?}");
    }
}
