//! How long a decision takes, beside one scan of the same bytes.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::de::IgnoredAny;
use tracestamp_admission::{Entropy, Review};
use tracestamp_core::span::encode;
use tracestamp_core::{Config, Timestamp};

use crate::bodies::{self, Bodies, Body};
use crate::report::{Budget, Report};

/// How long each of the two runs in a round.
const SLICE: Duration = Duration::from_millis(40);

pub(crate) fn measure(report: &mut Report, rounds: usize) -> Result<()> {
    for bodies in bodies::all()? {
        let ratios = (0..rounds).map(|_| {
            let scan = time(&bodies, |body| {
                black_box(serde_json::from_slice::<IgnoredAny>(body.json.as_bytes()).is_ok());
            });
            decide(&bodies) / scan
        });
        report.ratio("decision", bodies.name, "time of a decision / of one scan", Budget::AtMost(2.0), ratios);
    }
    Ok(())
}

/// Seconds for one body.
pub(crate) fn seconds(body: &Body) -> f64 {
    decide(&Bodies { name: "one", bodies: vec![body.clone()] })
}

/// From the bodies to the bytes of answers and records.
fn decide(bodies: &Bodies) -> f64 {
    let config = Config::default();
    time(bodies, |body| {
        let Ok(review) = Review::parse(body.json.as_bytes()) else { return };
        let decision = review.decide(body.endpoint, &config, Timestamp::from_nanos(1), Entropy([7; 20]));
        black_box(decision.answer());
        for span in &decision.spans {
            let _ = black_box(encode(span, Vec::new()));
        }
    })
}

/// Seconds for all bodies once.
fn time(bodies: &Bodies, mut work: impl FnMut(&Body)) -> f64 {
    let (began, mut rounds) = (Instant::now(), 0_u32);
    while began.elapsed() < SLICE {
        bodies.bodies.iter().for_each(&mut work);
        rounds += 1;
    }
    began.elapsed().as_secs_f64() / f64::from(rounds)
}
