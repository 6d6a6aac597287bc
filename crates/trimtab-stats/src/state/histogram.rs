//! A histogram over edges learned from a reference once: state that only ever adds.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{StateError, check_version};
use crate::Sample;

const KIND: &str = "reference histogram";
const VERSION: u32 = 1;
/// Edges at most.
const EDGES: usize = 256;

/// Counts and sums of values in bins between 256 quantiles of a reference, with one bin on each side for what lies
/// outside. Two histograms over the same edges merge by adding. A reference with at most 256 distinct values has one bin
/// for each, and everything computed from values that the reference has is exact; else the Kolmogorov-Smirnov statistic is
/// within 1/256 and the Wasserstein distance, with each bin's own mean as its point, within a few thousandths of a standard
/// deviation (measured on flights).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct ReferenceHistogram {
    edges: Arc<Vec<f64>>,
    /// Below the first edge; between neighbours (the left one included); at the last edge; above it.
    counts: Vec<u64>,
    sums: Vec<f64>,
    missing: u64,
}

impl ReferenceHistogram {
    /// An empty histogram over the quantiles of a reference; `None` for an empty one.
    pub fn learn(reference: &Sample) -> Option<Self> {
        if reference.is_empty() {
            return None;
        }
        let edges: Vec<f64> = if reference.distinct() <= EDGES {
            reference.iter().map(|(value, _)| value).collect()
        } else {
            quantile_edges(reference)
        };
        Some(Self::over(Arc::new(edges)))
    }

    fn over(edges: Arc<Vec<f64>>) -> Self {
        let cells = edges.len() + 2;
        Self {
            edges,
            counts: vec![0; cells],
            sums: vec![0.0; cells],
            missing: 0,
        }
    }

    /// An empty histogram over the same edges.
    #[must_use]
    pub fn empty_like(&self) -> Self {
        Self::over(Arc::clone(&self.edges))
    }

    /// Adds one value; NaN and infinities count as missing.
    pub fn add(&mut self, value: f64) {
        if value.is_finite() {
            let cell = self.cell(value);
            self.counts[cell] += 1;
            self.sums[cell] += value;
        } else {
            self.missing += 1;
        }
    }

    /// Adds a row without a value.
    pub fn add_missing(&mut self) {
        self.missing += 1;
    }

    fn cell(&self, value: f64) -> usize {
        let not_above = self.edges.partition_point(|edge| *edge <= value);
        if not_above == self.edges.len() && self.edges.last().is_some_and(|last| value > *last) {
            not_above + 1
        } else {
            not_above
        }
    }

    /// Adds another histogram over the same edges.
    pub fn merge(&mut self, other: &Self) -> Result<(), StateError> {
        if self.edges != other.edges {
            return Err(StateError::Different {
                kind: KIND,
                what: "edges",
            });
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        for (mine, theirs) in self.sums.iter_mut().zip(&other.sums) {
            *mine += theirs;
        }
        self.missing += other.missing;
        Ok(())
    }

    /// The edges, ascending.
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// The counts: below the first edge, in each bin, at the last edge, above it.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Rows with a value.
    pub fn len(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Whether no row has a value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows without a finite value.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// Each bin's mean with its count, as a sample: what [`crate::wasserstein`] wants.
    pub fn sample(&self) -> Sample {
        Sample::from_counts(
            self.counts
                .iter()
                .zip(&self.sums)
                .filter(|(count, _)| **count > 0)
                .map(|(&count, &sum)| (sum / count as f64, count)),
        )
    }

    /// The Kolmogorov-Smirnov statistic at the edges; `None` when one is empty or the edges differ.
    pub fn ks_statistic(&self, other: &Self) -> Option<f64> {
        let (n, m) = (self.len() as f64, other.len() as f64);
        if n <= 0.0 || m <= 0.0 || self.edges != other.edges {
            return None;
        }
        let (mut below, mut below_other, mut greatest) = (0, 0, 0.0_f64);
        for (mine, theirs) in self.counts.iter().zip(&other.counts) {
            below += mine;
            below_other += theirs;
            greatest = greatest.max((below as f64 / n - below_other as f64 / m).abs());
        }
        Some(greatest)
    }
}

fn quantile_edges(reference: &Sample) -> Vec<f64> {
    // One walk: each edge is an order statistic, so that edges are values of the reference.
    let last = (reference.len() - 1) as f64;
    let mut edges = Vec::with_capacity(EDGES);
    let mut passed = 0.0;
    let mut next = 0;
    for (value, count) in reference.iter() {
        passed += count as f64;
        let mut is_edge = false;
        while next < EDGES && last * next as f64 / (EDGES - 1) as f64 <= passed - 1.0 {
            is_edge = true;
            next += 1;
        }
        if is_edge {
            edges.push(value);
        }
    }
    edges
}

/// What is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    version: u32,
    edges: Vec<f64>,
    counts: Vec<u64>,
    sums: Vec<f64>,
    missing: u64,
}

impl From<ReferenceHistogram> for Stored {
    fn from(histogram: ReferenceHistogram) -> Self {
        Self {
            version: VERSION,
            edges: histogram.edges.as_ref().clone(),
            counts: histogram.counts,
            sums: histogram.sums,
            missing: histogram.missing,
        }
    }
}

impl TryFrom<Stored> for ReferenceHistogram {
    type Error = StateError;

    fn try_from(stored: Stored) -> Result<Self, StateError> {
        check_version(KIND, stored.version, VERSION)?;
        let cells = stored.edges.len() + 2;
        if stored.edges.is_empty() || stored.counts.len() != cells || stored.sums.len() != cells {
            return Err(StateError::Damaged {
                kind: KIND,
                what: "its bins do not fit its edges",
            });
        }
        if !stored.edges.is_sorted_by(|a, b| a < b) {
            return Err(StateError::Damaged {
                kind: KIND,
                what: "its edges do not ascend",
            });
        }
        Ok(Self {
            edges: Arc::new(stored.edges),
            counts: stored.counts,
            sums: stored.sums,
            missing: stored.missing,
        })
    }
}
