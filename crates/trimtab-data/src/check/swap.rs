//! Two columns that changed places: each looks far more like the other's reference than like its own.

use trimtab_stats::ks_statistic;

use super::{FEW, Finding, Pair, Severity};
use crate::{ColumnKind, ColumnProfile};

/// How far two columns of one kind are apart, from 0 to 1: Kolmogorov and Smirnov's distance of numbers, the total
/// variation of text.
pub(super) fn distance(one: &ColumnProfile, other: &ColumnProfile) -> Option<f64> {
    if one.count == 0 || other.count == 0 {
        return None;
    }
    if one.kind.is_numeric() && other.kind.is_numeric() {
        return ks_statistic(&one.sample()?, &other.sample()?);
    }
    let is_text =
        |column: &ColumnProfile| matches!(column.kind, ColumnKind::Text | ColumnKind::Bool);
    if !is_text(one) || !is_text(other) || !one.has_all_values() || !other.has_all_values() {
        return None;
    }
    let shares = |column: &ColumnProfile| -> std::collections::HashMap<String, f64> {
        let values = column.values.iter();
        values
            .map(|(value, count)| (value.clone(), *count as f64 / column.count as f64))
            .collect()
    };
    let (one, other) = (shares(one), shares(other));
    let common: f64 = one
        .iter()
        .map(|(value, share)| share.min(other.get(value).copied().unwrap_or(0.0)))
        .sum();
    Some(1.0 - common)
}

/// Two findings for each pair of columns that changed places.
pub(super) fn check<'p>(pairs: &[Pair<'p>]) -> Vec<(&'p str, Finding)> {
    let mut findings = Vec::new();
    let usable: Vec<(&Pair<'p>, f64)> = pairs
        .iter()
        .filter(|pair| pair.window.count >= FEW && pair.reference.count >= FEW)
        .filter_map(|pair| Some((pair, distance(&pair.window, pair.reference)?)))
        .filter(|(_, own)| *own >= 0.4)
        .collect();
    for (index, (a, own_a)) in usable.iter().enumerate() {
        for (b, own_b) in &usable[index + 1..] {
            let crossed = (
                distance(&a.window, b.reference),
                distance(&b.window, a.reference),
            );
            let (Some(as_b), Some(as_a)) = crossed else {
                continue;
            };
            let worst = as_a.max(as_b);
            if worst > 0.25 || worst * 2.0 > own_a.min(*own_b) {
                continue;
            }
            for (one, other, own, cross) in [(a, b, own_a, as_b), (b, a, own_b, as_a)] {
                findings.push((
                    one.name,
                    Finding {
                        observed: format!("{cross:.2} from the reference of `{}`", other.name),
                        expected: format!("near its own reference, found {own:.2}"),
                        failure: Some((
                            Severity::Error,
                            format!("`{}` and `{}` look swapped", a.name, b.name),
                        )),
                        failed_rows: one.window.count,
                        examples: one
                            .window
                            .values
                            .iter()
                            .take(3)
                            .map(|(value, _)| value.clone())
                            .collect(),
                    },
                ));
            }
        }
    }
    findings
}
