//! Distances of shares (categories, or bins of numbers). The two slices are counts, or weights, of the same cells in the
//! same order; they are normalised here. `None` when their lengths differ or one is empty.

use serde::{Deserialize, Serialize};

use crate::tail::chi_square_sf;

fn normalised<'a>(
    reference: &'a [f64],
    current: &'a [f64],
) -> Option<impl Iterator<Item = (f64, f64)> + 'a> {
    let (p_sum, q_sum): (f64, f64) = (reference.iter().sum(), current.iter().sum());
    let is_usable = |sum: f64| sum > 0.0 && sum.is_finite();
    (reference.len() == current.len() && is_usable(p_sum) && is_usable(q_sum)).then(move || {
        reference
            .iter()
            .zip(current)
            .map(move |(p, q)| (p / p_sum, q / q_sum))
    })
}

/// Kullback-Leibler divergence of the reference from the current shares in nats (Kullback and Leibler, Annals of Mathematical
/// Statistics 22, 1951). An empty cell counts as `floor`, on either side, so that it stays finite.
pub fn kl_divergence(reference: &[f64], current: &[f64], floor: f64) -> Option<f64> {
    Some(
        normalised(reference, current)?
            .map(|(p, q)| {
                if p > 0.0 {
                    p * (p / q.max(floor)).ln()
                } else {
                    0.0
                }
            })
            .sum(),
    )
}

/// Population stability index: the symmetric sum of (p - q) ln(p / q) (Jeffreys' divergence; as an index of scorecards:
/// Siddiqi, Credit Risk Scorecards, 2006). An empty cell counts as `floor`.
pub fn psi(reference: &[f64], current: &[f64], floor: f64) -> Option<f64> {
    Some(
        normalised(reference, current)?
            .map(|(p, q)| (p.max(floor), q.max(floor)))
            .map(|(p, q)| (p - q) * (p / q).ln())
            .sum(),
    )
}

/// Jensen-Shannon distance, base 2: 0 to 1 (Lin, IEEE Transactions on Information Theory 37, 1991; a metric: Endres and
/// Schindelin, same journal 49, 2003). SciPy's `jensenshannon` is this times sqrt(ln 2).
pub fn jensen_shannon(reference: &[f64], current: &[f64]) -> Option<f64> {
    let divergence: f64 = normalised(reference, current)?
        .map(|(p, q)| {
            let middle = f64::midpoint(p, q);
            let half = |share: f64| {
                if share > 0.0 {
                    share * (share / middle).log2()
                } else {
                    0.0
                }
            };
            f64::midpoint(half(p), half(q))
        })
        .sum();
    Some(divergence.clamp(0.0, 1.0).sqrt())
}

/// Hellinger distance, 0 to 1 (Hellinger, Crelle 136, 1909).
pub fn hellinger(reference: &[f64], current: &[f64]) -> Option<f64> {
    let sum: f64 = normalised(reference, current)?
        .map(|(p, q)| (p.sqrt() - q.sqrt()).powi(2))
        .sum();
    Some((sum / 2.0).clamp(0.0, 1.0).sqrt())
}

/// Total variation distance: half of the summed differences, 0 to 1.
pub fn total_variation(reference: &[f64], current: &[f64]) -> Option<f64> {
    Some(
        normalised(reference, current)?
            .map(|(p, q)| (p - q).abs())
            .sum::<f64>()
            / 2.0,
    )
}

/// The greatest difference of any share, 0 to 1.
pub fn l_infinity(reference: &[f64], current: &[f64]) -> Option<f64> {
    Some(
        normalised(reference, current)?
            .map(|(p, q)| (p - q).abs())
            .fold(0.0, f64::max),
    )
}

/// A chi-square test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChiSquare {
    /// Pearson's statistic.
    pub statistic: f64,
    /// Cells that occur, less one.
    pub degrees: f64,
    /// The upper tail.
    pub p_value: f64,
}

/// Pearson's test that two rows of counts come from one distribution (homogeneity: the reference is a sample too, not the
/// truth; SciPy's `chi2_contingency` without correction). Cells that occur in neither are left out.
pub fn chi_square_homogeneity(reference: &[f64], current: &[f64]) -> Option<ChiSquare> {
    let (n, m): (f64, f64) = (reference.iter().sum(), current.iter().sum());
    if reference.len() != current.len() || n <= 0.0 || m <= 0.0 {
        return None;
    }
    let (mut statistic, mut degrees) = (0.0, -1.0);
    for (&a, &b) in reference.iter().zip(current) {
        let both = a + b;
        if both > 0.0 {
            let (expected_a, expected_b) = (both * n / (n + m), both * m / (n + m));
            statistic +=
                (a - expected_a).powi(2) / expected_a + (b - expected_b).powi(2) / expected_b;
            degrees += 1.0;
        }
    }
    Some(ChiSquare {
        statistic,
        degrees,
        p_value: chi_square_sf(statistic, degrees),
    })
}
