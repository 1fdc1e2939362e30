//! What was measured, for machines and for people.

mod picture;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::statistics::Spread;

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Budget {
    None,
    AtMost(f64),
    AtLeast(f64),
}

/// One figure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) part: String,
    pub(crate) case: String,
    pub(crate) figure: String,
    /// Of two things measured one after the other; anything else is this machine's, at that time.
    pub(crate) ratio: bool,
    #[serde(flatten)]
    pub(crate) spread: Spread,
    pub(crate) budget: Budget,
    pub(crate) rounds: usize,
}

/// All of it, in the order measured.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) entries: Vec<Entry>,
}

impl Entry {
    fn kept(&self) -> Option<bool> {
        match self.budget {
            Budget::None => None,
            Budget::AtMost(most) => Some(self.spread.median <= most),
            Budget::AtLeast(least) => Some(self.spread.median >= least),
        }
    }
}

impl Report {
    pub(crate) fn ratio(
        &mut self,
        part: &'static str,
        case: &str,
        figure: &str,
        budget: Budget,
        rounds: impl IntoIterator<Item = f64>,
    ) {
        self.push(part, case, figure, true, budget, rounds.into_iter().collect());
    }

    pub(crate) fn value(
        &mut self,
        part: &'static str,
        case: &str,
        figure: &str,
        rounds: impl IntoIterator<Item = f64>,
    ) {
        self.push(part, case, figure, false, Budget::None, rounds.into_iter().collect());
    }

    /// A value of which an upper bound is promised on any machine.
    pub(crate) fn budgeted(&mut self, part: &'static str, case: &str, figure: &str, budget: Budget, rounds: Vec<f64>) {
        self.push(part, case, figure, false, budget, rounds);
    }

    fn push(&mut self, part: &'static str, case: &str, figure: &str, ratio: bool, budget: Budget, values: Vec<f64>) {
        let rounds = values.len();
        let Some(spread) = Spread::of(values) else { return };
        println!("{part}: {case}: {figure}: {:.3} [{:.3} to {:.3}]", spread.median, spread.least, spread.greatest);
        let [part, case, figure] = [part, case, figure].map(str::to_owned);
        self.entries.push(Entry { part, case, figure, ratio, spread, budget, rounds });
    }

    /// What an earlier run wrote.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        Ok(serde_json::from_slice(&fs::read(file)?)?)
    }

    pub(crate) fn write(&self, directory: &Path) -> Result<()> {
        fs::create_dir_all(directory)?;
        fs::write(directory.join("bench.json"), serde_json::to_vec_pretty(self)?)?;
        fs::write(directory.join("bench.md"), self.table())?;
        for (name, picture) in picture::all(self) {
            fs::write(directory.join(name), picture)?;
        }
        println!("written to {}", directory.display());
        Ok(())
    }

    fn table(&self) -> String {
        let mut text =
            "| part | case | figure | median | least to greatest | budget |\n|---|---|---|---|---|---|\n".to_owned();
        for entry in &self.entries {
            let Entry { part, case, figure, spread, .. } = entry;
            let Spread { median, least, greatest } = spread;
            let budget = match (entry.budget, entry.kept()) {
                (Budget::AtMost(most), Some(kept)) => format!("≤ {most}{}", if kept { "" } else { ", **missed**" }),
                (Budget::AtLeast(least), Some(kept)) => format!("≥ {least}{}", if kept { "" } else { ", **missed**" }),
                _ => String::new(),
            };
            let _ = writeln!(
                text,
                "| {part} | {case} | {figure} | {} | {} to {} | {budget} |",
                shown(*median),
                shown(*least),
                shown(*greatest)
            );
        }
        text
    }
}

/// Three digits that matter.
pub(crate) fn shown(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
