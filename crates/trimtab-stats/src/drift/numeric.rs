//! Distances and tests of numbers by their size.

use crate::{Sample, tail::student_two_sided};

/// The first Wasserstein (earth mover's) distance: the area between the two distribution functions (Vallender, Theory of
/// Probability and Its Applications 18, 1974). In the unit of the values.
pub fn wasserstein(a: &Sample, b: &Sample) -> Option<f64> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let (n, m) = (a.len() as f64, b.len() as f64);
    let (mut below_a, mut below_b, mut area) = (0, 0, 0.0);
    let mut previous: Option<f64> = None;
    for (value, count_a, count_b) in a.merged(b) {
        if let Some(previous) = previous {
            area += (below_a as f64 / n - below_b as f64 / m).abs() * (value - previous);
        }
        below_a += count_a;
        below_b += count_b;
        previous = Some(value);
    }
    Some(area).filter(|area| area.is_finite())
}

/// [`wasserstein`] in standard deviations of the reference (divisor n), so that columns of any unit compare. Where the
/// reference is constant there is no unit: its magnitude stands in (a constant that doubles is 1 away), or, of a
/// constant zero, the window's mean magnitude.
pub fn wasserstein_normalised(reference: &Sample, current: &Sample) -> Option<f64> {
    let distance = wasserstein(reference, current)?;
    if distance <= 0.0 {
        return Some(0.0);
    }
    let deviation = reference.variance(0)?.sqrt();
    let unit = if deviation > 0.0 {
        deviation
    } else {
        let constant = reference.mean()?.abs();
        if constant > 0.0 { constant } else { distance }
    };
    Some(distance / unit)
}

/// Welch's t-test of equal means, two-sided p-value (Welch, Biometrika 34, 1947). `None` for fewer than two values;
/// constants: 1 when equal, 0 when not.
pub fn welch_t_test(a: &Sample, b: &Sample) -> Option<f64> {
    let (n, m) = (a.len() as f64, b.len() as f64);
    let (of_a, of_b) = (a.variance(1)? / n, b.variance(1)? / m);
    let difference = a.mean()? - b.mean()?;
    let variance = of_a + of_b;
    if variance <= 0.0 {
        return Some(if difference == 0.0 { 1.0 } else { 0.0 });
    }
    let degrees = variance.powi(2) / (of_a.powi(2) / (n - 1.0) + of_b.powi(2) / (m - 1.0));
    Some(student_two_sided(difference / variance.sqrt(), degrees))
}

/// Student's t-test of equal means with equal variances, two-sided p-value (Student, Biometrika 6, 1908). As
/// [`welch_t_test`] where it is not defined.
pub fn student_t_test(a: &Sample, b: &Sample) -> Option<f64> {
    let (n, m) = (a.len() as f64, b.len() as f64);
    let degrees = n + m - 2.0;
    let pooled = ((n - 1.0) * a.variance(1)? + (m - 1.0) * b.variance(1)?) / degrees;
    let difference = a.mean()? - b.mean()?;
    let variance = pooled * (1.0 / n + 1.0 / m);
    if variance <= 0.0 {
        return Some(if difference == 0.0 { 1.0 } else { 0.0 });
    }
    Some(student_two_sided(difference / variance.sqrt(), degrees))
}
