//! What to expect of a version in production: how well it did on the window that it was judged on. Pure.

use std::collections::BTreeMap;

use trimtab_monitor::Baseline;
use trimtab_stats::{Interval, Metric, mean_interval, roc_auc_interval};

use crate::paired::is_zero_or_one;

const CONFIDENCE: f64 = 0.95;
/// From so many days on, their scatter counts beside the scatter of rows.
const FEWEST_DAYS: usize = 4;

/// One row that a version was judged on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judged {
    pub(crate) day: i64,
    pub(crate) label: f64,
    pub(crate) score: f64,
}

/// The expected performance: the area under the ROC curve for outcomes of 0 and 1, else the root mean square error, with
/// the wider of the interval that independent rows would give and Student's interval of the days' own values: outcomes of
/// one day go together. `None` where neither can be computed.
pub(crate) fn expect(rows: &[Judged]) -> Option<Baseline> {
    let is_binary = rows.iter().all(|row| is_zero_or_one(row.label));
    let metric = if is_binary {
        Metric::RocAuc
    } else {
        Metric::Rmse
    };
    let of = |rows: &[Judged]| {
        if is_binary {
            area(rows)
        } else {
            root_mean_square_error(rows)
        }
    };
    let whole = of(rows)?;
    let mut days: BTreeMap<i64, Vec<Judged>> = BTreeMap::new();
    for row in rows {
        days.entry(row.day).or_default().push(*row);
    }
    let values: Vec<f64> = days
        .values()
        .filter_map(|day| of(day))
        .map(|interval| interval.estimate)
        .collect();
    let margin = match mean_interval(&values, CONFIDENCE) {
        Some(scatter) if values.len() >= FEWEST_DAYS => scatter.margin(),
        _ => 0.0,
    };
    Some(Baseline {
        metric: metric.as_str().to_owned(),
        value: whole.estimate,
        low: whole.low.min(whole.estimate - margin),
        high: whole.high.max(whole.estimate + margin),
    })
}

fn area(rows: &[Judged]) -> Option<Interval> {
    let (labels, scores): (Vec<f64>, Vec<f64>) =
        rows.iter().map(|row| (row.label, row.score)).unzip();
    roc_auc_interval(&labels, &scores, CONFIDENCE)
}

fn root_mean_square_error(rows: &[Judged]) -> Option<Interval> {
    let squares: Vec<f64> = rows
        .iter()
        .map(|row| (row.label - row.score).powi(2))
        .collect();
    let mean = mean_interval(&squares, CONFIDENCE)?;
    Some(Interval {
        estimate: mean.estimate.sqrt(),
        low: mean.low.max(0.0).sqrt(),
        high: mean.high.sqrt(),
        confidence: CONFIDENCE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(days: i64, ranks: impl Fn(i64) -> f64) -> Vec<Judged> {
        (0..days * 200)
            .map(|i| {
                let label = f64::from(u8::from((i * 7919) % 10 < 3));
                let noise = ((i * 31) % 97) as f64 / 97.0;
                Judged {
                    day: i / 200,
                    label,
                    score: label * ranks(i / 200) + noise,
                }
            })
            .collect()
    }

    #[test]
    fn the_area_is_expected_and_days_that_differ_widen_it() {
        let steady = expect(&rows(7, |_| 0.3)).unwrap();
        assert_eq!(steady.metric, "roc_auc");
        assert!(steady.value > 0.7 && steady.value < 0.8, "{steady:?}");
        assert!(steady.low < steady.value && steady.value < steady.high);
        let uneven = expect(&rows(7, |day| day as f64 * 0.1)).unwrap();
        assert!(
            uneven.high - uneven.low > 2.0 * (steady.high - steady.low),
            "{uneven:?} {steady:?}"
        );
    }

    #[test]
    fn numbers_are_expected_by_their_error_and_one_class_by_nothing() {
        let errors: Vec<Judged> = (0..100)
            .map(|i| Judged {
                day: 0,
                label: f64::from(i) * 3.0,
                score: f64::from(i).mul_add(3.0, 2.0),
            })
            .collect();
        let expected = expect(&errors).unwrap();
        assert_eq!(expected.metric, "rmse");
        assert!((expected.value - 2.0).abs() < 1e-9);
        let one_class: Vec<Judged> = rows(1, |_| 0.0)
            .into_iter()
            .map(|row| Judged { label: 0.0, ..row })
            .collect();
        assert_eq!(expect(&one_class), None);
    }
}
