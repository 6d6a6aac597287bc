//! The gate: may the challenger replace the champion? Both are scored on the same frozen, labelled window that
//! neither was trained on. Pure; ties keep the champion.

use serde::{Deserialize, Serialize};
use trimtab_monitor::Baseline;
use trimtab_stats::{Interval, paired_bootstrap, roc_auc, roc_auc_interval};

use crate::paired::{PairedRow, is_zero_or_one};

/// Bootstrap replicates; the interval's ends move by about a hundredth of its width with this many.
const REPLICATES: u32 = 2_000;
/// Labelled rows below which the gate does not judge.
pub(crate) const MIN_ROWS: usize = 300;
/// Least distance of the window's share of positive labels from the training data's that is called unbalanced.
const MIN_BALANCE_GAP: f64 = 0.2;
/// Standard deviations of the training data's own windows that the window may lie away.
const BALANCE_DEVIATIONS: f64 = 4.0;
/// Probabilities are clipped this far from 0 and 1 before the logarithm.
const CLIP: f64 = 1e-6;

/// What the gate looks at.
#[derive(Debug, Clone, PartialEq)]
pub struct GateInput {
    /// The frozen window's labelled rows, ordered; `champion` is all `None` when there is no champion.
    pub rows: Vec<PairedRow>,
    /// Whether there is a champion to compare with.
    pub has_champion: bool,
    /// Mean label of the training data in consecutive spans as long as the window.
    pub training_label_means: Vec<f64>,
    /// Seed of the bootstrap.
    pub seed: u64,
}

/// One check of the gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateCheck {
    /// `rows`, `label_balance`, `labels_agree`, `scores`, `loss`.
    pub name: String,
    /// Whether it passed.
    pub passed: bool,
    /// What was seen, with numbers.
    pub message: String,
}

/// What the gate says, with everything needed to show why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// Whether the challenger may go on.
    pub passed: bool,
    /// One sentence.
    pub reason: String,
    /// Its checks.
    pub checks: Vec<GateCheck>,
    /// Labelled rows compared.
    pub rows: u64,
    /// The loss that was compared.
    pub metric: String,
    /// Mean loss of the champion.
    pub champion: Option<f64>,
    /// Mean loss of the challenger.
    pub challenger: Option<f64>,
    /// Challenger minus champion, 95 % paired bootstrap over requests.
    pub difference: Option<Interval>,
    /// Area under the ROC curve of both, for 0/1 labels.
    pub champion_auc: Option<f64>,
    /// The challenger's.
    pub challenger_auc: Option<f64>,
    /// How well the challenger should do in production: how well it did here.
    #[serde(default)]
    pub expected: Option<Baseline>,
}

/// Judges a challenger.
pub fn judge(input: &GateInput) -> GateReport {
    let labelled: Vec<&PairedRow> = input
        .rows
        .iter()
        .filter(|row| row.label.is_some())
        .collect();
    let labels: Vec<f64> = labelled.iter().filter_map(|row| row.label).collect();
    let is_binary = labels.iter().copied().all(is_zero_or_one);
    let challenger: Vec<Option<f64>> = labelled.iter().map(|row| row.candidate).collect();
    let champion: Vec<Option<f64>> = labelled.iter().map(|row| row.champion).collect();
    let mut report = GateReport {
        passed: false,
        reason: String::new(),
        checks: Vec::new(),
        rows: labels.len() as u64,
        metric: if is_binary {
            "log_loss"
        } else {
            "squared_error"
        }
        .to_owned(),
        champion: None,
        challenger: None,
        difference: None,
        champion_auc: None,
        challenger_auc: None,
        expected: None,
    };
    let unscored = challenger
        .iter()
        .filter(|score| score.is_none_or(|score| !score.is_finite()))
        .count();
    report.checks.push(check(
        "scores",
        unscored == 0,
        format!(
            "the challenger left {unscored} of {} rows without a finite score",
            labels.len()
        ),
    ));
    if !input.has_champion {
        return finish(report, "it is the endpoint's first revision");
    }
    report.checks.push(check(
        "rows",
        labels.len() >= MIN_ROWS,
        format!(
            "{} labelled rows in the evaluation window, {MIN_ROWS} needed",
            labels.len()
        ),
    ));
    if labels.len() < MIN_ROWS || unscored > 0 {
        return finish(report, "");
    }
    report.checks.push(label_balance(
        &labels,
        &input.training_label_means,
        is_binary,
    ));
    let scores = |scores: &[Option<f64>]| -> Vec<f64> {
        scores
            .iter()
            .map(|score| score.unwrap_or(f64::NAN))
            .collect()
    };
    let (old, new) = (scores(&champion), scores(&challenger));
    if is_binary {
        report.champion_auc = roc_auc(&labels, &old);
        report.challenger_auc = roc_auc(&labels, &new);
        report.checks.extend(labels_agree(&labels, &old));
    }
    let loss = |score: f64, label: f64| {
        if !score.is_finite() {
            f64::NAN
        } else if is_binary {
            let p = score.clamp(CLIP, 1.0 - CLIP);
            -(label * p.ln() + (1.0 - label) * (1.0 - p).ln())
        } else {
            (score - label).powi(2)
        }
    };
    // A row that the champion could not score says nothing about the difference.
    let mut losses_old = Vec::new();
    let mut losses_new = Vec::new();
    let mut units = Vec::new();
    let mut unit_of = std::collections::HashMap::new();
    for (i, row) in labelled.iter().enumerate() {
        let (a, b) = (loss(old[i], labels[i]), loss(new[i], labels[i]));
        if a.is_finite() && b.is_finite() {
            losses_old.push(a);
            losses_new.push(b);
            let next = unit_of.len() as u64;
            units.push(*unit_of.entry(row.unit.as_str()).or_insert(next));
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    report.champion = Some(mean(&losses_old));
    report.challenger = Some(mean(&losses_new));
    let Some(difference) =
        paired_bootstrap(&losses_new, &losses_old, &units, input.seed, REPLICATES)
    else {
        report.checks.push(check(
            "loss",
            false,
            "no row could be scored by both".to_owned(),
        ));
        return finish(report, "");
    };
    report.checks.push(check(
        "loss",
        difference.high < 0.0,
        format!(
            "{} of the challenger minus the champion's: {:+.5} (95 % interval {:+.5} to {:+.5}, {} rows)",
            report.metric,
            difference.estimate,
            difference.low,
            difference.high,
            losses_old.len()
        ),
    ));
    report.difference = Some(difference);
    finish(
        report,
        "it is better than the champion on the frozen window",
    )
}

fn check(name: &str, passed: bool, message: String) -> GateCheck {
    GateCheck {
        name: name.to_owned(),
        passed,
        message,
    }
}

fn finish(mut report: GateReport, praise: &str) -> GateReport {
    let failed = report.checks.iter().find(|check| !check.passed);
    report.passed = failed.is_none();
    report.reason = match failed {
        Some(check) => format!("{}: {}", check.name, check.message),
        None => praise.to_owned(),
    };
    report
}

/// Labels that were flipped, filled with one value or joined to the wrong rows move the window's mean label far
/// outside of what consecutive spans of the training data show.
fn label_balance(labels: &[f64], training: &[f64], is_binary: bool) -> GateCheck {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let window = mean(labels);
    if training.is_empty() {
        return check(
            "label_balance",
            true,
            "no labelled training data to compare with".to_owned(),
        );
    }
    let center = mean(training);
    let variance = mean(
        &training
            .iter()
            .map(|value| (value - center).powi(2))
            .collect::<Vec<_>>(),
    );
    let floor = if is_binary { MIN_BALANCE_GAP } else { 0.0 };
    let allowed = (BALANCE_DEVIATIONS * variance.sqrt()).max(floor);
    let is_judged = is_binary || training.len() > 1;
    check(
        "label_balance",
        !is_judged || (window - center).abs() <= allowed,
        format!(
            "mean label {window:.3} in the window, {center:.3} in the training data (allowed distance {allowed:.3})"
        ),
    )
}

/// A champion that ranks significantly worse than chance on the window says that the labels are wrong, not that
/// it suddenly learned the opposite.
fn labels_agree(labels: &[f64], champion: &[f64]) -> Option<GateCheck> {
    let auc = roc_auc_interval(labels, champion, 0.999)?;
    Some(check(
        "labels_agree",
        auc.high >= 0.5,
        format!(
            "the champion's area under the ROC curve on the window is {:.3} (99.9 % interval {:.3} to {:.3})",
            auc.estimate, auc.low, auc.high
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(n: usize, flip_labels: bool, candidate: impl Fn(f64, usize) -> f64) -> GateInput {
        let rows = (0..n)
            .map(|i| {
                let positive = (i * 7919) % 10 < 2;
                let champion = if positive { 0.3 } else { 0.2 } + ((i * 31) % 11) as f64 * 0.02;
                let label = f64::from(u8::from(positive != flip_labels));
                PairedRow {
                    unit: (i / 2).to_string(),
                    champion: Some(champion),
                    candidate: Some(candidate(champion, i)),
                    label: Some(label),
                }
            })
            .collect();
        GateInput {
            rows,
            has_champion: true,
            training_label_means: vec![0.18, 0.2, 0.25],
            seed: 0,
        }
    }

    fn failed(report: &GateReport) -> Vec<&str> {
        report
            .checks
            .iter()
            .filter(|check| !check.passed)
            .map(|check| check.name.as_str())
            .collect()
    }

    #[test]
    fn a_better_challenger_passes_and_a_tie_keeps_the_champion() {
        let better = judge(&input(1_000, false, |champion, i| {
            if (i * 7919) % 10 < 2 {
                champion + 0.1
            } else {
                champion - 0.1
            }
        }));
        assert!(better.passed, "{}", better.reason);
        assert_eq!(
            failed(&judge(&input(1_000, false, |champion, _| champion))),
            ["loss"]
        );
    }

    #[test]
    fn flipped_labels_are_refused_wherever_they_were_flipped() {
        let trained_on_flipped = judge(&input(1_000, false, |champion, _| 1.0 - champion));
        assert_eq!(failed(&trained_on_flipped), ["loss"]);
        let window_flipped = judge(&input(1_000, true, |champion, _| 1.0 - champion));
        assert_eq!(failed(&window_flipped), ["label_balance", "labels_agree"]);
    }

    #[test]
    fn too_few_rows_and_missing_scores_are_refused_by_name() {
        assert_eq!(
            failed(&judge(&input(100, false, |champion, _| champion))),
            ["rows"]
        );
        assert_eq!(
            failed(&judge(&input(400, false, |_, _| f64::NAN))),
            ["scores"]
        );
    }

    #[test]
    fn the_first_revision_needs_only_finite_scores() {
        let mut first = input(10, false, |champion, _| champion);
        first.has_champion = false;
        assert!(judge(&first).passed);
    }
}
