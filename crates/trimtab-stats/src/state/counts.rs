//! How often each value occurs, exactly, while there are not too many.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{StateError, check_version};
use crate::Sample;

const KIND: &str = "value count";
const VERSION: u32 = 1;
/// Distinct values at most.
const LIMIT: usize = 8_192;

/// Exact counts of the values of a column, numbers and texts, up to 8,192 distinct ones; every statistic computed from
/// it is the statistic of the rows. With one value more it knows only how many rows there were (in whatever order they
/// came), and [`Self::is_exact`] says so.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct ValueCounts {
    /// Keyed by bits that sort as the numbers do.
    numbers: BTreeMap<u64, u64>,
    texts: BTreeMap<String, u64>,
    /// Rows with a value.
    rows: u64,
    missing: u64,
    is_overflowed: bool,
}

impl ValueCounts {
    /// Counts of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a number; NaN and infinities count as missing, `-0.0` is `0.0`.
    pub fn add_number(&mut self, value: f64) {
        if value.is_finite() {
            self.count_number(value, 1);
            self.bound();
        } else {
            self.missing += 1;
        }
    }

    /// Adds a text.
    pub fn add_text(&mut self, value: &str) {
        self.rows += 1;
        if self.is_overflowed {
            return;
        }
        if let Some(count) = self.texts.get_mut(value) {
            *count += 1;
        } else {
            self.texts.insert(value.to_owned(), 1);
            self.bound();
        }
    }

    /// Adds a row without a value.
    pub fn add_missing(&mut self) {
        self.missing += 1;
    }

    fn count_number(&mut self, value: f64, count: u64) {
        self.rows += count;
        if !self.is_overflowed {
            *self.numbers.entry(ordered_bits(value + 0.0)).or_default() += count;
        }
    }

    fn bound(&mut self) {
        if self.distinct() > LIMIT {
            self.is_overflowed = true;
            self.numbers.clear();
            self.texts.clear();
        }
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.missing += other.missing;
        self.is_overflowed |= other.is_overflowed;
        if self.is_overflowed {
            self.numbers.clear();
            self.texts.clear();
            return;
        }
        for (&bits, count) in &other.numbers {
            *self.numbers.entry(bits).or_default() += count;
        }
        for (text, count) in &other.texts {
            *self.texts.entry(text.clone()).or_default() += count;
        }
        self.bound();
    }

    /// Whether every value is known.
    pub fn is_exact(&self) -> bool {
        !self.is_overflowed
    }

    /// Distinct values; 0 when not exact.
    pub fn distinct(&self) -> usize {
        self.numbers.len() + self.texts.len()
    }

    /// Rows with a value.
    pub fn len(&self) -> u64 {
        self.rows
    }

    /// Whether no row has a value.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Rows without a finite value.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// The numbers as a sample; `None` when not exact.
    pub fn numbers(&self) -> Option<Sample> {
        self.is_exact().then(|| {
            Sample::from_counts(
                self.numbers
                    .iter()
                    .map(|(&bits, &count)| (from_ordered_bits(bits), count)),
            )
        })
    }

    /// The texts with their counts, in byte order; nothing when not exact.
    pub fn texts(&self) -> impl Iterator<Item = (&str, u64)> {
        self.texts
            .iter()
            .map(|(text, &count)| (text.as_str(), count))
    }

    /// The counts of both over the texts of either, in byte order: what the distances of shares want. `None` unless both
    /// are exact.
    pub fn aligned_texts(&self, other: &Self) -> Option<(Vec<f64>, Vec<f64>)> {
        if !(self.is_exact() && other.is_exact()) {
            return None;
        }
        let mut both: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for (text, count) in self.texts() {
            both.entry(text).or_default().0 = count as f64;
        }
        for (text, count) in other.texts() {
            both.entry(text).or_default().1 = count as f64;
        }
        Some(both.into_values().unzip())
    }
}

/// Bits of a double that compare as unsigned integers the way the doubles compare (as in IEEE 754's totalOrder).
fn ordered_bits(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 0 {
        bits | 1 << 63
    } else {
        !bits
    }
}

fn from_ordered_bits(bits: u64) -> f64 {
    f64::from_bits(if bits >> 63 == 1 {
        bits & !(1 << 63)
    } else {
        !bits
    })
}

/// What is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    version: u32,
    numbers: Vec<(f64, u64)>,
    texts: Vec<(String, u64)>,
    rows: u64,
    missing: u64,
    is_overflowed: bool,
}

impl From<ValueCounts> for Stored {
    fn from(counts: ValueCounts) -> Self {
        Self {
            version: VERSION,
            numbers: counts
                .numbers
                .iter()
                .map(|(&bits, &count)| (from_ordered_bits(bits), count))
                .collect(),
            texts: counts.texts.into_iter().collect(),
            rows: counts.rows,
            missing: counts.missing,
            is_overflowed: counts.is_overflowed,
        }
    }
}

impl TryFrom<Stored> for ValueCounts {
    type Error = StateError;

    fn try_from(stored: Stored) -> Result<Self, StateError> {
        check_version(KIND, stored.version, VERSION)?;
        let damaged = |what| Err(StateError::Damaged { kind: KIND, what });
        let sum = stored
            .numbers
            .iter()
            .map(|(_, count)| *count)
            .chain(stored.texts.iter().map(|(_, count)| *count))
            .try_fold(0_u64, u64::checked_add);
        let is_whole = if stored.is_overflowed {
            stored.numbers.is_empty() && stored.texts.is_empty()
        } else {
            sum == Some(stored.rows)
        };
        if !is_whole {
            return damaged("its counts do not sum to its rows");
        }
        if stored.numbers.len() + stored.texts.len() > LIMIT {
            return damaged("it has too many values");
        }
        Ok(Self {
            numbers: stored
                .numbers
                .into_iter()
                .map(|(value, count)| (ordered_bits(value + 0.0), count))
                .collect(),
            texts: stored.texts.into_iter().collect(),
            rows: stored.rows,
            missing: stored.missing,
            is_overflowed: stored.is_overflowed,
        })
    }
}
