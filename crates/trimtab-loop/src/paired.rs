//! Paired evidence: the same request scored by champion and candidate, with its label once it is known. Pure.

use serde::{Deserialize, Serialize};

/// One row scored by both arms.
#[derive(Debug, Clone, PartialEq)]
pub struct PairedRow {
    /// The unit of statistics: rows with one assignment key are a cluster.
    pub unit: String,
    /// The champion's score; `None` when it failed.
    pub champion: Option<f64>,
    /// The candidate's score; `None` when it failed.
    pub candidate: Option<f64>,
    /// The outcome, once known.
    pub label: Option<f64>,
}

/// How a score is held against its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// (score − label)², for labels that are 0 or 1 and scores that are probabilities. Within [0, 1].
    Brier,
    /// 1 for the arm with the greater absolute error, ½ each for a tie; for labels that are numbers, whose
    /// errors have no bound of their own. Within [0, 1].
    WorseOfTwo,
}

impl Loss {
    /// The loss that fits the labels and scores seen.
    pub fn for_rows(rows: &[PairedRow]) -> Self {
        let is_probability =
            |score: &Option<f64>| score.is_none_or(|score| (0.0..=1.0).contains(&score));
        let fits = |row: &PairedRow| {
            row.label.is_none_or(is_zero_or_one)
                && is_probability(&row.champion)
                && is_probability(&row.candidate)
        };
        if rows.iter().all(fits) {
            Self::Brier
        } else {
            Self::WorseOfTwo
        }
    }

    /// The losses of (champion, candidate) on one row.
    pub fn of(self, champion: f64, candidate: f64, label: f64) -> (f64, f64) {
        match self {
            Self::Brier => ((champion - label).powi(2), (candidate - label).powi(2)),
            Self::WorseOfTwo => {
                let (a, b) = ((champion - label).abs(), (candidate - label).abs());
                match a.total_cmp(&b) {
                    std::cmp::Ordering::Less => (0.0, 1.0),
                    std::cmp::Ordering::Equal => (0.5, 0.5),
                    std::cmp::Ordering::Greater => (1.0, 0.0),
                }
            }
        }
    }
}

/// Whether a label is one of the two classes.
#[expect(clippy::float_cmp, reason = "labels of classes are exactly 0 or 1")]
pub(crate) fn is_zero_or_one(label: f64) -> bool {
    label == 0.0 || label == 1.0
}

/// Per-unit means, in the order in which units first appear.
pub(crate) fn unit_means(values: impl Iterator<Item = (String, f64)>) -> Vec<f64> {
    let mut index = std::collections::HashMap::new();
    let mut sums: Vec<(f64, f64)> = Vec::new();
    for (unit, value) in values {
        let at = *index.entry(unit).or_insert_with(|| {
            sums.push((0.0, 0.0));
            sums.len() - 1
        });
        sums[at].0 += value;
        sums[at].1 += 1.0;
    }
    sums.into_iter().map(|(sum, count)| sum / count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_averaged_and_keep_their_order() {
        let values =
            [("b", 1.0), ("a", 4.0), ("b", 3.0)].map(|(unit, value)| (unit.to_owned(), value));
        assert_eq!(unit_means(values.into_iter()), [2.0, 4.0]);
    }

    #[test]
    fn the_loss_fits_the_labels() {
        let row = |label, score| PairedRow {
            unit: String::new(),
            champion: Some(score),
            candidate: Some(score),
            label: Some(label),
        };
        assert_eq!(Loss::for_rows(&[row(1.0, 0.3), row(0.0, 1.0)]), Loss::Brier);
        assert_eq!(
            Loss::for_rows(&[row(1.0, 0.3), row(17.0, 12.5)]),
            Loss::WorseOfTwo
        );
        assert_eq!(Loss::WorseOfTwo.of(10.0, 12.0, 9.0), (0.0, 1.0));
    }
}
