//! A sample as its distinct values with counts: what every two-sample test here is computed from, so that a test on a
//! [`crate::ValueCounts`] is exactly the test on the rows.

/// Distinct finite numbers in ascending order, each with how often it occurs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    values: Vec<f64>,
    counts: Vec<u64>,
    total: u64,
}

impl Sample {
    /// The sample of these values; NaN and infinities are left out, `-0.0` is `0.0`.
    pub fn new(values: &[f64]) -> Self {
        let mut sorted: Vec<f64> = values
            .iter()
            .filter(|value| value.is_finite())
            .map(|value| value + 0.0)
            .collect();
        sorted.sort_unstable_by(f64::total_cmp);
        Self::from_sorted(sorted.into_iter().map(|value| (value, 1)))
    }

    /// The sample of (value, count) pairs in any order.
    pub fn from_counts(pairs: impl IntoIterator<Item = (f64, u64)>) -> Self {
        let mut sorted: Vec<(f64, u64)> = pairs
            .into_iter()
            .filter(|(value, count)| value.is_finite() && *count > 0)
            .map(|(value, count)| (value + 0.0, count))
            .collect();
        sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        Self::from_sorted(sorted)
    }

    fn from_sorted(pairs: impl IntoIterator<Item = (f64, u64)>) -> Self {
        let mut sample = Self::default();
        for (value, count) in pairs {
            match (sample.values.last(), sample.counts.last_mut()) {
                (Some(last), Some(same)) if last.total_cmp(&value).is_eq() => *same += count,
                _ => {
                    sample.values.push(value);
                    sample.counts.push(count);
                }
            }
            sample.total += count;
        }
        sample
    }

    /// How many values.
    pub fn len(&self) -> u64 {
        self.total
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// How many distinct values.
    pub fn distinct(&self) -> usize {
        self.values.len()
    }

    /// The distinct values with their counts, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (f64, u64)> {
        self.values.iter().copied().zip(self.counts.iter().copied())
    }

    /// The mean.
    pub fn mean(&self) -> Option<f64> {
        let sum: f64 = self.iter().map(|(value, count)| value * count as f64).sum();
        (self.total > 0)
            .then(|| sum / self.total as f64)
            .filter(|mean| mean.is_finite())
    }

    /// The variance with divisor `n - ddof`.
    pub fn variance(&self, ddof: u64) -> Option<f64> {
        let mean = self.mean()?;
        let squares: f64 = self
            .iter()
            .map(|(value, count)| (value - mean).powi(2) * count as f64)
            .sum();
        (self.total > ddof).then(|| squares / (self.total - ddof) as f64)
    }

    /// The quantile by definition 7 of Hyndman and Fan (NumPy's default).
    pub fn quantile(&self, p: f64) -> Option<f64> {
        let last = self.total.checked_sub(1)?;
        let place = p.clamp(0.0, 1.0) * last as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 <= place < total"
        )]
        let below = place.floor() as u64;
        let share = place - below as f64;
        let (low, high) = (
            self.order_statistic(below)?,
            self.order_statistic((below + 1).min(last))?,
        );
        Some(low.mul_add(1.0 - share, high * share))
    }

    fn order_statistic(&self, rank: u64) -> Option<f64> {
        let mut passed = 0;
        self.iter().find_map(|(value, count)| {
            passed += count;
            (rank < passed).then_some(value)
        })
    }

    /// Both samples walked together: each value of either with its two counts, ascending.
    pub(crate) fn merged<'a>(&'a self, other: &'a Self) -> Merged<'a> {
        Merged {
            a: self,
            b: other,
            at: (0, 0),
        }
    }
}

/// Iterator of [`Sample::merged`].
#[derive(Debug)]
pub(crate) struct Merged<'a> {
    a: &'a Sample,
    b: &'a Sample,
    at: (usize, usize),
}

impl Iterator for Merged<'_> {
    type Item = (f64, u64, u64);

    fn next(&mut self) -> Option<Self::Item> {
        let (i, j) = self.at;
        let (next_a, next_b) = (self.a.values.get(i), self.b.values.get(j));
        let value = match (next_a, next_b) {
            (Some(&x), Some(&y)) => x.min(y),
            (Some(&x), None) => x,
            (None, Some(&y)) => y,
            (None, None) => return None,
        };
        let mut taken = (value, 0, 0);
        if next_a.is_some_and(|x| *x <= value) {
            taken.1 = self.a.counts[i];
            self.at.0 += 1;
        }
        if next_b.is_some_and(|y| *y <= value) {
            taken.2 = self.b.counts[j];
            self.at.1 += 1;
        }
        Some(taken)
    }
}
