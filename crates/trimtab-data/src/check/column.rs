//! Checks of one column by itself.

use std::collections::HashSet;

use super::{FEW, Finding, Pair, Severity, percent, spell};
use crate::ColumnKind;

/// Values that people write where they have no number.
const PLACEHOLDERS: [f64; 12] = [
    -1.0,
    -9.0,
    -99.0,
    -999.0,
    -9_999.0,
    -99_999.0,
    999.0,
    9_999.0,
    99_999.0,
    999_999.0,
    -32_768.0,
    2_147_483_647.0,
];

pub(super) fn presence() -> Finding {
    Finding {
        observed: "there".to_owned(),
        expected: "there".to_owned(),
        ..Finding::default()
    }
}

/// Numbers stay numbers and text stays text.
pub(super) fn kind(pair: &Pair<'_>) -> Finding {
    let (expected, observed) = (pair.reference.kind, pair.window.kind);
    let is_same = expected == observed
        || (expected.is_numeric() && observed.is_numeric())
        || pair.window.count == 0
        || pair.reference.count == 0;
    let mut finding = Finding {
        observed: observed.as_str().to_owned(),
        expected: expected.as_str().to_owned(),
        ..Finding::default()
    };
    if !is_same {
        finding.examples = examples(pair.window.values.iter().map(|(value, _)| value.as_str()));
        finding.failed_rows = pair.window.count;
        let such = finding.examples.first();
        let such = such.map(|value| format!(" such as `{value}`"));
        finding.failure = Some((
            Severity::Error,
            format!(
                "`{}` holds {}{}, the reference holds {}",
                pair.name,
                observed.as_str(),
                such.unwrap_or_default(),
                expected.as_str()
            ),
        ));
    }
    finding
}

/// Nulls come in bursts (a station is silent for a day), so what is usual is learned from chunks of the reference.
pub(super) fn nulls(
    pair: &Pair<'_>,
    is_ordered: bool,
    renamed: impl FnOnce() -> Option<String>,
) -> Finding {
    let (reference, window) = (pair.reference, &pair.window);
    let share = window.null_share();
    let usual = reference.null_share();
    let unusual = (reference.null_peak * 2.0).max(usual + 6.0 * reference.null_spread) + 0.1;
    // Without an order nothing is known of bursts; only where there is no null at all there are none of them.
    let unusual = if is_ordered || reference.nulls == 0 {
        unusual
    } else {
        unusual.max(0.5)
    };
    let is_gone = share >= 0.95 && reference.null_peak < 0.9 && window.nulls >= FEW;
    let mut finding = Finding {
        observed: percent(share),
        expected: format!("at most {}", percent(unusual.min(1.0))),
        failed_rows: window.nulls,
        ..Finding::default()
    };
    let total = (window.nulls + window.count) as f64;
    if (share > unusual && window.nulls >= 5) || is_gone {
        let cause = match renamed() {
            Some(other) => format!("; `{other}` looks like it (renamed?)"),
            None => String::new(),
        };
        finding.failure = Some((
            Severity::Error,
            format!(
                "`{}` is null in {} of the rows, the reference in {}{cause}",
                pair.name,
                percent(share),
                percent(usual)
            ),
        ));
    } else if share > reference.null_peak.max(usual) + 0.02 + 3.0 * (usual / total).sqrt()
        && window.nulls >= 5
    {
        finding.failure = Some((
            Severity::Warning,
            format!(
                "`{}` has more nulls than usual: {}, the reference {}",
                pair.name,
                percent(share),
                percent(usual)
            ),
        ));
    } else {
        finding.failed_rows = 0;
    }
    finding
}

/// Text that the reference does not have. How much of it is to be expected is known from the values that the
/// reference has once (Good and Turing's estimate of the unseen).
pub(super) fn domain(pair: &Pair<'_>) -> Finding {
    let (reference, window) = (pair.reference, &pair.window);
    let mut finding = Finding {
        observed: format!("{} values", count_text(window.distinct)),
        expected: format!("{} values", count_text(reference.distinct)),
        ..Finding::default()
    };
    if !reference.has_all_values() || !window.has_all_values() || reference.count == 0 {
        return finding;
    }
    let known: HashSet<&str> = reference
        .values
        .iter()
        .map(|(value, _)| value.as_str())
        .collect();
    let unseen: Vec<&(String, u64)> = window
        .values
        .iter()
        .filter(|(value, _)| !known.contains(value.as_str()))
        .collect();
    let rows: u64 = unseen.iter().map(|(_, count)| count).sum();
    let once = reference
        .values
        .iter()
        .filter(|(_, count)| *count == 1)
        .count();
    let expected = (once as f64 + 1.0) / reference.count as f64;
    let share = rows as f64 / window.count.max(1) as f64;
    if rows == 0 || share <= expected * 2.0 {
        return finding;
    }
    finding.failed_rows = rows;
    finding.observed = format!(
        "{} of the rows hold {} unseen values",
        percent(share),
        unseen.len()
    );
    finding.examples = examples(unseen.iter().map(|(value, _)| value.as_str()));
    let same: HashSet<String> = known.iter().map(|value| plain(value)).collect();
    let respelt: u64 = unseen
        .iter()
        .filter(|(value, _)| same.contains(&plain(value)))
        .map(|(_, count)| count)
        .sum();
    let is_respelt = respelt * 2 > rows;
    let cause = if is_respelt {
        "; they differ from known ones only in letter case or spaces"
    } else {
        ""
    };
    let severity = if share > (expected * 10.0).max(0.2) || (is_respelt && share > 0.02) {
        Severity::Error
    } else {
        Severity::Warning
    };
    finding.failure = Some((
        severity,
        format!(
            "`{}` has values that the reference does not have, in {} of the rows ({}){cause}",
            pair.name,
            percent(share),
            finding.examples.join(", ")
        ),
    ));
    finding
}

fn plain(value: &str) -> String {
    value.split_whitespace().collect::<String>().to_lowercase()
}

/// Numbers outside what the reference has. The world moves (summer comes), so that alone is a warning; a known
/// placeholder outside the range is an error.
pub(super) fn range(pair: &Pair<'_>) -> Finding {
    let (Some(reference), Some(window)) = (&pair.reference.numeric, &pair.window.numeric) else {
        return Finding::default();
    };
    let mut finding = Finding {
        observed: format!("{} to {}", spell(window.min), spell(window.max)),
        expected: format!("{} to {}", spell(reference.min), spell(reference.max)),
        ..Finding::default()
    };
    // Values that went through 32 bits are not outside.
    let slack = 1e-6 * reference.min.abs().max(reference.max.abs());
    let is_outside = |value: f64| value < reference.min - slack || value > reference.max + slack;
    let count = pair.window.count as f64;
    if !is_outside(window.min) && !is_outside(window.max) {
        return finding;
    }
    let outside: Vec<(f64, u64)> = pair
        .window
        .values
        .iter()
        .filter_map(|(value, count)| Some((value.parse::<f64>().ok()?, *count)))
        .filter(|(value, _)| is_outside(*value))
        .collect();
    finding.failed_rows = outside.iter().map(|(_, count)| count).sum::<u64>().max(1);
    let spelled: Vec<String> = outside
        .iter()
        .take(3)
        .map(|(value, _)| spell(*value))
        .collect();
    finding.examples = if spelled.is_empty() {
        vec![spell(window.min), spell(window.max)]
    } else {
        spelled
    };
    let placeholder = outside
        .iter()
        .find(|(value, rows)| PLACEHOLDERS.contains(value) && *rows as f64 >= 0.05 * count);
    let (severity, cause) = match placeholder {
        Some((value, rows)) => (
            Severity::Error,
            format!(
                "`{}` is {} in {} of the rows, outside the reference's range: a placeholder for a missing value?",
                pair.name,
                spell(*value),
                percent(*rows as f64 / count)
            ),
        ),
        None => (
            Severity::Warning,
            format!(
                "`{}` goes from {}, the reference from {}",
                pair.name, finding.observed, finding.expected
            ),
        ),
    };
    finding.failure = Some((severity, cause));
    finding
}

/// The same value for much longer than ever before.
pub(super) fn constant(pair: &Pair<'_>, is_ordered: bool) -> Finding {
    let (reference, window) = (pair.reference, &pair.window);
    let run = window.longest_run;
    let mut finding = Finding {
        observed: format!("the same value at most {run} times in a row"),
        expected: format!("at most {} times", 3 * reference.longest_run),
        ..Finding::default()
    };
    if matches!(reference.kind, ColumnKind::Time | ColumnKind::Other) {
        return finding;
    }
    // Out of order, runs mean nothing: then only a column of many values that has one left.
    let is_stuck = if is_ordered {
        run >= FEW && run > 3 * reference.longest_run
    } else {
        window.distinct == Some(1) && reference.distinct.is_none_or(|distinct| distinct >= 20)
    };
    if !is_stuck || reference.count < FEW {
        return finding;
    }
    let top = reference.values.first().map_or(0, |(_, count)| *count);
    let is_usual = top * 2 > reference.count;
    // A sensor that hangs does so for hours; a short run is calm weather.
    let is_long = run * 4 >= window.count;
    finding.failed_rows = run;
    finding.examples = examples(
        window
            .values
            .iter()
            .take(1)
            .map(|(value, _)| value.as_str()),
    );
    let value = finding.examples.first();
    let value = value.map(|value| format!(" at `{value}`"));
    finding.failure = Some((
        if is_long && !is_usual {
            Severity::Error
        } else {
            Severity::Warning
        },
        format!(
            "`{}` looks stuck{}: the same value {run} times in a row, in the reference at most {} times",
            pair.name,
            value.unwrap_or_default(),
            reference.longest_run
        ),
    ));
    finding
}

fn count_text(count: Option<u64>) -> String {
    count.map_or_else(|| "more than 8192".to_owned(), |count| count.to_string())
}

fn examples<'v>(values: impl Iterator<Item = &'v str>) -> Vec<String> {
    values.take(3).map(str::to_owned).collect()
}
