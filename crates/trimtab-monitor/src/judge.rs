//! The judge: a window's rows against a reference. Pure, and the same for rows in any order.
//!
//! A feature has drifted when its distance from the reference is beyond what the reference's own parts reach (the effect,
//! see [`crate::reference`]) **and** a two-sample test says that it is no chance, corrected for the number of features
//! (Benjamini and Hochberg). The distance is the first Wasserstein distance in standard deviations of the reference for
//! numbers, and the Jensen-Shannon distance for texts.

use arrow::record_batch::RecordBatch;
use trimtab_stats::{benjamini_hochberg, chi_square_homogeneity, ks_p_value_asymptotic};

use crate::{
    FeatureDrift, WindowCheck,
    distance::{self, align, draw_texts},
    frame::{self, Values},
    reference::{Feature, Learned, Shape, count_texts},
};

/// Fewer rows say nothing.
pub(crate) const FEWEST_ROWS: usize = 100;
/// The share of false alarms among the features that pass the test.
const FALSE_SHARE: f64 = 0.01;

/// Judges the features of a window (columns `in.NAME`), the farthest from its threshold first. Columns with a failed
/// check, here or in windows judged together with this one (`broken`), are suppressed.
pub(crate) fn features(
    learned: &Learned,
    batches: &[RecordBatch],
    checks: &[WindowCheck],
    broken: &[String],
) -> Vec<FeatureDrift> {
    let rows = frame::rows(batches);
    if rows < FEWEST_ROWS || learned.rows() < FEWEST_ROWS {
        return Vec::new();
    }
    let thresholds = learned.thresholds(rows);
    let mut judged: Vec<FeatureDrift> = learned
        .features()
        .iter()
        .zip(thresholds.iter())
        .filter_map(|(feature, &threshold)| {
            let values = frame::column(batches, &format!("in.{}", feature.name))?;
            let mut drift = feature.judge(&values, threshold)?;
            drift.suppressed = broken.contains(&feature.name)
                || checks
                    .iter()
                    .any(|check| !check.passed && check.column.as_ref() == Some(&feature.name));
            Some(drift)
        })
        .collect();
    let p_values: Vec<f64> = judged
        .iter()
        .map(|drift| drift.p_value.unwrap_or(1.0))
        .collect();
    for (drift, q_value) in judged.iter_mut().zip(benjamini_hochberg(&p_values)) {
        drift.q_value = Some(q_value);
        drift.drifted =
            !drift.suppressed && drift.value > drift.threshold && q_value <= FALSE_SHARE;
    }
    judged.sort_by(|a, b| {
        let far = |drift: &FeatureDrift| drift.value / drift.threshold;
        b.drifted
            .cmp(&a.drifted)
            .then(far(b).total_cmp(&far(a)))
            .then(a.column.cmp(&b.column))
    });
    judged
}

impl Feature {
    fn judge(&self, values: &Values, threshold: f64) -> Option<FeatureDrift> {
        let all = 0..values.rows();
        let (value, p_value, means, reference, current) = match (&self.shape, values) {
            (
                Shape::Numbers {
                    histogram,
                    sample,
                    bins,
                },
                Values::Numbers(numbers),
            ) => {
                let mut window = histogram.empty_like();
                for &number in numbers {
                    window.add(number);
                }
                let value = distance::of_histograms(histogram, sample, &window)?;
                let statistic = histogram.ks_statistic(&window)?;
                let p_value = ks_p_value_asymptotic(histogram.len(), window.len(), statistic);
                let finite = || numbers.iter().filter(|number| number.is_finite());
                let mean = finite().sum::<f64>() / window.len() as f64;
                (
                    value,
                    p_value,
                    Some((sample.mean()?, mean)),
                    bins.draw(sample.iter(), histogram.missing()),
                    bins.draw(finite().map(|&number| (number, 1)), window.missing()),
                )
            }
            (Shape::Texts { counts, missing }, Values::Texts { codes, dictionary }) => {
                let window = count_texts(codes, dictionary, all);
                let (a, b) = align(counts, &window);
                let value = trimtab_stats::jensen_shannon(&a, &b)?;
                let p_value = chi_square_homogeneity(&a, &b)?.p_value;
                let nulls = codes.len() as u64 - window.values().sum::<u64>();
                let (reference, current) = draw_texts(counts, *missing, &window, nulls);
                (value, p_value, None, reference, current)
            }
            (Shape::Numbers { .. }, Values::Texts { .. })
            | (Shape::Texts { .. }, Values::Numbers(_)) => {
                return None;
            }
        };
        Some(FeatureDrift {
            column: self.name.clone(),
            test: self.shape.test().to_owned(),
            value,
            threshold,
            p_value: Some(p_value),
            q_value: None,
            drifted: false,
            importance: self.importance,
            suppressed: false,
            means,
            reference: Some(reference),
            current: Some(current),
        })
    }
}
