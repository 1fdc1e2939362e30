use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
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

/// A call before which a process is killed. Counted within its kind: how the calls of several threads follow each other
/// differs from run to run.
struct Point {
    step: String,
    /// From 0.
    number: u32,
    /// All kinds of calls that were made.
    seen: Arc<Mutex<BTreeSet<String>>>,
}

impl Point {
    fn kill(&self, spool: &Path) -> impl FnMut(&Call) -> Act + Send + 'static {
        let (at, seen, spool) = (self.step.clone(), Arc::clone(&self.seen), spool.to_owned());
        let mut left = self.number;
        move |call| {
            if !belongs(call, &spool) {
                return Act::Go;
            }
            let step = step(call);
            let here = step == at;
            seen.lock().unwrap().insert(step);
            if here && left == 0 {
                return Act::Kill;
            }
            left -= u32::from(here);
            Act::Go
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.step, self.number)
    }
}

/// Has a process killed before each call of each kind: `survives` runs one and says whether the call never came. These
/// kinds have to be all there are.
async fn at_every_call(steps: &[&str], mut survives: impl AsyncFnMut(&Point) -> bool) -> Kills {
    let (mut kills, seen) = (Kills::new(), Arc::default());
    for step in steps {
        for number in 0.. {
            if survives(&Point { step: (*step).to_owned(), number, seen: Arc::clone(&seen) }).await {
                assert!(number > 0, "no process was killed before {step}");
                break;
            }
            kills.insert((*step).to_owned(), number + 1);
        }
    }
    assert!(seen.lock().unwrap().iter().eq(kills.keys()), "{seen:?}");
    kills
}

/// The ids of what waits in the spool, in which nothing may be damaged.
pub(crate) fn waiting(spool: &Path) -> Vec<String> {
    let mut ids = Vec::new();
    for segment in peek(spool).unwrap() {
        let mut segment = segment.unwrap();
        ids.extend(segment.by_ref().map(|payload| id_of(&payload.unwrap())));
        assert_eq!(segment.corrupt_bytes, 0, "{}", segment.segment);
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
    let steps = [
        "lock segment",
        "read segment",
        "write socket",
        "read socket",
        "create cursor",
        "write cursor",
        "sync cursor",
        "rename cursor",
        "sync directory",
        "unlink segment",
    ];
    let kills = at_every_call(&steps, async |at| {
        let backend = Backend::start(None).await;
        let mut room = Room::new(&backend.endpoint);
        // Three segments and two batches.
        let mut writer = Writer::open(room.spool(), Limits { max_bytes: 1 << 30, segment_bytes: 200 << 10 }).unwrap();
        payloads.chunks(2).for_each(|payloads| writer.append(payloads).unwrap());
        drop(writer);
        let traced = Traced::start(&room.exporter(), &room.log_of("tracestamp-exporter"), at.kill(&room.spool()));
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
        assert!(!survived || (twice.is_empty() && uncommitted.is_empty()), "{at}: nobody was killed");
        survived
    })
    .await;
    println!("exporters killed: {kills:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_killed_before_any_call_leaves_what_it_answered_for_and_nothing_damaged() {
    let steps = ["create segment", "lock segment", "write segment", "rename segment", "read socket", "write socket"];
    let kills = at_every_call(&steps, async |at| {
        let mut room = Room::new("http://127.0.0.1:9");
        let mut command = room.webhook();
        // Two reviews a segment.
        command.args(["--spool-segment-bytes", "2Ki"]);
        let traced = Traced::start(&command, &room.log_of("tracestamp-webhook"), at.kill(&room.spool()));
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
            assert_eq!((answered.len(), left.len()), (now.len() - more.len(), answered.len()), "{at}");
        }
        survived
    })
    .await;
    println!("webhooks killed: {kills:?}");
}
