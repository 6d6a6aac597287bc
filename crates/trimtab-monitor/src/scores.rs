//! Prediction drift: the scores of a window against those of the champion's first windows.

use serde::{Deserialize, Serialize};
use trimtab_stats::{Sample, ks_p_value_asymptotic, ks_statistic, wasserstein_normalised};

use crate::{FeatureDrift, distance::Bins, judge::FEWEST_ROWS};

/// Windows that make the reference.
pub(crate) const FIRST: usize = 7;
/// What a window keeps of its scores.
const QUANTILES: u32 = 64;
const MARGIN: f64 = 1.25;
const LEAST: f64 = 0.1;
const FALSE_SHARE: f64 = 0.01;

/// The scores of one of the first windows, as their quantiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ScoreWindow {
    rows: u64,
    quantiles: Vec<f64>,
}

impl ScoreWindow {
    /// `None` for too few scores.
    pub(crate) fn new(scores: &[f64]) -> Option<Self> {
        let sample = Sample::new(scores);
        if sample.len() < FEWEST_ROWS as u64 {
            return None;
        }
        let quantiles = (0..QUANTILES)
            .map(|i| sample.quantile((f64::from(i) + 0.5) / f64::from(QUANTILES)))
            .collect::<Option<_>>()?;
        Some(Self {
            rows: sample.len(),
            quantiles,
        })
    }

    /// Each quantile stands for the same share of the window's rows.
    fn weighted(&self) -> impl Iterator<Item = (f64, u64)> {
        self.quantiles.iter().map(|&value| (value, self.rows))
    }
}

/// Judges the scores of a window against the first windows; `None` while there are not enough of either.
pub(crate) fn judge(first: &[ScoreWindow], scores: &[f64]) -> Option<FeatureDrift> {
    let current = Sample::new(scores);
    if first.len() < FIRST || current.len() < FEWEST_ROWS as u64 {
        return None;
    }
    let reference = Sample::from_counts(first.iter().flat_map(ScoreWindow::weighted));
    let farthest = (0..first.len())
        .filter_map(|left_out| {
            let rest = first
                .iter()
                .enumerate()
                .filter(|(i, _)| *i != left_out)
                .map(|(_, window)| window);
            let rest = Sample::from_counts(rest.flat_map(ScoreWindow::weighted));
            wasserstein_normalised(&rest, &Sample::from_counts(first[left_out].weighted()))
        })
        .fold(0.0, f64::max);
    let threshold = (farthest * MARGIN).clamp(LEAST, f64::MAX);
    let value = wasserstein_normalised(&reference, &current).filter(|value| value.is_finite())?;
    let rows = first.iter().map(|window| window.rows).sum();
    let p_value = ks_p_value_asymptotic(rows, current.len(), ks_statistic(&reference, &current)?);
    let bins = Bins::learn(&reference)?;
    let mut drawn = bins.draw(reference.iter(), 0);
    for count in drawn
        .counts
        .iter_mut()
        .chain([&mut drawn.below, &mut drawn.above])
    {
        *count /= u64::from(QUANTILES);
    }
    drawn.n = rows;
    Some(FeatureDrift {
        column: "score".to_owned(),
        test: "wasserstein".to_owned(),
        value,
        threshold,
        p_value: Some(p_value),
        q_value: Some(p_value),
        drifted: value > threshold && p_value <= FALSE_SHARE,
        importance: None,
        suppressed: false,
        means: Some((reference.mean()?, current.mean()?)),
        reference: Some(drawn),
        current: Some(bins.draw(current.iter(), scores.len() as u64 - current.len())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(shift: f64, rows: usize) -> Vec<f64> {
        (0..rows)
            .map(|i| ((i * 7919) % 1000) as f64 / 1000.0 * 0.5 + shift)
            .collect()
    }

    #[test]
    fn scores_are_compared_with_the_first_windows() {
        let first: Vec<ScoreWindow> = (0..FIRST)
            .map(|i| ScoreWindow::new(&scores(0.01 * i as f64, 500)).unwrap())
            .collect();
        assert!(judge(&first[1..], &scores(0.0, 500)).is_none());
        assert!(judge(&first, &scores(0.0, 50)).is_none());
        let same = judge(&first, &scores(0.03, 500)).unwrap();
        assert!(!same.drifted, "{same:?}");
        let moved = judge(&first, &scores(0.3, 500)).unwrap();
        assert!(moved.drifted && moved.value > 1.0, "{moved:?}");
        let text = serde_json::to_string(&first).unwrap();
        assert_eq!(
            serde_json::from_str::<Vec<ScoreWindow>>(&text).unwrap(),
            first
        );
    }
}
