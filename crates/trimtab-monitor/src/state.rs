//! What a monitor's judge keeps between windows; stored with a version.

use serde::{Deserialize, Serialize};
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
    /// The outcomes of its first windows, when nobody said what to expect.
    first: Vec<(Time, Scored)>,
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

    /// Keeps the outcomes of one of the first windows.
    pub(crate) fn learn_outcomes(&mut self, from: Time, scored: &Scored) {
        if scored.rows() == 0 {
            return;
        }
        if let Some((_, known)) = self.first.iter_mut().find(|(begin, _)| *begin == from) {
            *known = scored.clone();
        } else if self.first.len() < STRETCH {
            self.first.push((from, scored.clone()));
        }
    }

    /// What to expect of the champion when nobody said.
    pub(crate) fn baseline(&self) -> Option<Baseline> {
        let first: Vec<Scored> = self
            .first
            .iter()
            .map(|(_, scored)| scored.clone())
            .collect();
        performance::learn_baseline(&first)
    }
}
