//! Guardrails: what a rollout watches, with tests that may be looked at at any time. Pure.
//!
//! Means of bounded per-unit differences are judged by confidence sequences, valid at every look, so that
//! looking often raises no false alarm; the error budget α is shared evenly by the guardrails that may roll
//! back (Bonferroni). Sources: see `trimtab_stats::ConfidenceSequence`.

use serde::{Deserialize, Serialize};
use trimtab_stats::ConfidenceSequence;

use crate::paired::{Loss, PairedRow, unit_means};

/// What a guardrail says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The candidate is no worse than the margin allows.
    Promote,
    /// Not decided yet.
    Hold,
    /// The candidate is worse.
    RollBack,
    /// Not enough evidence to look at.
    TooFew,
    /// The comparison itself is void.
    Invalid,
    /// Shown, and decides nothing.
    Recorded,
}

/// A guardrail as last looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Guardrail {
    /// `quality`, `errors`, `sample_ratio`, `score_shift`, `latency_p50_ms` …
    pub name: String,
    /// What is measured, in words.
    pub metric: String,
    /// The estimate (candidate − champion where it is a difference).
    pub estimate: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// What the interval is held against.
    pub bound: f64,
    /// Units seen.
    pub n: u64,
    /// What it says.
    pub verdict: Verdict,
}

impl Guardrail {
    /// One sentence with the numbers.
    pub fn explain(&self) -> String {
        format!(
            "{} {:+.5} (interval {:+.5} to {:+.5}, bound {:.5}, n = {})",
            self.metric, self.estimate, self.low, self.high, self.bound, self.n
        )
    }
}

/// What the guardrails are told.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// Every row since the rollout began, ordered by event time, row key.
    pub rows: Vec<PairedRow>,
    /// Requests of the current canary step: (answered by the candidate, all), and its share of 10,000.
    pub split: Option<(u64, u64, u32)>,
    /// Median latency in milliseconds of champion and candidate, with the number of candidate requests.
    pub latency_p50_ms: Option<(f64, f64, u64)>,
}

/// The policy's numbers that guardrails need.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Error budget of all guardrails that may roll back.
    pub alpha: f64,
    /// Non-inferiority margin, as a share of the champion's loss.
    pub margin: f64,
    /// Labelled units needed before quality says anything but roll back.
    pub min_labelled: u64,
}

/// A split this unlikely (two-sided) voids the comparison.
const SAMPLE_RATIO_P: f64 = 0.001;
/// Requests scored by both before errors are judged.
const MIN_UNITS: u64 = 100;

/// Looks at everything that was observed.
pub fn judge(observed: &Observed, bounds: &Bounds) -> Vec<Guardrail> {
    let alpha = bounds.alpha / 2.0;
    let mut guardrails = vec![
        quality(&observed.rows, bounds, alpha),
        errors(&observed.rows, alpha),
    ];
    guardrails.extend(observed.split.map(sample_ratio));
    guardrails.extend(score_shift(&observed.rows));
    guardrails.extend(
        observed
            .latency_p50_ms
            .map(|(champion, candidate, n)| Guardrail {
                name: "latency_p50_ms".to_owned(),
                metric: "median latency, candidate minus champion, in milliseconds".to_owned(),
                estimate: candidate - champion,
                low: candidate - champion,
                high: candidate - champion,
                bound: f64::INFINITY,
                n,
                verdict: Verdict::Recorded,
            }),
    );
    for guardrail in &mut guardrails {
        // JSON has no infinity; "no bound" is shown as the largest number.
        guardrail.bound = guardrail.bound.min(f64::MAX);
    }
    guardrails
}

/// The mean with its interval; the whole range while nothing is known or the policy's α cannot be used.
fn sequence(values: &[f64], alpha: f64) -> (f64, f64, f64) {
    let interval = ConfidenceSequence::new(-1.0, 1.0, alpha)
        .ok()
        .and_then(|mut sequence| {
            for value in values {
                sequence.update(*value);
            }
            sequence.interval()
        });
    interval.map_or((0.0, -1.0, 1.0), |interval| {
        (interval.estimate, interval.low, interval.high)
    })
}

fn quality(rows: &[PairedRow], bounds: &Bounds, alpha: f64) -> Guardrail {
    let loss = Loss::for_rows(rows);
    let labelled = || {
        rows.iter().filter_map(|row| {
            let losses = loss.of(row.champion?, row.candidate?, row.label?);
            Some((row.unit.clone(), losses))
        })
    };
    let differences =
        unit_means(labelled().map(|(unit, (champion, candidate))| (unit, candidate - champion)));
    let champion = unit_means(labelled().map(|(unit, (champion, _))| (unit, champion)));
    let n = differences.len() as u64;
    let base = champion.iter().sum::<f64>() / (n.max(1) as f64);
    let bound = bounds.margin * base;
    let (estimate, low, high) = sequence(&differences, alpha);
    let verdict = if n > 0 && low > 0.0 {
        Verdict::RollBack
    } else if n < bounds.min_labelled {
        Verdict::TooFew
    } else if high < bound {
        Verdict::Promote
    } else {
        Verdict::Hold
    };
    let metric = match loss {
        Loss::Brier => "Brier score, candidate minus champion",
        Loss::WorseOfTwo => "share of rows on which the candidate errs more, minus the reverse",
    };
    Guardrail {
        name: "quality".to_owned(),
        metric: metric.to_owned(),
        estimate,
        low,
        high,
        bound,
        n,
        verdict,
    }
}

fn errors(rows: &[PairedRow], alpha: f64) -> Guardrail {
    let failed = |score: &Option<f64>| f64::from(u8::from(score.is_none()));
    let differences = unit_means(rows.iter().map(|row| {
        (
            row.unit.clone(),
            failed(&row.candidate) - failed(&row.champion),
        )
    }));
    let n = differences.len() as u64;
    let (estimate, low, high) = sequence(&differences, alpha);
    let verdict = if n > 0 && low > 0.0 {
        Verdict::RollBack
    } else if n < MIN_UNITS {
        Verdict::TooFew
    } else {
        Verdict::Promote
    };
    Guardrail {
        name: "errors".to_owned(),
        metric: "share of failed requests, candidate minus champion".to_owned(),
        estimate,
        low,
        high,
        bound: 0.0,
        n,
        verdict,
    }
}

fn sample_ratio((candidate, all, weight): (u64, u64, u32)) -> Guardrail {
    let expected = f64::from(weight) / 10_000.0;
    let observed = candidate as f64 / (all.max(1) as f64);
    let counts = [candidate, all.saturating_sub(candidate)];
    let p =
        trimtab_stats::sample_ratio_mismatch(&counts, &[expected, 1.0 - expected]).unwrap_or(1.0);
    let verdict = if all < MIN_UNITS {
        Verdict::Recorded
    } else if p < SAMPLE_RATIO_P {
        Verdict::Invalid
    } else {
        Verdict::Promote
    };
    Guardrail {
        name: "sample_ratio".to_owned(),
        metric: format!("candidate's share of requests against {expected}; p = {p:.4}"),
        estimate: observed,
        low: observed,
        high: observed,
        bound: expected,
        n: all,
        verdict,
    }
}

fn score_shift(rows: &[PairedRow]) -> Option<Guardrail> {
    let shifts: Vec<f64> = rows
        .iter()
        .filter_map(|row| Some((row.candidate? - row.champion?).abs()))
        .collect();
    if shifts.is_empty() {
        return None;
    }
    let n = shifts.len() as u64;
    let estimate = shifts.iter().sum::<f64>() / n as f64;
    let largest = shifts.iter().copied().fold(0.0, f64::max);
    Some(Guardrail {
        name: "score_shift".to_owned(),
        metric: "mean absolute difference of the two scores of a row (high: the largest)"
            .to_owned(),
        estimate,
        low: 0.0,
        high: largest,
        bound: f64::INFINITY,
        n,
        verdict: Verdict::Recorded,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        alpha: 0.05,
        margin: 0.03,
        min_labelled: 100,
    };

    fn rows(n: usize, candidate: impl Fn(f64, f64) -> f64) -> Vec<PairedRow> {
        (0..n)
            .map(|i| {
                let label = f64::from(u8::from(i % 4 == 0));
                let champion = if label > 0.5 { 0.4 } else { 0.2 } + (i % 7) as f64 * 0.02;
                PairedRow {
                    unit: i.to_string(),
                    champion: Some(champion),
                    candidate: Some(candidate(champion, label)),
                    label: Some(label),
                }
            })
            .collect()
    }

    fn verdict(rows: Vec<PairedRow>, name: &str) -> Verdict {
        let observed = Observed {
            rows,
            split: None,
            latency_p50_ms: None,
        };
        judge(&observed, &BOUNDS)
            .into_iter()
            .find(|g| g.name == name)
            .unwrap()
            .verdict
    }

    #[test]
    fn an_equal_candidate_passes_and_an_inverted_one_is_sent_back() {
        assert_eq!(
            verdict(rows(3_000, |champion, _| champion), "quality"),
            Verdict::Promote
        );
        assert_eq!(
            verdict(rows(1_000, |champion, _| 1.0 - champion), "quality"),
            Verdict::RollBack
        );
        assert_eq!(
            verdict(rows(10, |champion, _| champion), "quality"),
            Verdict::TooFew
        );
    }

    #[test]
    fn a_candidate_that_fails_is_sent_back_without_labels() {
        let mut failing = rows(400, |champion, _| champion);
        for row in &mut failing {
            row.label = None;
            row.candidate = None;
        }
        assert_eq!(verdict(failing, "errors"), Verdict::RollBack);
    }

    #[test]
    fn a_split_that_is_not_the_weight_voids_the_comparison() {
        assert_eq!(sample_ratio((500, 1_000, 500)).verdict, Verdict::Invalid);
        assert_eq!(sample_ratio((52, 1_000, 500)).verdict, Verdict::Promote);
    }
}
