//! Counts out of counts.

use serde::{Deserialize, Serialize};

use crate::{
    Interval,
    interval::z_of,
    tail::{chi_square_sf, normal_sf},
};

/// The score interval of a proportion (Wilson, JASA 22, 1927). `None` without trials.
pub fn wilson(successes: u64, trials: u64, confidence: f64) -> Option<Interval> {
    if trials == 0 {
        return None;
    }
    let n = trials as f64;
    let share = successes.min(trials) as f64 / n;
    let z = z_of(confidence);
    let scale = 1.0 + z * z / n;
    let centre = (share + z * z / (2.0 * n)) / scale;
    let margin = z / scale * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    Some(Interval {
        estimate: share,
        low: if successes == 0 {
            0.0
        } else {
            (centre - margin).max(0.0)
        },
        high: if successes >= trials {
            1.0
        } else {
            (centre + margin).min(1.0)
        },
        confidence,
    })
}

/// Two proportions compared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TwoProportions {
    /// Second minus first, with Newcombe's hybrid score interval.
    pub difference: Interval,
    /// Of the pooled two-sided z-test.
    pub p_value: f64,
}

/// Compares `b` with `a`, each (successes, trials): the pooled z-test, and the interval of the difference by method 10
/// of Newcombe, Statistics in Medicine 17, 1998. `None` when one has no trials.
pub fn two_proportions(a: (u64, u64), b: (u64, u64), confidence: f64) -> Option<TwoProportions> {
    let (first, second) = (wilson(a.0, a.1, confidence)?, wilson(b.0, b.1, confidence)?);
    let estimate = second.estimate - first.estimate;
    let low = estimate
        - ((second.estimate - second.low).powi(2) + (first.high - first.estimate).powi(2)).sqrt();
    let high = estimate
        + ((second.high - second.estimate).powi(2) + (first.estimate - first.low).powi(2)).sqrt();
    let (n_a, n_b) = (a.1 as f64, b.1 as f64);
    let pooled = (a.0.min(a.1) as f64 + b.0.min(b.1) as f64) / (n_a + n_b);
    let error = (pooled * (1.0 - pooled) * (1.0 / n_a + 1.0 / n_b)).sqrt();
    let p_value = if error > 0.0 {
        (2.0 * normal_sf((estimate / error).abs())).min(1.0)
    } else {
        1.0
    };
    Some(TwoProportions {
        difference: Interval {
            estimate,
            low,
            high,
            confidence,
        },
        p_value,
    })
}

/// The p-value of Pearson's goodness-of-fit test that counts were drawn with these weights (Pearson, Philosophical
/// Magazine 50, 1900; as a check of experiments: Fabijan et al., KDD 2019). A tiny one (under 0.001 is usual) says
/// that assignment is broken and nothing else of the comparison may be believed. Weights need not sum to one; `None`
/// unless the lengths agree, something was counted and a count with weight 0 is 0.
pub fn sample_ratio_mismatch(observed: &[u64], weights: &[f64]) -> Option<f64> {
    let total: f64 = observed.iter().map(|&count| count as f64).sum();
    let weight: f64 = weights.iter().sum();
    if observed.len() != weights.len()
        || total <= 0.0
        || !weight.is_finite()
        || weights.iter().any(|&w| w < 0.0)
        || weight <= 0.0
    {
        return None;
    }
    let (mut statistic, mut degrees) = (0.0, -1.0);
    for (&count, &share) in observed.iter().zip(weights) {
        let expected = total * share / weight;
        if expected > 0.0 {
            statistic += (count as f64 - expected).powi(2) / expected;
            degrees += 1.0;
        } else if count > 0 {
            return None;
        }
    }
    Some(chi_square_sf(statistic, degrees))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} {b}");
    }

    #[test]
    fn wilson_agrees_with_statsmodels() {
        // proportion_confint(10, 100, method="wilson")
        let interval = wilson(10, 100, 0.95).unwrap();
        close(interval.low, 0.055_229_137_060_675_09);
        close(interval.high, 0.174_365_661_504_912_7);
        assert!(wilson(0, 0, 0.95).is_none());
        close(wilson(0, 10, 0.95).unwrap().low, 0.0);
        close(wilson(10, 10, 0.95).unwrap().high, 1.0);
    }

    #[test]
    fn newcombe_reproduces_its_papers_example() {
        // Newcombe 1998, table II, method 10, (a) 56/70 - 48/80: 0.0524 to 0.3339.
        let compared = two_proportions((48, 80), (56, 70), 0.95).unwrap();
        assert!(
            (compared.difference.low - 0.0524).abs() < 1e-4,
            "{compared:?}"
        );
        assert!(
            (compared.difference.high - 0.3339).abs() < 1e-4,
            "{compared:?}"
        );
        close(compared.p_value, 0.008_045_081_368_196_56);
        close(two_proportions((0, 5), (0, 5), 0.95).unwrap().p_value, 1.0);
    }

    #[test]
    fn a_lopsided_split_is_seen() {
        // scipy.stats.chisquare([821588, 815482])
        close(
            sample_ratio_mismatch(&[821_588, 815_482], &[1.0, 1.0]).unwrap(),
            1.821_792_872_619_185_8e-6,
        );
        assert!(sample_ratio_mismatch(&[100, 99], &[0.5, 0.5]).unwrap() > 0.9);
        assert_eq!(sample_ratio_mismatch(&[1], &[0.5, 0.5]), None);
        assert_eq!(sample_ratio_mismatch(&[1, 1], &[1.0, 0.0]), None);
        assert_eq!(sample_ratio_mismatch(&[10, 0], &[1.0, 0.0]), Some(1.0));
    }
}
