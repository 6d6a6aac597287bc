//! How well the champion does, from additive state: each window keeps counts by score and class and sums of losses, so
//! that any stretch of windows is judged without reading its rows again.

use std::collections::BTreeMap;

use trimtab_stats::{Interval, Metric, mean_interval};

use crate::{Baseline, Performance};

mod bytes;

pub(crate) use bytes::BytesError;

const CONFIDENCE: f64 = 0.95;
const Z: f64 = 1.959_963_984_540_054;
/// A stretch is so many windows, and more where they have few rows.
pub(crate) const STRETCH: usize = 7;
/// Rows with an outcome that a stretch should have.
pub(crate) const STRETCH_ROWS: u64 = 300;
/// Fewer rows with an outcome say nothing.
const FEWEST_ROWS: u64 = 100;
/// From so many windows on, their scatter counts beside the scatter of rows.
const FEWEST_WINDOWS: usize = 4;
/// A drop smaller than this is none: 0.02 of a share (AUC, accuracy), 5% of a loss.
const LEAST_SHARE: f64 = 0.02;
const LEAST_LOSS: f64 = 0.05;

/// Outcomes and scores of one window, or of several.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Scored {
    rows: u64,
    /// Whether every label was 0 or 1.
    is_binary: bool,
    /// Score cell, negatives, positives. A cell is a score to one part in 512.
    cells: Vec<(u32, u64, u64)>,
    /// Sum and sum of squares of the row losses, in the order of [`Scored::METRICS`].
    losses: Vec<(f64, f64)>,
}

impl Scored {
    const METRICS: [Metric; 5] = [
        Metric::LogLoss,
        Metric::Brier,
        Metric::Accuracy,
        Metric::Rmse,
        Metric::Mae,
    ];

    /// The state of these rows; those without an outcome or a score are left out.
    pub(crate) fn new(labels: &[f64], scores: &[f64]) -> Self {
        let rows: Vec<(f64, f64)> = labels
            .iter()
            .zip(scores)
            .filter(|(label, score)| label.is_finite() && score.is_finite())
            .map(|(&label, &score)| (label, score))
            .collect();
        let is_binary = rows.iter().all(|(label, _)| is_class(*label));
        let mut cells: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        if is_binary {
            for &(label, score) in &rows {
                let cell = cells.entry(cell(score)).or_default();
                if label > 0.5 {
                    cell.1 += 1;
                } else {
                    cell.0 += 1;
                }
            }
        }
        let losses = Self::METRICS
            .iter()
            .map(|metric| {
                rows.iter()
                    .filter_map(|&(label, score)| metric.row_loss(label, score))
                    .fold((0.0, 0.0), |(sum, squares), loss| {
                        (sum + loss, loss.mul_add(loss, squares))
                    })
            })
            .collect();
        Self {
            rows: rows.len() as u64,
            is_binary,
            cells: cells
                .into_iter()
                .map(|(cell, (no, yes))| (cell, no, yes))
                .collect(),
            losses,
        }
    }

    /// How many rows.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// The state of several windows together.
    pub(crate) fn merged<'a>(states: impl Iterator<Item = &'a Self>) -> Self {
        let mut whole = Self {
            is_binary: true,
            losses: vec![(0.0, 0.0); 5],
            ..Self::default()
        };
        let mut cells: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        for state in states.filter(|state| state.rows > 0) {
            whole.rows += state.rows;
            whole.is_binary &= state.is_binary;
            for &(cell, no, yes) in &state.cells {
                let sum = cells.entry(cell).or_default();
                *sum = (sum.0 + no, sum.1 + yes);
            }
            for (sum, more) in whole.losses.iter_mut().zip(&state.losses) {
                *sum = (sum.0 + more.0, sum.1 + more.1);
            }
        }
        if whole.is_binary {
            whole.cells = cells
                .into_iter()
                .map(|(cell, (no, yes))| (cell, no, yes))
                .collect();
        }
        whole
    }

    /// The metrics that fit the labels, the leading one first.
    fn metrics(&self, baseline: Option<&Baseline>) -> Vec<Metric> {
        let mut metrics = if self.is_binary {
            vec![Metric::RocAuc, Metric::LogLoss, Metric::Brier]
        } else {
            vec![Metric::Rmse, Metric::Mae]
        };
        if let Some(leading) = baseline.and_then(|baseline| baseline.metric.parse::<Metric>().ok())
            && (self.is_binary || !leading.is_binary())
        {
            metrics.retain(|metric| *metric != leading);
            metrics.insert(0, leading);
        }
        metrics
    }

    /// A metric with the interval that rows drawn independently would give; `None` where it is not a number.
    fn interval(&self, metric: Metric) -> Option<Interval> {
        self.any_interval(metric).filter(|interval| {
            interval.estimate.is_finite() && interval.low.is_finite() && interval.high.is_finite()
        })
    }

    fn any_interval(&self, metric: Metric) -> Option<Interval> {
        if self.rows < FEWEST_ROWS {
            return None;
        }
        if metric == Metric::RocAuc {
            return self.auc(Z);
        }
        let place = Self::METRICS.iter().position(|known| *known == metric)?;
        let &(sum, squares) = self.losses.get(place)?;
        let n = self.rows as f64;
        let mean = sum / n;
        let error = ((squares / n - mean * mean).max(0.0) / n).sqrt();
        let (low, high) = (Z.mul_add(-error, mean), Z.mul_add(error, mean));
        Some(match metric {
            Metric::Rmse => Interval {
                estimate: mean.sqrt(),
                low: low.max(0.0).sqrt(),
                high: high.sqrt(),
                confidence: CONFIDENCE,
            },
            Metric::Accuracy => Interval {
                estimate: 1.0 - mean,
                low: 1.0 - high,
                high: 1.0 - low,
                confidence: CONFIDENCE,
            },
            Metric::RocAuc | Metric::LogLoss | Metric::Brier | Metric::Mae => Interval {
                estimate: mean,
                low,
                high,
                confidence: CONFIDENCE,
            },
        })
    }

    /// The area under the ROC curve with DeLong's variance (see [`trimtab_stats::roc_auc_interval`]), scores of one cell
    /// being tied; `z` standard deviations to either side. `None` for few rows, or labels that are not 0 and 1.
    pub(crate) fn auc(&self, z: f64) -> Option<Interval> {
        if !self.is_binary || self.rows < FEWEST_ROWS {
            return None;
        }
        let negatives: f64 = self.cells.iter().map(|cell| cell.1 as f64).sum();
        let positives: f64 = self.cells.iter().map(|cell| cell.2 as f64).sum();
        if negatives < 2.0 || positives < 2.0 {
            return None;
        }
        let (mut below, mut auc, mut of_positives, mut of_negatives) = ((0.0, 0.0), 0.0, 0.0, 0.0);
        for &(_, no, yes) in &self.cells {
            let (no, yes) = (no as f64, yes as f64);
            // Share of negatives under a positive of this cell, and of positives over a negative of it.
            let placed = (below.0 + no / 2.0) / negatives;
            let over = 1.0 - (below.1 + yes / 2.0) / positives;
            auc += yes * placed / positives;
            of_positives += yes * placed * placed;
            of_negatives += no * over * over;
            below = (below.0 + no, below.1 + yes);
        }
        let variance = |squares: f64, n: f64| ((squares - n * auc * auc) / (n - 1.0)).max(0.0) / n;
        let error = (variance(of_positives, positives) + variance(of_negatives, negatives)).sqrt();
        Some(Interval {
            estimate: auc,
            low: z.mul_add(-error, auc).max(0.0),
            high: z.mul_add(error, auc).min(1.0),
            confidence: CONFIDENCE,
        })
    }
}

/// Whether a label is exactly 0 or 1.
fn is_class(label: f64) -> bool {
    [0.0_f64, -0.0, 1.0]
        .iter()
        .any(|class| class.to_bits() == label.to_bits())
}

/// The first 9 bits of a score's mantissa with its exponent and sign, ordered as the scores are.
fn cell(score: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "single precision is more than a cell keeps"
    )]
    let bits = (score as f32 + 0.0).to_bits();
    let ordered = if bits >> 31 == 0 {
        bits | 1 << 31
    } else {
        !bits
    };
    ordered >> 14
}

/// The performance of a window by every metric that fits its labels, the leading one first.
pub(crate) fn of_window(scored: &Scored, baseline: Option<&Baseline>) -> Vec<Performance> {
    scored
        .metrics(baseline)
        .into_iter()
        .filter_map(|metric| {
            let interval = scored.interval(metric)?;
            Some(performance(metric, interval, baseline, scored.rows))
        })
        .collect()
}

fn performance(
    metric: Metric,
    interval: Interval,
    baseline: Option<&Baseline>,
    rows: u64,
) -> Performance {
    Performance {
        metric: metric.as_str().to_owned(),
        value: interval.estimate,
        low: interval.low,
        high: interval.high,
        baseline: baseline
            .filter(|base| base.metric == metric.as_str())
            .map(|base| base.value),
        rows,
    }
}

/// The performance over a stretch of windows by the leading metric, and whether it is worse than expected. Outcomes of one
/// window go together (a storm delays everybody), so the interval is the wider of that of rows and Student's interval of
/// the windows' own values.
pub(crate) fn of_stretch(
    windows: &[&Scored],
    baseline: Option<&Baseline>,
) -> Option<(Performance, bool)> {
    let whole = Scored::merged(windows.iter().copied());
    let metric = *whole.metrics(baseline).first()?;
    let mut interval = whole.interval(metric)?;
    let values: Vec<f64> = windows
        .iter()
        .filter_map(|scored| scored.interval(metric))
        .map(|interval| interval.estimate)
        .collect();
    if values.len() >= FEWEST_WINDOWS
        && let Some(scatter) = mean_interval(&values, CONFIDENCE)
    {
        let margin = scatter.margin();
        interval.low = interval.low.min(interval.estimate - margin);
        interval.high = interval.high.max(interval.estimate + margin);
    }
    let stretch = performance(metric, interval, baseline, whole.rows);
    // One bad day is no stretch.
    let is_worse = windows.len() >= FEWEST_WINDOWS
        && baseline.is_some_and(|baseline| is_worse(&stretch, baseline, metric));
    Some((stretch, is_worse))
}

/// Whether the drop is more than the least, and more than chance: the margins of both intervals, independent of each other,
/// add up as squares.
fn is_worse(stretch: &Performance, baseline: &Baseline, metric: Metric) -> bool {
    if baseline.metric != metric.as_str() {
        return false;
    }
    let (drop, margins, least) = if metric.higher_is_better() {
        (
            baseline.value - stretch.value,
            (stretch.high - stretch.value, baseline.value - baseline.low),
            LEAST_SHARE,
        )
    } else {
        (
            stretch.value - baseline.value,
            (stretch.value - stretch.low, baseline.high - baseline.value),
            LEAST_LOSS * baseline.value,
        )
    };
    drop > margins.0.hypot(margins.1).max(least)
}

/// The leading metric of a window, as far as it goes into [`learn_baseline`].
pub(crate) fn leading(scored: &Scored) -> Option<(Metric, f64)> {
    let metric = *scored.metrics(None).first()?;
    Some((metric, scored.interval(metric)?.estimate))
}

/// What to expect when nobody said: the leading metric's mean over the first windows, once there are a few.
pub(crate) fn learn_baseline(first: &[(Metric, f64)]) -> Option<Baseline> {
    let (metric, _) = *first.first()?;
    let values: Vec<f64> = first
        .iter()
        .filter(|(known, _)| *known == metric)
        .map(|(_, value)| *value)
        .collect();
    if values.len() < FEWEST_WINDOWS {
        return None;
    }
    let interval = mean_interval(&values, CONFIDENCE)?;
    Some(Baseline {
        metric: metric.as_str().to_owned(),
        value: interval.estimate,
        low: interval.low,
        high: interval.high,
    })
}

#[cfg(test)]
mod tests;
