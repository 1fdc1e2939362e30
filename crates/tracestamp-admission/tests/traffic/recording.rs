//! Reading the recordings.

use std::fs::File;
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;
use tracestamp_admission::Endpoint;
use tracestamp_core::Timestamp;

use crate::call::Call;

pub const ALL: [&str; 10] =
    ["cancel", "evicted", "fail", "matrix", "pods", "pull", "sidecar", "slow-pull", "success", "timeout"];

pub fn calls(name: &str) -> Vec<Call> {
    #[derive(Deserialize)]
    struct Line<'a> {
        received_unix_nano: u64,
        phase: &'a str,
        #[serde(borrow)]
        review: &'a RawValue,
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../tracestamp/recordings/{name}.jsonl.zst"));
    let lines = String::from_utf8(zstd::decode_all(File::open(path).unwrap()).unwrap()).unwrap();
    let call = |line: &str| {
        let line: Line<'_> = serde_json::from_str(line).unwrap();
        let endpoint = if line.phase == "mutating" { Endpoint::Stamp } else { Endpoint::Observe };
        let received = Timestamp::from_nanos(line.received_unix_nano);
        Call { endpoint, received, body: line.review.get().to_owned() }
    };
    lines.lines().map(call).collect()
}
