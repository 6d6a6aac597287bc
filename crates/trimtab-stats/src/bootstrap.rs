//! Bootstrap intervals that resample clusters, from a seed.

use std::collections::HashMap;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use crate::{Interval, Metric};

const CONFIDENCE: f64 = 0.95;

/// The 95% percentile interval of the mean paired difference `loss_a - loss_b` per row, resampling whole clusters
/// (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 8 and 13; clusters as Field and Welsh,
/// JRSS B 69, 2007). Rows of one cluster (`clusters[i]` equal) always stay together; when `clusters` is empty
/// every row is its own. A positive estimate says that `b` loses less. The same arguments give the same interval.
/// `None` without rows, or when a loss is not finite.
pub fn paired_bootstrap(
    loss_a: &[f64],
    loss_b: &[f64],
    clusters: &[u64],
    seed: u64,
    replicates: u32,
) -> Option<Interval> {
    let n = loss_a.len().min(loss_b.len());
    let groups = group(n, clusters);
    let sums: Vec<(f64, f64)> = groups
        .iter()
        .map(|rows| {
            (
                rows.iter().map(|&i| loss_a[i] - loss_b[i]).sum(),
                rows.len() as f64,
            )
        })
        .collect();
    bootstrap(sums.len(), seed, replicates, CONFIDENCE, |chosen| {
        let (sum, count) = chosen.iter().fold((0.0, 0.0), |(sum, count), &i| {
            (sum + sums[i].0, count + sums[i].1)
        });
        (count > 0.0).then(|| sum / count)
    })
}

/// The 95% percentile interval of `metric(b) - metric(a)` on the same rows, resampling whole clusters as
/// [`paired_bootstrap`] does; for metrics that are no means of row losses, such as the ROC AUC.
pub fn paired_bootstrap_metric(
    metric: Metric,
    labels: &[f64],
    scores: (&[f64], &[f64]),
    clusters: &[u64],
    seed: u64,
    replicates: u32,
) -> Option<Interval> {
    let n = labels.len().min(scores.0.len()).min(scores.1.len());
    let groups = group(n, clusters);
    let (mut of_labels, mut of_a, mut of_b) = (Vec::new(), Vec::new(), Vec::new());
    bootstrap(groups.len(), seed, replicates, CONFIDENCE, |chosen| {
        of_labels.clear();
        of_a.clear();
        of_b.clear();
        for &row in chosen.iter().flat_map(|&i| &groups[i]) {
            of_labels.push(labels[row]);
            of_a.push(scores.0[row]);
            of_b.push(scores.1[row]);
        }
        Some(metric.of(&of_labels, &of_b)? - metric.of(&of_labels, &of_a)?)
    })
}

/// The percentile interval of any statistic of `units` things: `statistic` is called once with `0..units` for the
/// estimate, then with `replicates` resamples of it. Resamples on which it is undefined are left out; `None` when
/// the estimate or half of the resamples are.
pub fn bootstrap(
    units: usize,
    seed: u64,
    replicates: u32,
    confidence: f64,
    mut statistic: impl FnMut(&[usize]) -> Option<f64>,
) -> Option<Interval> {
    if units == 0 {
        return None;
    }
    let mut chosen: Vec<usize> = (0..units).collect();
    let estimate = statistic(&chosen).filter(|value| value.is_finite())?;
    let mut random = Pcg64::seed_from_u64(seed);
    let mut values = Vec::with_capacity(replicates as usize);
    for _ in 0..replicates {
        for place in &mut chosen {
            *place = random.random_range(0..units);
        }
        values.extend(statistic(&chosen).filter(|value| value.is_finite()));
    }
    if values.is_empty() || values.len() * 2 < replicates as usize {
        return None;
    }
    values.sort_unstable_by(f64::total_cmp);
    let outside = (1.0 - confidence) / 2.0;
    Some(Interval {
        estimate,
        low: quantile(&values, outside),
        high: quantile(&values, 1.0 - outside),
        confidence,
    })
}

/// The quantile of a sorted, non-empty slice, linear between order statistics (definition 7 of Hyndman and Fan,
/// The American Statistician 50, 1996; the default of NumPy and R).
pub(crate) fn quantile(sorted: &[f64], p: f64) -> f64 {
    let place = p.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 <= place < len"
    )]
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let share = place - below as f64;
    sorted[below].mul_add(1.0 - share, sorted[above] * share)
}

/// Row numbers by cluster, in order of first appearance.
fn group(n: usize, clusters: &[u64]) -> Vec<Vec<usize>> {
    if clusters.is_empty() {
        return (0..n).map(|row| vec![row]).collect();
    }
    let mut places: HashMap<u64, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (row, cluster) in clusters.iter().take(n).enumerate() {
        let place = *places.entry(*cluster).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(row);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_interval() {
        let a: Vec<f64> = (0..200).map(|i| f64::from(i % 7)).collect();
        let b: Vec<f64> = (0..200).map(|i| f64::from(i % 5)).collect();
        let one = paired_bootstrap(&a, &b, &[], 7, 500).unwrap();
        assert_eq!(paired_bootstrap(&a, &b, &[], 7, 500), Some(one));
        assert_ne!(paired_bootstrap(&a, &b, &[], 8, 500), Some(one));
        assert!(one.low < one.estimate && one.estimate < one.high);
    }

    #[test]
    fn width_agrees_with_theory() {
        let a: Vec<f64> = (0..1000).map(|i| f64::from(i % 10)).collect();
        let b = vec![0.0; 1000];
        let interval = paired_bootstrap(&a, &b, &[], 0, 2000).unwrap();
        // sd of 0..9 is 2.872; 1.96 * 2.872 / sqrt(1000) = 0.178.
        assert!((interval.margin() - 0.178).abs() < 0.012, "{interval:?}");
    }

    #[test]
    fn rows_of_one_cluster_count_once() {
        let a: Vec<f64> = (0..1000).map(|i| f64::from((i / 10) % 10)).collect();
        let b = vec![0.0; 1000];
        let clusters: Vec<u64> = (0..1000).map(|i| i / 10).collect();
        let by_row = paired_bootstrap(&a, &b, &[], 0, 1000).unwrap();
        let by_cluster = paired_bootstrap(&a, &b, &clusters, 0, 1000).unwrap();
        assert!((by_cluster.margin() / by_row.margin() - 10.0_f64.sqrt()).abs() < 0.4);
    }

    #[test]
    fn undefined_input_has_no_interval() {
        assert_eq!(paired_bootstrap(&[], &[], &[], 0, 100), None);
        assert_eq!(paired_bootstrap(&[f64::NAN], &[1.0], &[], 0, 100), None);
        assert_eq!(
            paired_bootstrap_metric(
                Metric::RocAuc,
                &[1.0, 1.0],
                (&[0.1, 0.2], &[0.3, 0.4]),
                &[],
                0,
                100
            ),
            None
        );
    }

    #[test]
    fn a_better_ranking_has_a_positive_auc_difference() {
        let labels: Vec<f64> = (0..500).map(|i| f64::from(u8::from(i % 3 == 0))).collect();
        let a: Vec<f64> = (0..500).map(|i| f64::from((i * 31) % 97)).collect();
        let b: Vec<f64> = a
            .iter()
            .zip(&labels)
            .map(|(a, label)| a + 60.0 * label)
            .collect();
        let interval =
            paired_bootstrap_metric(Metric::RocAuc, &labels, (&a, &b), &[], 1, 300).unwrap();
        assert!(interval.low > 0.1, "{interval:?}");
    }
}
