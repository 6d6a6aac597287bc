//! The two-sample Kolmogorov-Smirnov test.

use serde::{Deserialize, Serialize};

use super::kolmogorov::two_sided_sf;
use crate::Sample;

/// Up to this size of the greater sample the p-value is exact, as SciPy's `auto` chooses.
const EXACT_UP_TO: u64 = 10_000;

/// The result of a Kolmogorov-Smirnov test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KsTest {
    /// The greatest distance between the two distribution functions.
    pub statistic: f64,
    /// Two-sided.
    pub p_value: f64,
}

/// The statistic alone (Smirnov, Bulletin of Moscow University 2, 1939).
pub fn ks_statistic(a: &Sample, b: &Sample) -> Option<f64> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let (n, m) = (a.len() as f64, b.len() as f64);
    let (mut below_a, mut below_b, mut greatest) = (0, 0, 0.0_f64);
    for (_, count_a, count_b) in a.merged(b) {
        below_a += count_a;
        below_b += count_b;
        greatest = greatest.max((below_a as f64 / n - below_b as f64 / m).abs());
    }
    Some(greatest)
}

/// The test with SciPy's choice of p-value: exact (Hodges, Arkiv för Matematik 3, 1958) when neither sample has more than
/// 10,000 values, else asymptotic. With ties the exact p-value is an upper bound, as SciPy's is.
pub fn ks_test(a: &Sample, b: &Sample) -> Option<KsTest> {
    if a.len().max(b.len()) > EXACT_UP_TO {
        return ks_test_asymptotic(a, b);
    }
    let statistic = ks_statistic(a, b)?;
    let p_value = exact_p(a.len(), b.len(), statistic);
    Some(KsTest {
        statistic,
        p_value: p_value.clamp(0.0, 1.0),
    })
}

/// The test with the p-value of the one-sample distribution at n·m/(n + m), SciPy's `asymp`.
pub fn ks_test_asymptotic(a: &Sample, b: &Sample) -> Option<KsTest> {
    let statistic = ks_statistic(a, b)?;
    let p_value = ks_p_value_asymptotic(a.len(), b.len(), statistic);
    Some(KsTest { statistic, p_value })
}

/// The p-value of [`ks_test_asymptotic`] for a statistic that was had otherwise (from histograms); 1 for an empty sample.
pub fn ks_p_value_asymptotic(n: u64, m: u64, statistic: f64) -> f64 {
    let (n, m) = (n as f64, m as f64);
    if n <= 0.0 || m <= 0.0 {
        return 1.0;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "below n"
    )]
    let effective = (n * m / (n + m)).round_ties_even() as u64;
    two_sided_sf(effective, statistic)
}

/// The share of lattice paths from (0, 0) to (n, m) that reach a distance of at least d from the diagonal, every
/// path being equally likely when the samples come from one distribution.
fn exact_p(n: u64, m: u64, statistic: f64) -> f64 {
    let common = gcd(n, m);
    let (n_step, m_step) = (m / common, n / common);
    let least = (n / common) as f64 * m as f64;
    // The statistic is a multiple of 1/lcm: whole numbers from here on.
    #[expect(clippy::cast_possible_truncation, reason = "at most 10,000 squared")]
    let reach = (statistic * least).round() as i64;
    if reach == 0 {
        return 1.0;
    }
    if n == m {
        return outside_square(n, reach);
    }
    // outside[j] is the share of paths to (i, j) that have been outside; a column at a time.
    let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let (n_step, m_step) = (signed(n_step), signed(m_step));
    #[expect(clippy::cast_possible_truncation, reason = "at most 10,000")]
    let width = m as usize;
    let mut outside = vec![1.0_f64; width + 1];
    for i in 0..=signed(n) {
        // Points inside: |i * n_step - j * m_step| < reach.
        let from = (i * n_step - reach).div_euclid(m_step) + 1;
        let to = (i * n_step + reach - 1).div_euclid(m_step);
        if from > to {
            return 1.0;
        }
        let inside = |bound: i64| usize::try_from(bound.max(0)).unwrap_or(0);
        let (from, to) = (inside(from), inside(to).min(width));
        if from > 0 {
            // What the window has slid past is outside for good.
            outside[from - 1] = 1.0;
        }
        for j in from..=to {
            let steps = i as f64 + j as f64;
            outside[j] = if steps > 0.0 {
                let left = if i > 0 { outside[j] * i as f64 } else { 0.0 };
                let under = if j > 0 {
                    outside[j - 1] * j as f64
                } else {
                    0.0
                };
                (left + under) / steps
            } else {
                0.0
            };
        }
    }
    outside[width]
}

/// Samples of one size: the alternating sum of Gnedenko and Korolyuk, 1951, by Horner's scheme.
fn outside_square(n: u64, reach: i64) -> f64 {
    // For equal sizes the statistic is a multiple of 1/n.
    let reach = reach as f64;
    let n = n as f64;
    let mut sum = 0.0;
    let mut k = (n / reach).floor();
    while k >= 0.0 {
        let mut term = 1.0;
        let mut j = 0.0;
        while j < reach {
            term *= (n - k * reach - j) / (n + k * reach + j + 1.0);
            j += 1.0;
        }
        sum = term * (1.0 - sum);
        k -= 1.0;
    }
    2.0 * sum
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
