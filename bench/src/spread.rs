//! What a list of durations says in three numbers.

use serde_json::{Value, json};

/// Median, 99th percentile and smallest, in the unit that the caller names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) min: f64,
    pub(crate) count: usize,
}

impl Spread {
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of a length is an index"
            )]
            let index = ((values.len() - 1) as f64 * share).round() as usize;
            values[index]
        };
        let min = *values.first()?;
        Some(Self {
            p50: at(0.5),
            p99: at(0.99),
            min,
            count: values.len(),
        })
    }

    pub(crate) fn to_json(self) -> Value {
        json!({"p50": round(self.p50), "p99": round(self.p99), "min": round(self.min), "n": self.count})
    }
}

pub(crate) fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_hundred() {
        let spread = Spread::of((1..=101).map(f64::from).collect()).unwrap();
        assert_eq!((spread.min, spread.p50, spread.p99), (1.0, 51.0, 100.0));
        assert!(Spread::of(Vec::new()).is_none());
    }
}
