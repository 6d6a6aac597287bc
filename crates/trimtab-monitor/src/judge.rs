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

/// Judges the features of a window (columns `in.NAME`), the farthest from its threshold first. Columns that a check
/// calls wrong, here or in windows judged together with this one (`broken`), are suppressed: the check is the alert.
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
                || checks.iter().any(|check| {
                    check.is_failure() && check.column.as_ref() == Some(&feature.name)
                });
            Some(drift)
        })
        .collect();
    let p_values: Vec<f64> = judged
        .iter()
        .map(|drift| drift.p_value.unwrap_or(1.0))
        .collect();
    for (drift, q_value) in judged.iter_mut().zip(benjamini_hochberg(&p_values)) {
        drift.q_value = Some(q_value);
        decide(drift);
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

/// Whether a column whose figures are known has drifted.
pub(crate) fn decide(drift: &mut FeatureDrift) {
    let is_no_chance = drift.q_value.is_some_and(|q_value| q_value <= FALSE_SHARE);
    drift.drifted = !drift.suppressed && drift.value > drift.threshold && is_no_chance;
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
                    Some((sample.mean()?, mean)).filter(|_| mean.is_finite()),
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
    use trimtab_types::DatasetVersionId;

    use super::*;
    use crate::{EndpointReference, Severity};

    fn batch(prefix: &str, columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        let named = columns
            .into_iter()
            .map(|(name, array)| (format!("{prefix}{name}"), array));
        RecordBatch::try_from_iter(named).unwrap()
    }

    fn columns(values: impl Fn(usize) -> f64, rows: usize) -> Vec<(&'static str, ArrayRef)> {
        let texts = (0..rows).map(|i| ["a", "b", "c"][(i * 7) % 3]);
        vec![
            (
                "x",
                Arc::new((0..rows).map(values).collect::<Float64Array>()),
            ),
            ("text", Arc::new(StringArray::from_iter_values(texts))),
            (
                "key",
                Arc::new(StringArray::from_iter_values(
                    (0..rows).map(|i| i.to_string()),
                )),
            ),
            (
                "number",
                Arc::new(Int64Array::from_iter_values(
                    0..i64::try_from(rows).unwrap(),
                )),
            ),
            ("constant", Arc::new(Float64Array::from(vec![5.0; rows]))),
            ("empty", Arc::new(Float64Array::new_null(rows))),
        ]
    }

    fn learned(values: impl Fn(usize) -> f64) -> Learned {
        Learned::new(&EndpointReference {
            model_version: 1,
            dataset: DatasetVersionId::new(),
            batches: Arc::new(vec![batch("", columns(values, 3000))]),
            label: None,
            baseline: None,
            importances: Some(vec![("x".to_owned(), 3.0), ("text".to_owned(), 1.0)]),
        })
    }

    fn wave(i: usize) -> f64 {
        ((i * 7919) % 1009) as f64 / 100.0
    }

    #[test]
    fn keys_and_empty_columns_are_no_features() {
        let judged = features(
            &learned(wave),
            &[batch("in.", columns(wave, 500))],
            &[],
            &[],
        );
        let mut names: Vec<&str> = judged.iter().map(|drift| drift.column.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["constant", "text", "x"]);
        assert!(judged.iter().all(|drift| !drift.drifted), "{judged:#?}");
        let importance = |name: &str| {
            judged
                .iter()
                .find(|drift| drift.column == name)
                .unwrap()
                .importance
        };
        assert_eq!(
            (importance("x"), importance("text"), importance("constant")),
            (Some(0.75), Some(0.25), None)
        );
    }

    #[test]
    fn what_moved_comes_first_and_a_failed_check_suppresses_it() {
        let learned = learned(wave);
        let window = [batch("in.", columns(|i| wave(i) + 5.0, 500))];
        let judged = features(&learned, &window, &[], &[]);
        assert!(judged[0].column == "x" && judged[0].drifted, "{judged:#?}");
        let (before, now) = judged[0].means.unwrap();
        assert!((now - before - 5.0).abs() < 0.2);
        assert!(!features(&learned, &window, &[], &["x".to_owned()])[0].drifted);
        let check = |severity| WindowCheck {
            check: "unit".to_owned(),
            column: Some("x".to_owned()),
            severity,
            passed: false,
            observed: String::new(),
            expected: String::new(),
            message: String::new(),
        };
        let judged = features(&learned, &window, &[check(Severity::Error)], &[]);
        let x = judged.iter().find(|drift| drift.column == "x").unwrap();
        assert!(x.suppressed && !x.drifted);
        // Numbers beyond what the reference reached are what drift looks like.
        let judged = features(&learned, &window, &[check(Severity::Warning)], &[]);
        assert!(judged[0].column == "x" && judged[0].drifted && !judged[0].suppressed);
    }

    #[test]
    fn few_rows_say_nothing() {
        assert!(features(&learned(wave), &[batch("in.", columns(wave, 99))], &[], &[]).is_empty());
        assert!(features(&learned(wave), &[], &[], &[]).is_empty());
    }

    #[test]
    fn numbers_without_end_are_survived_and_what_is_told_can_be_stored() {
        let extremes = [f64::MAX, f64::MIN, f64::INFINITY, f64::NAN, 0.0, 5e-324];
        for (reference, window) in [
            (learned(wave), columns(|i| extremes[i % 6], 500)),
            (learned(|i| extremes[i % 6]), columns(wave, 500)),
            (
                learned(|i| extremes[i % 6]),
                columns(|i| extremes[i % 6], 500),
            ),
            (learned(wave), columns(|_| f64::NAN, 500)),
        ] {
            let judged = features(&reference, &[batch("in.", window)], &[], &[]);
            let text = serde_json::to_string(&judged).unwrap();
            assert_eq!(
                serde_json::from_str::<Vec<FeatureDrift>>(&text).unwrap(),
                judged
            );
        }
    }
}
