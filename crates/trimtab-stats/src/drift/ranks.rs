//! Tests by rank, with ties.

use statrs::function::gamma::ln_gamma;

use crate::{Sample, tail::normal_sf};

/// The two-sided Mann-Whitney test (Mann and Whitney, Annals of Mathematical Statistics 18, 1947): its p-value by the normal
/// approximation with tie and continuity corrections, or exact when a sample has at most 8 values and nothing is tied
/// (SciPy's `auto`). 1 when all values are equal.
pub fn mann_whitney(a: &Sample, b: &Sample) -> Option<f64> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let (n, m) = (a.len() as f64, b.len() as f64);
    let total = n + m;
    let (mut below_b, mut u, mut ties, mut is_tied) = (0.0, 0.0, 0.0, false);
    for (_, count_a, count_b) in a.merged(b) {
        let (count_a, count_b) = (count_a as f64, count_b as f64);
        u += count_a * (below_b + count_b / 2.0);
        below_b += count_b;
        let group = count_a + count_b;
        is_tied |= group > 1.0;
        ties += group.powi(3) - group;
    }
    let u = u.max(n * m - u);
    if !is_tied && a.len().min(b.len()) <= 8 {
        return Some(exact_mann_whitney(a.len(), b.len(), u));
    }
    let variance = n * m / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    if variance <= 0.0 {
        return Some(1.0);
    }
    let z = (u - n * m / 2.0 - 0.5) / variance.sqrt();
    Some((2.0 * normal_sf(z)).clamp(0.0, 1.0))
}

/// Twice the share of rank orders whose U is at least this.
fn exact_mann_whitney(n: u64, m: u64, u: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the smaller is at most 8, the greater in memory"
    )]
    let (few, many) = (n.min(m) as usize, n.max(m) as usize);
    let most = few * many;
    // ways[k][s]: shares of choices of k ranks with rank sum excess s, built item by item.
    let mut ways = vec![vec![0.0_f64; most + 1]; few + 1];
    ways[0][0] = 1.0;
    for item in 0..few + many {
        for k in (1..=few.min(item + 1)).rev() {
            let excess = item + 1 - k;
            if excess > many {
                continue;
            }
            let (lower, upper) = ways.split_at_mut(k);
            for s in (excess..=most).rev() {
                upper[0][s] += lower[k - 1][s - excess];
            }
        }
    }
    let all: f64 = ways[few].iter().sum();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most n * m"
    )]
    let from = u.ceil() as usize;
    (2.0 * ways[few][from.min(most)..].iter().sum::<f64>() / all).min(1.0)
}

/// The two-sample Cramér-von Mises test (Anderson, Annals of Mathematical Statistics 33, 1962): the asymptotic p-value of the
/// statistic computed from the two distribution functions, so that ties are no distance (SciPy's midrank formula calls
/// two equal constants infinitely apart). Without ties it is SciPy's asymptotic p-value.
pub fn cramer_von_mises(a: &Sample, b: &Sample) -> Option<f64> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let (n, m) = (a.len() as f64, b.len() as f64);
    let total = n + m;
    let (mut below_a, mut below_b, mut sum) = (0.0, 0.0, 0.0);
    for (_, count_a, count_b) in a.merged(b) {
        below_a += count_a as f64;
        below_b += count_b as f64;
        sum += (below_a / n - below_b / m).powi(2) * (count_a + count_b) as f64;
    }
    let statistic = n * m / total.powi(2) * sum;
    let mean = (1.0 + 1.0 / total) / 6.0;
    let variance = (total + 1.0) * (4.0 * n * m * total - 3.0 * (n * n + m * m) - 2.0 * n * m)
        / (45.0 * total.powi(2) * 4.0 * n * m);
    let normalised = 1.0 / 6.0 + (statistic - mean) / (45.0 * variance).sqrt();
    // Below this the distribution function is 1e-46 and its terms no longer fit into a double.
    Some(if normalised < 0.003 {
        1.0
    } else {
        (1.0 - limit_cdf(normalised)).clamp(0.0, 1.0)
    })
}

/// The limit distribution (Csörgő and Faraway, JRSS B 58, 1996, equation 1.3).
fn limit_cdf(x: f64) -> f64 {
    let mut sum = 0.0;
    for k in 0..30_u32 {
        let k = f64::from(k);
        let y = 4.0 * k + 1.0;
        let q = y * y / (16.0 * x);
        let scale = (ln_gamma(k + 0.5) - ln_gamma(k + 1.0)).exp()
            / (std::f64::consts::PI.powf(1.5) * x.sqrt());
        let term = scale * y.sqrt() * damped_bessel(q);
        sum += term;
        if term < 1e-12 * sum {
            break;
        }
    }
    sum
}

/// exp(-q) K_{1/4}(q), by the trapezoid rule on the integral of exp(-q (1 + cosh t)) cosh(t / 4), which converges
/// faster than any power of the step (Abramowitz and Stegun 9.6.24).
fn damped_bessel(q: f64) -> f64 {
    const STEP: f64 = 1.0 / 64.0;
    let mut sum = 0.5 * (-2.0 * q).exp();
    let mut t = STEP;
    loop {
        let term = (-q * (1.0 + t.cosh())).exp() * (t / 4.0).cosh();
        sum += term;
        if term <= 1e-18 * sum || t > 60.0 {
            return sum * STEP;
        }
        t += STEP;
    }
}
