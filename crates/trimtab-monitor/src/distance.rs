//! Distances of a window from a reference, and the bins in which both are drawn.

use std::collections::BTreeMap;

use trimtab_stats::{ReferenceHistogram, Sample, wasserstein_normalised};

use crate::Histogram;

/// Bars of a drawn histogram of numbers.
const BARS: usize = 24;
/// Values of a drawn histogram of texts.
const NAMED: usize = 20;

/// The Wasserstein distance in standard deviations of the reference, from the bins.
pub(crate) fn of_histograms(
    reference: &ReferenceHistogram,
    exact: &Sample,
    window: &ReferenceHistogram,
) -> Option<f64> {
    // Both sides in bins: the same rounding on both, so that equal samples are at distance zero.
    let distance = wasserstein_normalised(&reference.sample(), &window.sample())?;
    let (of_bins, of_rows) = (
        reference.sample().variance(0)?.sqrt(),
        exact.variance(0)?.sqrt(),
    );
    // Numbers near the end of the doubles have no variance; then there is no distance either.
    Some(if of_rows > 0.0 {
        distance * of_bins / of_rows
    } else {
        distance
    })
    .filter(|value| value.is_finite())
}

/// Counts of both over the texts of either.
pub(crate) fn align(
    reference: &BTreeMap<String, u64>,
    window: &BTreeMap<&str, u64>,
) -> (Vec<f64>, Vec<f64>) {
    let mut both: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for (text, &count) in reference {
        both.entry(text).or_default().0 = count as f64;
    }
    for (text, &count) in window {
        both.entry(text).or_default().1 = count as f64;
    }
    both.into_values().unzip()
}

/// Equal bars over the middle of a reference's numbers.
#[derive(Debug)]
pub(crate) struct Bins {
    edges: Vec<f64>,
}

impl Bins {
    pub(crate) fn learn(reference: &Sample) -> Option<Self> {
        let (mut low, mut high) = (reference.quantile(0.005)?, reference.quantile(0.995)?);
        if low >= high {
            (low, high) = (reference.quantile(0.0)?, reference.quantile(1.0)?);
        }
        if low >= high {
            let margin = if low == 0.0 { 1.0 } else { low.abs() / 2.0 };
            (low, high) = (low - margin, high + margin);
        }
        let width = (high - low) / BARS as f64;
        if !width.is_finite() {
            return None;
        }
        Some(Self {
            edges: (0..=BARS).map(|i| width.mul_add(i as f64, low)).collect(),
        })
    }

    pub(crate) fn draw(&self, values: impl Iterator<Item = (f64, u64)>, nulls: u64) -> Histogram {
        let mut drawn = Histogram {
            edges: Some(self.edges.clone()),
            counts: vec![0; BARS],
            nulls,
            n: nulls,
            ..Histogram::default()
        };
        let (first, last) = (self.edges[0], self.edges[BARS]);
        for (value, count) in values {
            drawn.n += count;
            if value < first {
                drawn.below += count;
            } else if value > last {
                drawn.above += count;
            } else {
                let bar = self
                    .edges
                    .partition_point(|edge| *edge <= value)
                    .clamp(1, BARS)
                    - 1;
                drawn.counts[bar] += count;
            }
        }
        drawn
    }
}

/// The commonest texts of the reference and of the window, drawn for both.
pub(crate) fn draw_texts(
    reference: &BTreeMap<String, u64>,
    reference_missing: u64,
    window: &BTreeMap<&str, u64>,
    window_missing: u64,
) -> (Histogram, Histogram) {
    let mut shares: Vec<(&str, f64)> = {
        let total = |counts: &mut dyn Iterator<Item = u64>| counts.sum::<u64>().max(1) as f64;
        let (of_a, of_b) = (
            total(&mut reference.values().copied()),
            total(&mut window.values().copied()),
        );
        let mut both: BTreeMap<&str, f64> = BTreeMap::new();
        for (text, &count) in reference {
            *both.entry(text).or_default() += count as f64 / of_a;
        }
        for (text, &count) in window {
            *both.entry(text).or_default() += count as f64 / of_b;
        }
        both.into_iter().collect()
    };
    shares.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    shares.truncate(NAMED);
    let draw = |count: &dyn Fn(&str) -> u64, total: u64, nulls: u64| {
        let counts: Vec<u64> = shares.iter().map(|(text, _)| count(text)).collect();
        Histogram {
            values: Some(shares.iter().map(|(text, _)| shorten(text)).collect()),
            other: total - counts.iter().sum::<u64>(),
            counts,
            nulls,
            n: total + nulls,
            ..Histogram::default()
        }
    };
    (
        draw(
            &|text| reference.get(text).copied().unwrap_or(0),
            reference.values().sum(),
            reference_missing,
        ),
        draw(
            &|text| window.get(text).copied().unwrap_or(0),
            window.values().sum(),
            window_missing,
        ),
    )
}

/// A value is shown by its first 64 characters.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(64) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
