//! What a monitor's judge keeps between windows; stored with a version.

use serde::{Deserialize, Serialize};
use trimtab_stats::Metric;
use trimtab_types::Time;

use crate::{
    Baseline,
    performance::{self, STRETCH, Scored},
    scores::{FIRST, ScoreWindow},
};

/// What belongs to the current champion; forgotten when another takes its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    version: u32,
    /// Of which model version all this is.
    pub(crate) model_version: Option<i64>,
    /// The scores of its first windows.
    pub(crate) scores: Vec<ScoreWindow>,
    /// The leading metric of its first windows, when nobody said what to expect.
    first: Vec<(Time, Metric, f64)>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            version: 1,
            model_version: None,
            scores: Vec::new(),
            first: Vec::new(),
        }
    }
}

impl State {
    /// Begins anew for another champion; `false` when it is the same.
    pub(crate) fn follow(&mut self, model_version: i64) -> bool {
        if self.model_version == Some(model_version) {
            return false;
        }
        *self = Self {
            model_version: Some(model_version),
            ..Self::default()
        };
        true
    }

    /// Keeps the scores of one of the first windows.
    pub(crate) fn learn_scores(&mut self, scores: &[f64]) {
        if self.scores.len() < FIRST {
            self.scores.extend(ScoreWindow::new(scores));
        }
    }

    /// Keeps the performance of one of the first windows.
    pub(crate) fn learn_performance(&mut self, from: Time, scored: &Scored) {
        let Some((metric, value)) = performance::leading(scored) else {
            return;
        };
        if let Some(known) = self.first.iter_mut().find(|(begin, ..)| *begin == from) {
            *known = (from, metric, value);
        } else if self.first.len() < STRETCH {
            self.first.push((from, metric, value));
        }
    }

    /// Forgets the performance of a window whose outcomes turned out to be wrong.
    pub(crate) fn forget_performance(&mut self, from: Time) {
        self.first.retain(|(begin, ..)| *begin != from);
    }

    /// What to expect of the champion when nobody said.
    pub(crate) fn baseline(&self) -> Option<Baseline> {
        let first: Vec<(Metric, f64)> = self
            .first
            .iter()
            .map(|&(_, metric, value)| (metric, value))
            .collect();
        performance::learn_baseline(&first)
    }
}
