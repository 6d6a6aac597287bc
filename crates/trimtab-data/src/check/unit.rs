//! Numbers in another unit: undone by one known factor, the whole distribution stands where the reference stands.

use trimtab_stats::{Sample, ks_statistic};

use super::{FEW, Finding, Pair, Severity, percent, spell};
use crate::ColumnProfile;

/// A change of unit: `window = factor × reference + offset`.
struct Unit {
    factor: f64,
    offset: f64,
    from: &'static str,
    to: &'static str,
}

const fn unit(factor: f64, offset: f64, from: &'static str, to: &'static str) -> Unit {
    Unit {
        factor,
        offset,
        from,
        to,
    }
}

/// No change.
const SAME: Unit = unit(1.0, 0.0, "", "");

/// Factors are exact by definition of the units (international yard and pound 1959, SI), each in both directions.
const UNITS: [Unit; 34] = [
    unit(1.609_344, 0.0, "miles", "kilometres"),
    unit(1.0 / 1.609_344, 0.0, "kilometres", "miles"),
    unit(1.852, 0.0, "nautical miles", "kilometres"),
    unit(1.0 / 1.852, 0.0, "kilometres", "nautical miles"),
    unit(1.852 / 1.609_344, 0.0, "knots", "miles an hour"),
    unit(1.609_344 / 1.852, 0.0, "miles an hour", "knots"),
    unit(0.3048, 0.0, "feet", "metres"),
    unit(1.0 / 0.3048, 0.0, "metres", "feet"),
    unit(2.54, 0.0, "inches", "centimetres"),
    unit(1.0 / 2.54, 0.0, "centimetres", "inches"),
    unit(25.4, 0.0, "inches", "millimetres"),
    unit(1.0 / 25.4, 0.0, "millimetres", "inches"),
    unit(0.453_592_37, 0.0, "pounds", "kilograms"),
    unit(1.0 / 0.453_592_37, 0.0, "kilograms", "pounds"),
    unit(3.785_411_784, 0.0, "gallons", "litres"),
    unit(1.0 / 3.785_411_784, 0.0, "litres", "gallons"),
    unit(3.6, 0.0, "metres a second", "kilometres an hour"),
    unit(1.0 / 3.6, 0.0, "kilometres an hour", "metres a second"),
    unit(0.447_04, 0.0, "miles an hour", "metres a second"),
    unit(1.0 / 0.447_04, 0.0, "metres a second", "miles an hour"),
    unit(33.863_886_67, 0.0, "inches of mercury", "hectopascals"),
    unit(
        1.0 / 33.863_886_67,
        0.0,
        "hectopascals",
        "inches of mercury",
    ),
    unit(
        5.0 / 9.0,
        -160.0 / 9.0,
        "degrees Fahrenheit",
        "degrees Celsius",
    ),
    unit(1.8, 32.0, "degrees Celsius", "degrees Fahrenheit"),
    unit(1.0, 273.15, "degrees Celsius", "kelvins"),
    unit(1.0, -273.15, "kelvins", "degrees Celsius"),
    unit(60.0, 0.0, "hours or minutes", "minutes or seconds"),
    unit(1.0 / 60.0, 0.0, "minutes or seconds", "hours or minutes"),
    unit(3_600.0, 0.0, "hours", "seconds"),
    unit(1.0 / 3_600.0, 0.0, "seconds", "hours"),
    unit(100.0, 0.0, "shares", "percent or hundredths"),
    unit(0.01, 0.0, "percent or hundredths", "shares"),
    unit(1_000.0, 0.0, "a unit", "its thousandths"),
    unit(0.001, 0.0, "a unit", "its thousands"),
];

/// A sample of distinct numbers with counts, as two lists.
struct Numbers {
    values: Vec<(f64, u64)>,
    total: f64,
    is_whole: bool,
}

impl Numbers {
    fn of(column: &ColumnProfile) -> Self {
        let values: Vec<(f64, u64)> = if column.has_all_values() {
            let values = column.values.iter();
            values
                .filter_map(|(value, count)| Some((value.parse().ok()?, *count)))
                .collect()
        } else {
            let quantiles = column.numeric.iter().flat_map(|n| &n.quantiles);
            quantiles.map(|value| (*value, 1)).collect()
        };
        Self {
            total: values.iter().map(|(_, count)| *count as f64).sum(),
            is_whole: values.iter().all(|(value, _)| value.fract() == 0.0),
            values,
        }
    }

    fn undo(&self, unit: &Unit) -> Sample {
        let undone = self.values.iter();
        Sample::from_counts(undone.map(|(v, n)| ((v - unit.offset) / unit.factor, *n)))
    }

    /// The share of values that, undone, are among these sorted ones. Whole numbers may have been rounded after the
    /// change of unit; others went through 32 bits at worst.
    fn members(&self, unit: &Unit, sorted: &[f64]) -> f64 {
        let is_rounded = self.is_whole && (unit.factor - 1.0).abs() > 1e-12;
        self.members_within(
            unit,
            sorted,
            if is_rounded { 0.5 / unit.factor } else { 0.0 },
        )
    }

    fn members_within(&self, unit: &Unit, sorted: &[f64], rounding: f64) -> f64 {
        let found = self.values.iter().filter(|(value, _)| {
            let undone = (value - unit.offset) / unit.factor;
            let slack = rounding + 1e-6 * undone.abs().max(unit.offset.abs() / unit.factor);
            let next = sorted.partition_point(|known| *known < undone - slack);
            sorted
                .get(next)
                .is_some_and(|known| *known <= undone + slack)
        });
        found.map(|(_, count)| *count as f64).sum::<f64>() / self.total.max(1.0)
    }
}

pub(super) fn check(pair: &Pair<'_>) -> Finding {
    let (Some(reference), Some(window)) = (&pair.reference.numeric, &pair.window.numeric) else {
        return Finding::default();
    };
    let median = |quantiles: &[f64]| quantiles.get(50).copied().unwrap_or(f64::NAN);
    let (was, is) = (median(&reference.quantiles), median(&window.quantiles));
    let mut finding = Finding {
        observed: format!("median {}", spell(is)),
        expected: format!("median {}", spell(was)),
        ..Finding::default()
    };
    if let Some((unit, share)) = find(pair) {
        let rows = pair.window.count as f64 * share;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count"
        )]
        let rows = rows.round() as u64;
        finding.failed_rows = rows;
        finding.examples = [25, 50, 75]
            .iter()
            .filter_map(|percent| window.quantiles.get(*percent))
            .map(|value| spell(*value))
            .collect();
        let how = if unit.offset == 0.0 {
            format!("scaled by {}", spell((unit.factor * 1e4).round() / 1e4))
        } else {
            "converted".to_owned()
        };
        let where_ = if share < 1.0 {
            format!(" in {} of the rows", percent(share))
        } else {
            String::new()
        };
        finding.failure = Some((
            Severity::Error,
            format!(
                "`{}` looks {how}{where_} ({} given as {}?)",
                pair.name, unit.from, unit.to
            ),
        ));
    }
    finding
}

/// A change of unit in all rows, or in a part of them (whose share it answers).
fn find(pair: &Pair<'_>) -> Option<(&'static Unit, f64)> {
    let has_few_values = |distinct: Option<u64>, least| distinct.is_some_and(|d| d < least);
    if has_few_values(pair.reference.distinct, 5) || has_few_values(pair.window.distinct, 3) {
        return None;
    }
    let window = Numbers::of(&pair.window);
    let mut known: Vec<f64> = Numbers::of(pair.reference)
        .values
        .iter()
        .map(|(value, _)| *value)
        .collect();
    known.sort_unstable_by(f64::total_cmp);
    // Where values recur, a change of unit maps them onto each other one by one, which chance does not.
    let recurs = pair
        .reference
        .distinct
        .is_some_and(|distinct| distinct * 2 <= pair.reference.count);
    match whole(pair, &window, &known, recurs) {
        Some(unit) => Some((unit, 1.0)),
        None if recurs => part(&window, &known),
        None => None,
    }
}

fn whole(pair: &Pair<'_>, window: &Numbers, known: &[f64], recurs: bool) -> Option<&'static Unit> {
    let reference = pair.reference.sample()?;
    let own = ks_statistic(&pair.window.sample()?, &reference)?;
    if own < 0.15 {
        return None;
    }
    let as_is = window.members(&SAME, known);
    let noise = 2.0 / (pair.window.count as f64).sqrt();
    let mut best: Option<(f64, &Unit)> = None;
    for unit in &UNITS {
        let Some(apart) = ks_statistic(&window.undo(unit), &reference) else {
            continue;
        };
        let is_near = if recurs {
            let members = window.members(unit, known);
            apart <= noise.clamp(0.15, 0.3)
                && members >= 0.8
                && (as_is + 0.1 <= members || apart <= 0.05)
        } else {
            apart <= noise.clamp(0.05, 0.1) && own >= 0.3
        };
        if is_near && apart * 2.0 <= own && best.is_none_or(|(least, _)| apart < least) {
            best = Some((apart, unit));
        }
    }
    best.map(|(_, unit)| unit)
}

/// A window in which the unit changed on the way: the values that are not known become known, undone. Rounded values
/// are left out here, since among many known ones they find a neighbour by chance.
fn part(window: &Numbers, known: &[f64]) -> Option<(&'static Unit, f64)> {
    let is_known = |value: f64| {
        let alone = Numbers {
            values: vec![(value, 1)],
            total: 1.0,
            is_whole: false,
        };
        alone.members_within(&SAME, known, 0.0) > 0.0
    };
    let values: Vec<(f64, u64)> = window
        .values
        .iter()
        .filter(|(value, _)| !is_known(*value))
        .copied()
        .collect();
    let strange = Numbers {
        total: values.iter().map(|(_, count)| *count as f64).sum(),
        is_whole: false,
        values,
    };
    let share = strange.total / window.total.max(1.0);
    if share < 0.05 || strange.total < FEW as f64 || strange.values.len() < 5 {
        return None;
    }
    let unit = UNITS
        .iter()
        .map(|unit| (strange.members_within(unit, known, 0.0), unit))
        .filter(|(members, _)| *members >= 0.9)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    unit.map(|(_, unit)| (unit, share))
}
