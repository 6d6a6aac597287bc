//! What a reference teaches: for every feature its distribution, and how far its own parts of a window's size lie from
//! it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use arrow::record_batch::RecordBatch;
use rand::{SeedableRng, seq::index};
use rand_pcg::Pcg64;
use trimtab_stats::{ReferenceHistogram, Sample};
use trimtab_types::DatasetVersionId;

use crate::{
    distance::{self, Bins},
    frame::{self, NOTHING, Values},
    ports::EndpointReference,
};

/// Random parts that tell how far chance alone takes a window of this size.
const RANDOM_PARTS: usize = 32;
/// Stretches of time at most; of a longer reference they are taken evenly.
const STRETCHES: usize = 64;
/// A window counts as unusual beyond the farthest part of the reference by this factor, because the farthest of a few
/// parts is not the farthest there could be.
const MARGIN: f64 = 1.25;
/// Less than this is never drift, however sure: 0.1 standard deviations, or 0.05 of Jensen-Shannon distance.
const LEAST_NUMBER: f64 = 0.1;
const LEAST_TEXT: f64 = 0.05;
/// A part is at most this share of the reference, else it is the reference.
const LARGEST_PART: usize = 5;

/// A reference as the judge uses it; made once per dataset version.
#[derive(Debug)]
pub(crate) struct Learned {
    dataset: DatasetVersionId,
    model_version: i64,
    batches: Arc<Vec<RecordBatch>>,
    order: Option<Vec<u32>>,
    rows: usize,
    features: Vec<Feature>,
    /// By part size.
    thresholds: Mutex<HashMap<usize, Arc<Vec<f64>>>>,
}

/// One feature of the reference.
#[derive(Debug)]
pub(crate) struct Feature {
    pub(crate) name: String,
    pub(crate) importance: Option<f64>,
    pub(crate) shape: Shape,
}

/// Its distribution.
#[derive(Debug)]
pub(crate) enum Shape {
    Numbers {
        histogram: ReferenceHistogram,
        sample: Sample,
        bins: Bins,
    },
    Texts {
        counts: BTreeMap<String, u64>,
        missing: u64,
    },
}

impl Learned {
    /// Learns from every column of a reference but its label; those that are no inputs are asked for by no window.
    pub(crate) fn new(reference: &EndpointReference) -> Self {
        let batches = Arc::clone(&reference.batches);
        let rows = frame::rows(&batches);
        let total: f64 = reference
            .importances
            .iter()
            .flatten()
            .map(|(_, weight)| weight.max(0.0))
            .sum();
        let importance = |name: &str| {
            let (_, weight) = reference
                .importances
                .as_ref()?
                .iter()
                .find(|(column, _)| column == name)?;
            (total > 0.0).then(|| weight.max(0.0) / total)
        };
        let features = frame::names(&batches)
            .into_iter()
            .filter(|name| reference.label.as_ref() != Some(name))
            .filter_map(|name| {
                let shape = Shape::of(&frame::column(&batches, &name)?)?;
                Some(Feature {
                    importance: importance(&name),
                    name,
                    shape,
                })
            })
            .collect();
        let order = frame::order_of_time(&batches);
        Self {
            dataset: reference.dataset,
            model_version: reference.model_version,
            batches,
            order,
            rows,
            features,
            thresholds: Mutex::default(),
        }
    }

    /// Whether it was learned from this reference.
    pub(crate) fn is_of(&self, reference: &EndpointReference) -> bool {
        self.dataset == reference.dataset && self.model_version == reference.model_version
    }

    /// The features in the order of the inputs; columns that are keys of rows, or empty, are none.
    pub(crate) fn features(&self) -> &[Feature] {
        &self.features
    }

    /// How many rows the reference has.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// For each feature in their order, how far a window of so many rows may lie from the reference.
    pub(crate) fn thresholds(&self, window_rows: usize) -> Arc<Vec<f64>> {
        // Sizes in steps of the square root of two, rounded down: a smaller part strays farther, so this errs to
        // the quiet side, and a month of windows learns two or three sizes.
        let size = part_size(window_rows.min(self.rows / LARGEST_PART)).max(1);
        let mut known = self
            .thresholds
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            known
                .entry(size)
                .or_insert_with(|| Arc::new(self.learn(size))),
        )
    }

    fn learn(&self, size: usize) -> Vec<f64> {
        let parts = parts(self.rows, size);
        self.features
            .iter()
            .map(|feature| {
                let Some(mut values) = frame::column(&self.batches, &feature.name) else {
                    return f64::MAX;
                };
                if let Some(order) = &self.order {
                    values = values.reorder(order);
                }
                let least = match feature.shape {
                    Shape::Numbers { .. } => LEAST_NUMBER,
                    Shape::Texts { .. } => LEAST_TEXT,
                };
                let farthest = parts
                    .iter()
                    .filter_map(|rows| feature.shape.distance(&values, rows.iter().copied()))
                    .fold(0.0, f64::max);
                (farthest * MARGIN).clamp(least, f64::MAX)
            })
            .collect()
    }
}

/// The greatest power of the square root of two that is not above.
fn part_size(rows: usize) -> usize {
    let mut size = 1;
    while size * 2 <= rows {
        size *= 2;
    }
    // 181/128 is the root of two to four digits.
    let half_step = size * 181 / 128;
    if half_step <= rows { half_step } else { size }
}

/// Row numbers of each part: stretches in order, then random ones.
fn parts(rows: usize, size: usize) -> Vec<Vec<usize>> {
    let whole = rows / size;
    let stretches = whole.min(STRETCHES);
    let mut parts: Vec<Vec<usize>> = (0..stretches)
        .map(|i| {
            let from = i * whole / stretches * size;
            (from..from + size).collect()
        })
        .collect();
    let mut random = Pcg64::seed_from_u64(rows as u64);
    for _ in 0..RANDOM_PARTS {
        parts.push(index::sample(&mut random, rows, size.min(rows)).into_vec());
    }
    parts
}

impl Shape {
    /// `None` for a column without values and for one whose values are all different, as keys are.
    fn of(values: &Values) -> Option<Self> {
        const KEYS_FROM: u64 = 100;
        match values {
            Values::Numbers(numbers) => {
                let sample = Sample::new(numbers);
                let is_whole = || sample.iter().all(|(value, _)| value.fract() == 0.0);
                if sample.len() >= KEYS_FROM
                    && sample.distinct() as u64 == sample.len()
                    && is_whole()
                {
                    return None;
                }
                let mut histogram = ReferenceHistogram::learn(&sample)?;
                for &value in numbers {
                    histogram.add(value);
                }
                let bins = Bins::learn(&sample)?;
                Some(Self::Numbers {
                    histogram,
                    sample,
                    bins,
                })
            }
            Values::Texts { codes, dictionary } => {
                let mut by_code = vec![0_u64; dictionary.len()];
                let mut missing = 0;
                for &code in codes {
                    match by_code.get_mut(code as usize) {
                        Some(count) => *count += 1,
                        None => missing += 1,
                    }
                }
                let with_value = codes.len() as u64 - missing;
                if with_value == 0
                    || (with_value >= KEYS_FROM && dictionary.len() as u64 * 2 > with_value)
                {
                    return None;
                }
                let counts = dictionary.iter().cloned().zip(by_code).collect();
                Some(Self::Texts { counts, missing })
            }
        }
    }

    /// The effect size's name.
    pub(crate) fn test(&self) -> &'static str {
        match self {
            Self::Numbers { .. } => "wasserstein",
            Self::Texts { .. } => "jensen_shannon",
        }
    }

    /// How far these rows of a column lie from the reference; `None` when none of them has a value of its type.
    pub(crate) fn distance(
        &self,
        values: &Values,
        rows: impl Iterator<Item = usize>,
    ) -> Option<f64> {
        match (self, values) {
            (
                Self::Numbers {
                    histogram, sample, ..
                },
                Values::Numbers(numbers),
            ) => {
                let mut window = histogram.empty_like();
                for row in rows {
                    window.add(numbers[row]);
                }
                distance::of_histograms(histogram, sample, &window)
            }
            (Self::Texts { counts, .. }, Values::Texts { codes, dictionary }) => {
                let window = count_texts(codes, dictionary, rows);
                let (a, b) = distance::align(counts, &window);
                trimtab_stats::jensen_shannon(&a, &b)
            }
            (Self::Numbers { .. }, Values::Texts { .. })
            | (Self::Texts { .. }, Values::Numbers(_)) => None,
        }
    }
}

/// How often each text occurs in these rows.
pub(crate) fn count_texts<'a>(
    codes: &[u32],
    dictionary: &'a [String],
    rows: impl Iterator<Item = usize>,
) -> BTreeMap<&'a str, u64> {
    let mut by_code = vec![0_u64; dictionary.len()];
    for row in rows {
        if codes[row] != NOTHING {
            by_code[codes[row] as usize] += 1;
        }
    }
    dictionary
        .iter()
        .map(String::as_str)
        .zip(by_code)
        .filter(|(_, count)| *count > 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_step_by_the_root_of_two() {
        let sizes: Vec<usize> = [1, 2, 3, 100, 128, 181, 182, 1000].map(part_size).to_vec();
        assert_eq!(sizes, [1, 2, 2, 90, 128, 181, 181, 724]);
    }

    #[test]
    fn parts_lie_inside_and_are_the_same_each_time() {
        for (rows, size) in [(100, 20), (27_004, 724), (10, 10), (1_000_000, 500)] {
            let once = parts(rows, size);
            assert_eq!(once, parts(rows, size));
            assert!(
                once.iter()
                    .all(|part| part.len() == size && part.iter().all(|row| *row < rows))
            );
            assert!(once.len() <= STRETCHES + RANDOM_PARTS);
        }
    }
}
