//! The sentences of Tekton and the kubelet that may be recorded.
//!
//! A failing condition's message can quote parameters, results and other messages. Recorded is therefore never a message,
//! only a sentence of this table, up to its end, and only with what its placeholders can hold: names that Kubernetes has
//! checked, numbers and quantities.

mod table;

use crate::object::StepState;
use table::SENTENCES;

/// A sentence: literal text with `{placeholders}`.
#[derive(Debug)]
pub(super) struct Sentence {
    /// How the sentence is written.
    pub(super) pattern: &'static str,
    /// What it says of the run when the reason is as general as `Failed`.
    pub(super) result: Option<&'static str>,
}

/// What a sentence's placeholders are compared with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'k> {
    /// The name of the object whose condition it is.
    pub(super) object: &'k str,
    /// The steps that its status lists; any may be meant when it lists none.
    pub(super) steps: &'k [StepState<'k>],
}

/// The first sentence of the table with which the message begins, as it may be recorded.
pub(super) fn read<'m>(message: &'m str, known: Known<'_>) -> Option<(&'m str, &'static Sentence)> {
    // `pkg/apis/pipeline/errors/errors.go`
    let message = message.strip_prefix("[User error] ").unwrap_or(message);
    SENTENCES.iter().find_map(|sentence| Some((beginning(message, sentence.pattern, known)?, sentence)))
}

/// The beginning of the message that is written as `pattern` says.
fn beginning<'m>(message: &'m str, pattern: &str, known: Known<'_>) -> Option<&'m str> {
    let (mut pattern, mut rest) = (pattern, message);
    while let Some((literal, after)) = pattern.split_once('{') {
        let (placeholder, after) = after.split_once('}')?;
        rest = rest.strip_prefix(literal)?;
        let length = value_length(placeholder, rest, known).filter(|length| *length > 0)?;
        rest = rest.get(length..)?;
        pattern = after;
    }
    rest = rest.strip_prefix(pattern)?;
    // Half a word is no sentence.
    let whole = pattern.ends_with(|last: char| !last.is_alphanumeric()) && !pattern.is_empty()
        || rest.chars().next().is_none_or(|next| !next.is_alphanumeric());
    message.get(..message.len() - rest.len()).filter(|_| whole).map(str::trim_end)
}

/// How much of `text` a placeholder stands for.
fn value_length(placeholder: &str, text: &str, known: Known<'_>) -> Option<usize> {
    let while_ = |allowed: fn(u8) -> bool| text.bytes().take_while(|byte| allowed(*byte)).count();
    let known_step = |length: usize, prefix: &str| {
        let step = text.get(..length)?.strip_prefix(prefix)?;
        let is_known = known.steps.is_empty() || known.steps.iter().any(|known| &*known.name == step);
        is_known.then_some(length)
    };
    match placeholder {
        "object" => Some(while_(name)).filter(|length| text.get(..*length) == Some(known.object)),
        "step" => known_step(while_(name), "step-"),
        "task_step" => known_step(while_(name), ""),
        "name" => Some(while_(name)),
        "integer" => {
            let sign = usize::from(text.starts_with('-'));
            let digits = text.bytes().skip(sign).take_while(u8::is_ascii_digit).count();
            (digits > 0).then_some(sign + digits)
        }
        // Go's: `1h0m0s`, `1.5s`, `100µs`.
        "duration" => Some(text.find(|c: char| !(c.is_ascii_digit() || "hmsnuµ.".contains(c))).unwrap_or(text.len())),
        // A full stop may follow them.
        "quantity" => {
            Some(while_(|byte| byte.is_ascii_alphanumeric() || byte == b'.')).map(|end| without_stop(text, end))
        }
        "resource" => Some(while_(|byte| byte.is_ascii_alphanumeric() || b"-./".contains(&byte)))
            .map(|end| without_stop(text, end)),
        "conditions" => Some(while_(|byte| byte.is_ascii_alphabetic() || byte == b' ')),
        "predicate" => Some(while_(|byte| byte.is_ascii_alphabetic())),
        _ => None,
    }
}

fn without_stop(text: &str, end: usize) -> usize {
    text.get(..end).map_or(0, |value| value.trim_end_matches('.').len())
}

/// What names of objects, containers and volumes are made of.
fn name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of the placeholders, as Tekton and the kubelet write them.
    const VALUES: [(&str, &str); 12] = [
        ("{object}", "app-build"),
        ("{step}", "step-unit"),
        ("{task_step}", "unit"),
        ("{name}", "scratch.d-1"),
        ("{integer}", "-1073741510"),
        ("{duration}", "1h0m0.5s"),
        ("{quantity}", "1.5Gi"),
        ("{resource}", "ephemeral-storage"),
        ("{conditions}", "MemoryPressure DiskPressure"),
        ("{predicate}", "NodeAffinity"),
        ("{", "{"),
        ("}", "}"),
    ];

    fn written(pattern: &str) -> String {
        VALUES.iter().fold(pattern.to_owned(), |text, (placeholder, value)| text.replace(placeholder, value))
    }

    fn steps() -> Vec<StepState<'static>> {
        serde_json::from_str(r#"[{"name": "unit"}]"#).unwrap()
    }

    fn recorded(message: &str) -> Option<&str> {
        let steps = steps();
        read(message, Known { object: "app-build", steps: &steps }).map(|(text, _)| text)
    }

    #[test]
    fn every_sentence_is_recorded_and_nothing_that_follows_it() {
        for sentence in SENTENCES {
            let text = written(sentence.pattern);
            assert!(!text.contains(['{', '}']), "{text}");
            for after in
                ["", " s3cr3t-0001", "\nPrevious status: [Failed] s3cr3t-0001", ": s3cr3t-0001", ", s3cr3t-0001"]
            {
                let message = format!("{text}{after}");
                assert_eq!(recorded(&message), Some(text.trim_end()), "{message}");
                let marked = format!("[User error] {message}");
                assert_eq!(recorded(&marked), Some(text.trim_end()), "{marked}");
            }
        }
    }

    #[test]
    fn a_sentence_has_to_stand_at_the_beginning_and_whole() {
        for sentence in SENTENCES {
            let text = written(sentence.pattern);
            assert_eq!(recorded(&format!("s3cr3t-0001 {text}")), None);
            let cut = text.get(..text.len() - 1).unwrap_or_default();
            assert!(recorded(cut).is_none_or(|shorter| text.starts_with(shorter)), "{cut}");
        }
        assert_eq!(recorded("OOMKilleds3cr3t"), None);
        assert_eq!(recorded("\"step-unit\" exited with code 3s3cr3t"), None);
    }

    #[test]
    fn names_that_the_object_does_not_know_are_no_sentence() {
        for message in [
            "TaskRun \"s3cr3t-0001\" failed to finish within \"1m\"",
            "\"step-s3cr3t-0001\" exited with code 1",
            "\"s3cr3t-0001\" exited with code 1",
            "the step \"s3cr3t-0001\" in TaskRun \"app-build\" failed to pull the image",
            "\"step-unit s3cr3t\" exited with code 3",
        ] {
            assert_eq!(recorded(message), None, "{message}");
        }
    }

    #[test]
    fn a_longer_sentence_stands_before_one_that_it_begins_with() {
        for (at, sentence) in SENTENCES.iter().enumerate() {
            let text = written(sentence.pattern);
            let steps = steps();
            let found = read(&text, Known { object: "app-build", steps: &steps }).map(|(_, found)| found.pattern);
            assert_eq!(found, Some(sentence.pattern), "row {at}");
        }
    }
}
