//! Nothing of what users put into params, results, scripts and environments is told.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::recording::{ALL, calls};

/// Texts that are users' own: the values of params and results, scripts and the values of environment variables.
fn users_own(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let named = ["params", "results", "env"].contains(&&**key);
                if let (true, Some(list)) = (named, value.as_array()) {
                    found.extend(list.iter().filter_map(|entry| entry["value"].as_str()).map(str::to_owned));
                }
                if let ("script", Some(script)) = (&**key, value.as_str()) {
                    found.insert(script.to_owned());
                }
                users_own(value, found);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| users_own(value, found)),
        _ => {}
    }
}

#[test]
fn no_span_and_no_note_holds_a_users_value() {
    let mut all = BTreeSet::new();
    let mut told = String::new();
    for name in ALL {
        for call in calls(name) {
            users_own(&serde_json::from_str(&call.body).unwrap(), &mut all);
            told.push_str(&call.decide(|decision| format!("{:?} {:?}\n", decision.spans, decision.notes)));
        }
    }
    assert!(all.contains("s3cr3t-value"), "the recordings hold the secret that is looked for");
    assert!(told.len() > 10_000);
    for value in all.iter().filter(|value| value.len() >= 5) {
        assert!(!told.contains(&**value), "told: {value}");
    }
}
