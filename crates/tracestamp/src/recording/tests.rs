use super::*;

fn read(bytes: impl Into<Vec<u8>>) -> Vec<Result<Review, String>> {
    let recording = Recording::new("r.jsonl", Cursor::new(bytes.into())).unwrap();
    recording.map(|item| item.map_err(|broken| broken.to_string())).collect()
}

#[test]
fn both_forms_of_a_line_are_read_and_keep_the_bytes_of_the_review() {
    let items = read(
        "{\"received_unix_nano\":5,\"phase\":\"mutating\",\"review\":{\"b\" : 1.50,\"a\":\"\\u00e9\"}}\n\
         {\"received_unix_nano\":6,\"phase\":\"validating\",\"review\":{}}\r\n\
         {\"t\":7,\"path\":\"/validate?timeout=1s\",\"review\":{}}\n\
         {\"t\":8,\"path\":\"/v1/observe\",\"review\":{}}\n\
         {\"t\":9,\"path\":\"/mutate\",\"review\":{}}",
    );
    let told: Vec<_> =
        items.iter().flatten().map(|review| (review.line, review.received.nanos(), review.endpoint)).collect();
    assert_eq!(
        told,
        [
            (1, 5, Endpoint::Stamp),
            (2, 6, Endpoint::Observe),
            (3, 7, Endpoint::Observe),
            (4, 8, Endpoint::Observe),
            (5, 9, Endpoint::Stamp)
        ]
    );
    assert_eq!(items[0].as_ref().unwrap().body.get(), r#"{"b" : 1.50,"a":"\u00e9"}"#);
}

#[test]
fn a_broken_line_is_told_with_its_number_and_the_rest_is_read() {
    let good = r#"{"t":1,"path":"/stamp","review":{}}"#;
    let items = read(format!(
        "{good}\n{{\"t\":1,\n\n{good}\n{{\"t\":1,\"review\":{{}}}}\n{{\"path\":\"/\",\"review\":1}}\n\
         {{\"t\":1,\"phase\":\"late\",\"review\":{{}}}}\n[]\n{good}"
    ));
    let told: Vec<_> = items.iter().map(|item| item.as_ref().map(|review| review.line)).collect();
    let [Ok(1), Err(cut), Ok(4), Err(phase), Err(time), Err(late), Err(list), Ok(9)] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert!(cut.starts_with("r.jsonl:2: not a line of a recording: EOF"), "{cut}");
    assert_eq!(*phase, "r.jsonl:5: not a line of a recording: neither `phase` nor `path`");
    assert_eq!(*time, "r.jsonl:6: not a line of a recording: neither `received_unix_nano` nor `t`");
    assert!(late.starts_with("r.jsonl:7: not a line of a recording: unknown variant `late`"), "{late}");
    assert!(list.starts_with("r.jsonl:8:"), "{list}");
}

#[test]
fn a_line_of_no_end_is_refused_without_being_held() {
    let long = " ".repeat(MAX_LINE + 1);
    let items = read(format!("{long}\n{{\"t\":1,\"path\":\"/stamp\",\"review\":{{}}}}\n{long}"));
    let [Err(first), Ok(second), Err(last)] = items.as_slice() else { panic!("{} items", items.len()) };
    assert_eq!(first, "r.jsonl:1: longer than 16 MiB");
    assert_eq!(second.line, 2);
    assert_eq!(last, "r.jsonl:3: longer than 16 MiB");
}

#[test]
fn bytes_that_are_no_text_break_their_line_only() {
    let items = read(b"\xff\xfe\n{\"t\":1,\"path\":\"/stamp\",\"review\":{}}".to_vec());
    assert!(matches!(items.as_slice(), [Err(_), Ok(_)]));
}

#[test]
fn an_empty_recording_has_no_reviews() {
    assert!(read("").is_empty());
    assert!(read("\n \n").is_empty());
    assert!(read(zstd::encode_all(&b""[..], 1).unwrap()).is_empty());
}

#[test]
fn zstd_is_known_by_its_first_bytes() {
    let line = r#"{"t":1,"path":"/stamp","review":{}}"#;
    assert!(matches!(read(zstd::encode_all(line.as_bytes(), 1).unwrap()).as_slice(), [Ok(_)]));
}

#[test]
fn a_cut_off_zstd_stream_ends_with_an_error_that_names_the_line() {
    let lines = "{\"t\":1,\"path\":\"/stamp\",\"review\":{}}\n".repeat(20_000);
    let mut bytes = zstd::encode_all(lines.as_bytes(), 1).unwrap();
    bytes.truncate(bytes.len() - 4);
    let items = read(bytes);
    let last = items.last().unwrap().as_ref().unwrap_err();
    assert!(last.contains("cannot be read any further"), "{last}");
    assert_eq!(items.iter().filter(|item| item.is_err()).count(), 1);
}

#[test]
fn every_embedded_recording_reads_whole() {
    for (name, _) in EMBEDDED {
        let items: Vec<_> = Recording::open(name).unwrap().collect();
        assert!(items.len() > 50 && items.iter().all(Result::is_ok), "{name}");
    }
}

#[test]
fn a_name_that_is_no_recording_is_answered_with_those_there_are() {
    let error = Recording::open("no-such").err().unwrap().to_string();
    assert!(error.starts_with("no-such: No such file") && error.contains("success, slow-pull, evicted"), "{error}");
}
