//! How good predictions were, once the truth is known.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Probabilities are kept this far from 0 and 1 before a logarithm is taken.
const CLIP: f64 = 1e-15;

/// A metric of the house, with its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Metric {
    /// Area under the ROC curve; labels 0/1.
    RocAuc,
    /// Mean negative log likelihood; labels 0/1.
    LogLoss,
    /// Mean squared distance of the probability from the label; labels 0/1.
    Brier,
    /// Share of rows on the right side of 0.5; labels 0/1.
    Accuracy,
    /// Root of the mean squared error; labels are numbers.
    Rmse,
    /// Mean absolute error; labels are numbers.
    Mae,
}

/// The text names no metric.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a metric: use roc_auc, log_loss, brier, accuracy, rmse or mae")]
pub struct UnknownMetric(pub String);

impl Metric {
    const ALL: [Self; 6] = [
        Self::RocAuc,
        Self::LogLoss,
        Self::Brier,
        Self::Accuracy,
        Self::Rmse,
        Self::Mae,
    ];

    /// The spelling in files and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RocAuc => "roc_auc",
            Self::LogLoss => "log_loss",
            Self::Brier => "brier",
            Self::Accuracy => "accuracy",
            Self::Rmse => "rmse",
            Self::Mae => "mae",
        }
    }

    /// Whether a greater value is a better one.
    pub fn higher_is_better(self) -> bool {
        matches!(self, Self::RocAuc | Self::Accuracy)
    }

    /// Whether the labels must be 0 and 1.
    pub fn is_binary(self) -> bool {
        !matches!(self, Self::Rmse | Self::Mae)
    }

    /// The metric of these rows; `None` where it is not defined (no rows, one class only for [`Self::RocAuc`]).
    /// Labels of binary metrics count as positive from 0.5 upward.
    pub fn of(self, labels: &[f64], scores: &[f64]) -> Option<f64> {
        match self {
            Self::RocAuc => roc_auc(labels, scores),
            Self::LogLoss => log_loss(labels, scores),
            Self::Brier => brier(labels, scores),
            Self::Accuracy => accuracy(labels, scores),
            Self::Rmse => rmse(labels, scores),
            Self::Mae => mae(labels, scores),
        }
    }

    /// The loss of one row, for the metrics that are means of one (all but [`Self::RocAuc`]; [`Self::Rmse`]
    /// answers the squared error). Smaller is better.
    pub fn row_loss(self, label: f64, score: f64) -> Option<f64> {
        match self {
            Self::RocAuc => None,
            Self::LogLoss => Some(log_loss_of(label, score)),
            Self::Brier | Self::Rmse => Some((score - label).powi(2)),
            Self::Accuracy => Some(f64::from(u8::from((score >= 0.5) != is_positive(label)))),
            Self::Mae => Some((score - label).abs()),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(text: &str) -> Result<Self, UnknownMetric> {
        Self::ALL
            .into_iter()
            .find(|metric| metric.as_str() == text)
            .ok_or_else(|| UnknownMetric(text.to_owned()))
    }
}

impl TryFrom<String> for Metric {
    type Error = UnknownMetric;

    fn try_from(text: String) -> Result<Self, UnknownMetric> {
        text.parse()
    }
}

impl From<Metric> for String {
    fn from(metric: Metric) -> Self {
        metric.as_str().to_owned()
    }
}

pub(crate) fn is_positive(label: f64) -> bool {
    label >= 0.5
}

/// Area under the ROC curve as the normalised Mann-Whitney statistic with midranks for ties (Hanley and McNeil,
/// Radiology 143, 1982). `None` unless both classes are present and every score is a number.
pub fn roc_auc(labels: &[f64], scores: &[f64]) -> Option<f64> {
    let n = labels.len().min(scores.len());
    if scores[..n].iter().any(|score| score.is_nan()) {
        return None;
    }
    let mut order: Vec<(f64, bool)> = scores[..n]
        .iter()
        .zip(labels)
        .map(|(&score, &label)| (score, is_positive(label)))
        .collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut wins, mut positives) = (0.0, 0.0, 0.0);
    let mut at = 0;
    while at < n {
        let mut end = at;
        let (mut tied_positive, mut tied_negative) = (0.0, 0.0);
        // `-0.0` and `0.0` are one score: compare by value.
        while end < n && order[end].0 <= order[at].0 {
            if order[end].1 {
                tied_positive += 1.0;
            } else {
                tied_negative += 1.0;
            }
            end += 1;
        }
        wins += tied_positive * (below + tied_negative / 2.0);
        positives += tied_positive;
        below += tied_negative;
        at = end;
    }
    let pairs = positives * below;
    (pairs > 0.0).then(|| wins / pairs)
}

/// The negative log likelihood of one label under one probability of the positive class, clipped to
/// \[1e-15, 1 - 1e-15\] as scikit-learn's `log_loss` did before 1.3, so that one sure mistake costs 34.5, not ∞.
pub fn log_loss_of(label: f64, probability: f64) -> f64 {
    let probability = probability.clamp(CLIP, 1.0 - CLIP);
    if is_positive(label) {
        -probability.ln()
    } else {
        -(1.0 - probability).ln()
    }
}

/// Mean of [`log_loss_of`].
pub fn log_loss(labels: &[f64], probabilities: &[f64]) -> Option<f64> {
    mean(labels, probabilities, log_loss_of)
}

/// Brier score: mean squared distance of the probability from the outcome (Brier, Monthly Weather Review 78, 1950).
pub fn brier(labels: &[f64], probabilities: &[f64]) -> Option<f64> {
    mean(labels, probabilities, |label, p| {
        (p - f64::from(u8::from(is_positive(label)))).powi(2)
    })
}

/// Share of rows whose probability lies on the label's side of 0.5.
pub fn accuracy(labels: &[f64], probabilities: &[f64]) -> Option<f64> {
    mean(labels, probabilities, |label, p| {
        f64::from(u8::from((p >= 0.5) == is_positive(label)))
    })
}

/// Root of the mean squared error.
pub fn rmse(labels: &[f64], predictions: &[f64]) -> Option<f64> {
    mean(labels, predictions, |label, p| (p - label).powi(2)).map(f64::sqrt)
}

/// Mean absolute error.
pub fn mae(labels: &[f64], predictions: &[f64]) -> Option<f64> {
    mean(labels, predictions, |label, p| (p - label).abs())
}

fn mean(labels: &[f64], scores: &[f64], loss: impl Fn(f64, f64) -> f64) -> Option<f64> {
    let n = labels.len().min(scores.len());
    let total: f64 = labels
        .iter()
        .zip(scores)
        .map(|(&label, &score)| loss(label, score))
        .sum();
    (n > 0)
        .then(|| total / n as f64)
        .filter(|mean| mean.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let labels = [0.0, 0.0, 1.0, 1.0];
        let scores = [0.1, 0.4, 0.35, 0.8];
        // scikit-learn's documentation of roc_auc_score, and numpy for the others.
        assert_eq!(roc_auc(&labels, &scores), Some(0.75));
        let close = |a: Option<f64>, b: f64| assert!((a.unwrap() - b).abs() < 1e-12, "{a:?} {b}");
        close(log_loss(&labels, &scores), 0.472_287_953_809_176_15);
        close(brier(&labels, &scores), 0.158_125);
        close(accuracy(&labels, &scores), 0.75);
        close(rmse(&labels, &scores), 0.158_125_f64.sqrt());
        close(mae(&labels, &scores), 0.3375);
    }

    #[test]
    fn ties_count_half_and_one_class_has_no_auc() {
        assert_eq!(roc_auc(&[0.0, 1.0], &[0.5, 0.5]), Some(0.5));
        assert_eq!(roc_auc(&[1.0, 0.0], &[0.0, -0.0]), Some(0.5));
        assert_eq!(roc_auc(&[1.0, 1.0], &[0.1, 0.2]), None);
        assert_eq!(roc_auc(&[], &[]), None);
        assert_eq!(roc_auc(&[0.0, 1.0], &[f64::NAN, 0.2]), None);
        assert_eq!(rmse(&[], &[]), None);
    }

    #[test]
    fn a_sure_mistake_is_finite() {
        assert!((log_loss_of(1.0, 0.0) - 34.538_776_394_910_684).abs() < 1e-9);
    }

    #[test]
    fn names_round_trip() {
        for metric in Metric::ALL {
            assert_eq!(metric.as_str().parse(), Ok(metric));
        }
        assert!("auc".parse::<Metric>().is_err());
    }
}
