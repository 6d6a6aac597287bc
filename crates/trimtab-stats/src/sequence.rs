//! A confidence sequence: an interval that may be looked at after every value.

use serde::{Deserialize, Serialize};

use crate::{Interval, StateError, state::check_version};

const KIND: &str = "confidence sequence";
const VERSION: u32 = 1;
/// Candidates for the mean on each side of the middle of the range.
const HALF: usize = 256;
/// Bets are cut so that the capital never falls below a quarter in one step.
const CAUTION: f64 = 0.75;

/// Always-valid interval for the mean of bounded values: with probability at least `1 - alpha` it covers the true mean
/// after *every* value at once, so one may look as often as one likes and stop when one likes.
///
/// It is the hedged capital process of Waudby-Smith and Ramdas, "Estimating means of bounded random variables by
/// betting", JRSS B 86, 2024, theorem 3 and equation (26), with its predictable plug-in bets (equation (23)); validity
/// rests on Ville's inequality. A candidate mean is dropped for ever once betting against it has multiplied the
/// stake by `2 / alpha`. Candidates are a fixed grid, denser around the middle of the range (for differences: around
/// zero); the ends of the interval are rounded outward to it, so rounding can only widen.
///
/// Give it one value per independent unit (cluster): the mean over the rows of one assignment key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct ConfidenceSequence {
    low: f64,
    high: f64,
    alpha: f64,
    count: u64,
    clipped: u64,
    /// Sum of the values, scaled to \[0, 1\].
    sum: f64,
    /// Sum of squared distances from the running mean, as the bets want it.
    squares: f64,
    /// Logarithm of the capital of betting that the mean is above / below each candidate still standing.
    above: Vec<f64>,
    below: Vec<f64>,
    /// The candidates still standing, as a range of grid places.
    first: usize,
    last: usize,
}

/// The range or alpha cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "a confidence sequence needs finite low < high and 0 < alpha < 1, not {low}, {high}, {alpha}"
)]
pub struct RangeError {
    /// The least value.
    pub low: f64,
    /// The greatest value.
    pub high: f64,
    /// The error probability.
    pub alpha: f64,
}

impl ConfidenceSequence {
    /// An empty sequence for values in `low..=high` and error probability `alpha`.
    pub fn new(low: f64, high: f64, alpha: f64) -> Result<Self, RangeError> {
        if !(low.is_finite() && high.is_finite() && low < high && alpha > 0.0 && alpha < 1.0) {
            return Err(RangeError { low, high, alpha });
        }
        Ok(Self {
            low,
            high,
            alpha,
            count: 0,
            clipped: 0,
            sum: 0.0,
            squares: 0.0,
            above: vec![0.0; 2 * HALF + 1],
            below: vec![0.0; 2 * HALF + 1],
            first: 0,
            last: 2 * HALF,
        })
    }

    /// Takes the value of one unit. A value outside the range counts as the range's end (and in
    /// [`Self::clipped`]): what is estimated then is the mean of the clipped values. NaN is ignored.
    pub fn update(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        if value < self.low || value > self.high {
            self.clipped += 1;
        }
        let x = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        let seen = self.count as f64;
        let variance = (0.25 + self.squares) / (seen + 1.0);
        let next = seen + 1.0;
        let bet = (2.0 * (2.0 / self.alpha).ln() / (variance * next * (next + 1.0).ln())).sqrt();

        let limit = (2.0 / self.alpha).ln();
        let (mut first, mut last) = (self.first, self.last);
        for place in self.first..=self.last {
            let mean = candidate(place);
            let gain = x - mean;
            let up = bet.min(CAUTION / mean);
            let down = bet.min(CAUTION / (1.0 - mean));
            self.above[place] += (up * gain).ln_1p();
            self.below[place] += (-down * gain).ln_1p();
            // The capital of betting upward falls with the candidate, that of betting downward rises: what
            // stands is one interval.
            if self.above[place] >= limit && place < 2 * HALF {
                first = first.max(place + 1);
            }
            if self.below[place] >= limit && place > 0 {
                last = last.min(place - 1);
            }
        }
        if first <= last {
            (self.first, self.last) = (first, last);
        } else {
            // Everything is refuted (probability at most alpha): keep the one candidate nearest to the mean.
            let middle = first.min(self.last).max(self.first);
            (self.first, self.last) = (middle, middle);
        }

        self.count += 1;
        self.sum += x;
        let mean = (0.5 + self.sum) / (self.count as f64 + 1.0);
        self.squares += (x - mean).powi(2);
    }

    /// The mean so far with its interval, which always holds it; `None` before the first value.
    pub fn interval(&self) -> Option<Interval> {
        if self.count == 0 {
            return None;
        }
        let back = |x: f64| x.mul_add(self.high - self.low, self.low);
        // The neighbour just outside was refuted; anything between it and the first standing one was not.
        let low = if self.first == 0 {
            0.0
        } else {
            candidate(self.first - 1)
        };
        let high = if self.last == 2 * HALF {
            1.0
        } else {
            candidate(self.last + 1)
        };
        // Candidates dropped for ever stay dropped when the mean moves on; an interval without its own estimate would say
        // more than is known.
        let estimate = self.sum / self.count as f64;
        Some(Interval {
            estimate: back(estimate),
            low: back(low.min(estimate)),
            high: back(high.max(estimate)),
            confidence: 1.0 - self.alpha,
        })
    }

    /// How many values were taken.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many of them lay outside the range.
    pub fn clipped(&self) -> u64 {
        self.clipped
    }
}

/// The candidate at a grid place, in \[0, 1\]: quadratic around one half, so that near zero difference
/// neighbours are 1/131,072 of the range apart and at the ends 1/256.
fn candidate(place: usize) -> f64 {
    let from_middle = (place as f64 - HALF as f64) / HALF as f64;
    0.5 * (from_middle * from_middle.abs() + 1.0)
}

/// What is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    version: u32,
    low: f64,
    high: f64,
    alpha: f64,
    count: u64,
    clipped: u64,
    sum: f64,
    squares: f64,
    first: usize,
    /// Capitals of the candidates still standing.
    above: Vec<f64>,
    below: Vec<f64>,
}

impl From<ConfidenceSequence> for Stored {
    fn from(sequence: ConfidenceSequence) -> Self {
        let standing = sequence.first..=sequence.last;
        Self {
            version: VERSION,
            low: sequence.low,
            high: sequence.high,
            alpha: sequence.alpha,
            count: sequence.count,
            clipped: sequence.clipped,
            sum: sequence.sum,
            squares: sequence.squares,
            first: sequence.first,
            above: sequence.above[standing.clone()].to_vec(),
            below: sequence.below[standing].to_vec(),
        }
    }
}

impl TryFrom<Stored> for ConfidenceSequence {
    type Error = StateError;

    fn try_from(stored: Stored) -> Result<Self, StateError> {
        check_version(KIND, stored.version, VERSION)?;
        let damaged = |what| StateError::Damaged { kind: KIND, what };
        let mut sequence = Self::new(stored.low, stored.high, stored.alpha)
            .map_err(|_| damaged("its range is impossible"))?;
        let standing = stored.above.len();
        if standing == 0
            || stored.below.len() != standing
            || stored.first.saturating_add(standing) > 2 * HALF + 1
        {
            return Err(damaged("its candidates do not fit"));
        }
        sequence.first = stored.first;
        sequence.last = stored.first + standing - 1;
        sequence.above[sequence.first..=sequence.last].copy_from_slice(&stored.above);
        sequence.below[sequence.first..=sequence.last].copy_from_slice(&stored.below);
        sequence.count = stored.count;
        sequence.clipped = stored.clipped;
        sequence.sum = stored.sum;
        sequence.squares = stored.squares;
        Ok(sequence)
    }
}

#[cfg(test)]
mod tests;
