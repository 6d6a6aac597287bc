//! An estimate with its interval.

use serde::{Deserialize, Serialize};

use crate::{
    metrics::is_positive,
    tail::{normal_quantile, student_two_sided},
};

/// An estimate with a confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The point estimate.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The probability with which such an interval covers the truth, such as 0.95.
    pub confidence: f64,
}

impl Interval {
    /// Whether the interval covers a value.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Half of the width.
    pub fn margin(&self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// The two-sided normal quantile of a confidence (0.95 gives 1.96).
pub(crate) fn z_of(confidence: f64) -> f64 {
    normal_quantile(0.5 + confidence.clamp(0.0, 1.0 - 1e-12) / 2.0)
}

/// Student's interval of a mean (Student, Biometrika 6, 1908). `None` for fewer than two values.
pub fn mean_interval(values: &[f64], confidence: f64) -> Option<Interval> {
    let n = values.len() as f64;
    if values.len() < 2 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    let variance = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / (n - 1.0);
    let margin = student_quantile(confidence, n - 1.0) * (variance / n).sqrt();
    Some(Interval {
        estimate: mean,
        low: mean - margin,
        high: mean + margin,
        confidence,
    })
}

/// The t with P(|T| <= t) = confidence, by bisection.
fn student_quantile(confidence: f64, degrees: f64) -> f64 {
    let outside = 1.0 - confidence.clamp(0.0, 1.0 - 1e-12);
    let (mut low, mut high) = (0.0, 2.0);
    while student_two_sided(high, degrees) > outside && high < 1e14 {
        high *= 2.0;
    }
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if student_two_sided(middle, degrees) > outside {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The area under the ROC curve with DeLong's variance (DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988),
/// computed by midranks (Sun and Xu, IEEE Signal Processing Letters 21, 2014) and put on the logit scale so that
/// the interval stays inside \[0, 1\]. `None` unless both classes have two rows.
pub fn roc_auc_interval(labels: &[f64], scores: &[f64], confidence: f64) -> Option<Interval> {
    let auc = crate::roc_auc(labels, scores)?;
    let (positive, negative): (Vec<_>, Vec<_>) = labels
        .iter()
        .zip(scores)
        .partition(|(label, _)| is_positive(**label));
    let positive: Vec<f64> = positive.into_iter().map(|(_, &score)| score).collect();
    let negative: Vec<f64> = negative.into_iter().map(|(_, &score)| score).collect();
    if positive.len() < 2 || negative.len() < 2 {
        return None;
    }
    let variance = placement_variance(&positive, &negative, auc) / positive.len() as f64
        + placement_variance(&negative, &positive, 1.0 - auc) / negative.len() as f64;
    let z = z_of(confidence);
    if auc <= 0.0 || auc >= 1.0 || variance <= 0.0 {
        // Perfect separation: DeLong says zero width; Wilson on the smaller class is honest.
        let rows = positive.len().min(negative.len()) as u64;
        let hits = if auc >= 0.5 { rows } else { 0 };
        let wilson = crate::wilson(hits, rows, confidence)?;
        return Some(Interval {
            estimate: auc,
            ..wilson
        });
    }
    let logit = (auc / (1.0 - auc)).ln();
    let margin = z * variance.sqrt() / (auc * (1.0 - auc));
    let back = |x: f64| 1.0 / (1.0 + (-x).exp());
    Some(Interval {
        estimate: auc,
        low: back(logit - margin),
        high: back(logit + margin),
        confidence,
    })
}

/// Variance over `of` of the share of `against` that lies below each (ties half).
fn placement_variance(of: &[f64], against: &[f64], mean: f64) -> f64 {
    let mut sorted = against.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let total = against.len() as f64;
    let squares: f64 = of
        .iter()
        .map(|score| {
            let below = sorted.partition_point(|other| other < score) as f64;
            let not_above = sorted.partition_point(|other| other <= score) as f64;
            (f64::midpoint(below, not_above) / total - mean).powi(2)
        })
        .sum();
    squares / (of.len() as f64 - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_interval_is_students() {
        // scipy.stats.t.interval(0.95, 4, loc=3, scale=sem([1..5]))
        let interval = mean_interval(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.95).unwrap();
        assert!(
            (interval.low - 1.036_756_838_522_439).abs() < 1e-9,
            "{interval:?}"
        );
        assert!((interval.high - 4.963_243_161_477_561).abs() < 1e-9);
        assert!(mean_interval(&[1.0], 0.95).is_none());
    }

    #[test]
    fn auc_interval_surrounds_the_auc() {
        let labels: Vec<f64> = (0..400).map(|i| f64::from(u8::from(i % 4 == 0))).collect();
        let scores: Vec<f64> = (0..400_u32)
            .zip(&labels)
            .map(|(i, label)| f64::from((i * 37) % 101) / 101.0 + label * 0.2)
            .collect();
        let interval = roc_auc_interval(&labels, &scores, 0.95).unwrap();
        assert!(interval.low < interval.estimate && interval.estimate < interval.high);
        assert!((0.03..0.08).contains(&interval.margin()), "{interval:?}");
        let perfect = roc_auc_interval(&[0.0, 0.0, 1.0, 1.0], &[0.1, 0.2, 0.8, 0.9], 0.95).unwrap();
        assert!((perfect.estimate - 1.0).abs() < 1e-12 && perfect.low < 0.5);
    }
}
