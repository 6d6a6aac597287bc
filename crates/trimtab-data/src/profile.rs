//! What is learned from a table: counts, quantiles, values.

use std::collections::HashMap;

use arrow::{
    array::{Array, ArrayRef, AsArray},
    compute::{cast, concat},
    datatypes::{DataType, Float64Type},
    record_batch::RecordBatch,
};
use serde::{Deserialize, Serialize};
use trimtab_stats::Sample;

use crate::{ColumnKind, ColumnSchema, DataError};

/// Columns with more different values are not listed value by value.
const MOST_VALUES: usize = 8_192;
/// Chunks in which nulls are counted.
const CHUNKS: usize = 30;
/// Bins of the picture.
const BINS: usize = 32;
const VERSION: u32 = 1;

/// What was learned from the columns of a table.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Profile {
    /// Version of this document's shape.
    pub version: u32,
    /// The number of rows.
    pub rows: u64,
    /// Whether the rows were looked at in the order of time: only then do runs and chunks mean anything.
    pub is_ordered: bool,
    /// Its columns, in order.
    pub columns: Vec<ColumnProfile>,
}

impl Profile {
    /// The profile of a column.
    pub fn column(&self, name: &str) -> Option<&ColumnProfile> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// What was learned from one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
    /// Values that are not null.
    pub count: u64,
    /// Nulls (and NaN and infinities, which stand for a missing number in most tables).
    pub nulls: u64,
    /// Different values; `None` when there are more than 8,192.
    pub distinct: Option<u64>,
    /// Every value with its count, most frequent first, then by value; empty when there are more than 8,192.
    pub values: Vec<(String, u64)>,
    /// The most equal values one after the other (nulls apart).
    pub longest_run: u64,
    /// The share of nulls in each of about 30 chunks of the rows: the greatest, and the standard deviation.
    pub null_peak: f64,
    /// See `null_peak`.
    pub null_spread: f64,
    /// For numbers.
    pub numeric: Option<NumericProfile>,
}

/// What was learned from a column of numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NumericProfile {
    /// The least value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub std: f64,
    /// How many values are zero.
    pub zeros: u64,
    /// The quantiles at 0, 0.01, … 1 (inverted distribution function: each is a value that occurs).
    pub quantiles: Vec<f64>,
    /// Equal-width bins for a picture.
    pub histogram: Histogram,
}

/// Equal-width bins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// The edges, one more than there are bins.
    pub edges: Vec<f64>,
    /// The values in each bin.
    pub counts: Vec<u64>,
}

impl ColumnProfile {
    /// The share of nulls.
    pub fn null_share(&self) -> f64 {
        self.nulls as f64 / ((self.nulls + self.count) as f64).max(1.0)
    }

    /// Whether every value is listed.
    pub fn has_all_values(&self) -> bool {
        self.distinct.is_some()
    }

    /// The numbers as a sample: all of them, or (where they are too many) the quantiles.
    pub(crate) fn sample(&self) -> Option<Sample> {
        let numeric = self.numeric.as_ref()?;
        if self.has_all_values() {
            let values = self.values.iter();
            Some(Sample::from_counts(values.filter_map(|(value, count)| {
                Some((value.parse::<f64>().ok()?, *count))
            })))
        } else {
            Some(Sample::new(&numeric.quantiles))
        }
    }
}

/// What a column of this type holds.
pub(crate) fn kind_of(kind: &DataType) -> ColumnKind {
    match kind {
        DataType::Dictionary(_, values) => kind_of(values),
        DataType::Float16
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => ColumnKind::Float,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => {
            ColumnKind::Text
        }
        DataType::Boolean => ColumnKind::Bool,
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => ColumnKind::Time,
        other if other.is_integer() => ColumnKind::Int,
        _ => ColumnKind::Other,
    }
}

/// The schema of a table, from its profile.
pub(crate) fn schema(profile: &Profile) -> Vec<ColumnSchema> {
    let columns = profile.columns.iter();
    columns
        .map(|column| ColumnSchema {
            name: column.name.clone(),
            kind: column.kind,
            nullable: column.nulls > 0,
        })
        .collect()
}

/// Learns from a table.
pub(crate) fn learn(batches: &[RecordBatch], is_ordered: bool) -> Result<Profile, DataError> {
    let Some(first) = batches.first() else {
        return Ok(Profile::default());
    };
    let names = first.schema_ref().fields().iter().map(|field| field.name());
    let columns = names
        .map(|name| learn_column(name, name, batches))
        .collect::<Result<_, _>>()?;
    Ok(Profile {
        version: VERSION,
        rows: batches.iter().map(|batch| batch.num_rows() as u64).sum(),
        is_ordered,
        columns,
    })
}

/// Learns from the column `column` of some batches, and calls it `name`; batches that lack it count as nulls.
pub(crate) fn learn_column(
    name: &str,
    column: &str,
    batches: &[RecordBatch],
) -> Result<ColumnProfile, DataError> {
    let arrow_error = |source| DataError::Arrow {
        action: "profile",
        source,
    };
    let arrays: Vec<&dyn Array> = batches
        .iter()
        .filter_map(|batch| batch.column_by_name(column).map(AsRef::as_ref))
        .collect();
    let array: ArrayRef = match arrays.as_slice() {
        [] => arrow::array::new_null_array(&DataType::Utf8, 0),
        arrays => concat(arrays).map_err(arrow_error)?,
    };
    let kind = kind_of(array.data_type());
    let mut profile = ColumnProfile {
        name: name.to_owned(),
        kind,
        count: 0,
        nulls: 0,
        distinct: None,
        values: Vec::new(),
        longest_run: 0,
        null_peak: 0.0,
        null_spread: 0.0,
        numeric: None,
    };
    match kind {
        ColumnKind::Int | ColumnKind::Float => {
            let numbers = cast(&array, &DataType::Float64).map_err(arrow_error)?;
            let numbers = numbers.as_primitive::<Float64Type>();
            // NaN stands for a missing number in most tables, and nothing can be learned from an infinity either;
            // adding zero makes the two zeros one.
            let finite = |value: f64| value.is_finite().then_some(value + 0.0);
            let values = numbers.iter().map(|value| value.and_then(finite));
            profile.see(values.clone().map(|value| value.map(f64::to_bits)));
            let mut sorted: Vec<f64> = values.flatten().collect();
            sorted.sort_unstable_by(f64::total_cmp);
            profile.numbers(&sorted);
        }
        ColumnKind::Text | ColumnKind::Bool => {
            let texts = cast(&array, &DataType::Utf8).map_err(arrow_error)?;
            let texts = texts.as_string::<i32>();
            profile.see(texts.iter());
            let mut counts: HashMap<&str, u64> = HashMap::new();
            for value in texts.iter().flatten() {
                *counts.entry(value).or_default() += 1;
                if counts.len() > MOST_VALUES {
                    break;
                }
            }
            let counts = counts.into_iter();
            profile.list(
                counts
                    .map(|(value, count)| (value.to_owned(), count))
                    .collect(),
            );
        }
        ColumnKind::Time | ColumnKind::Other => {
            profile.see((0..array.len()).map(|row| array.is_valid(row).then_some(row)));
        }
    }
    let absent = batches
        .iter()
        .filter(|b| b.column_by_name(column).is_none());
    profile.nulls += absent.map(|batch| batch.num_rows() as u64).sum::<u64>();
    Ok(profile)
}

impl ColumnProfile {
    /// Counts values, nulls, runs and the nulls of each chunk.
    fn see<T: PartialEq>(&mut self, values: impl ExactSizeIterator<Item = Option<T>>) {
        let chunk = values.len().div_ceil(CHUNKS).max(1);
        let mut nulls_of_chunks: Vec<f64> = Vec::new();
        let mut nulls = 0_u64;
        let mut in_chunk = 0;
        let mut last: Option<T> = None;
        let mut run = 0;
        for value in values {
            in_chunk += 1;
            match value {
                None => nulls += 1,
                Some(value) => {
                    self.count += 1;
                    run = if last.as_ref() == Some(&value) {
                        run + 1
                    } else {
                        1
                    };
                    self.longest_run = self.longest_run.max(run);
                    last = Some(value);
                }
            }
            if in_chunk == chunk {
                nulls_of_chunks.push(nulls as f64 / in_chunk as f64);
                self.nulls += nulls;
                (nulls, in_chunk) = (0, 0);
            }
        }
        self.nulls += nulls;
        if nulls_of_chunks.is_empty() && in_chunk > 0 {
            nulls_of_chunks.push(nulls as f64 / in_chunk as f64);
        }
        let count = (nulls_of_chunks.len() as f64).max(1.0);
        let mean = nulls_of_chunks.iter().sum::<f64>() / count;
        let squares = nulls_of_chunks.iter().map(|share| (share - mean).powi(2));
        self.null_spread = (squares.sum::<f64>() / count).sqrt();
        self.null_peak = nulls_of_chunks.iter().copied().fold(0.0, f64::max);
    }

    fn list(&mut self, mut values: Vec<(String, u64)>) {
        if values.len() <= MOST_VALUES {
            values.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            self.distinct = Some(values.len() as u64);
            self.values = values;
        }
    }

    fn numbers(&mut self, sorted: &[f64]) {
        let (Some(min), Some(max)) = (sorted.first(), sorted.last()) else {
            self.distinct = Some(0);
            return;
        };
        let mut values: Vec<(String, u64)> = Vec::new();
        for equal in sorted.chunk_by(|a, b| a.total_cmp(b).is_eq()) {
            if values.len() > MOST_VALUES {
                break;
            }
            values.push((equal[0].to_string(), equal.len() as u64));
        }
        self.list(values);
        let count = sorted.len() as f64;
        let mean = sorted.iter().map(|value| value / count).sum::<f64>();
        let squares = sorted.iter().map(|value| (value - mean).powi(2));
        let quantiles = (0..=100_usize)
            .map(|percent| {
                let place = (percent * sorted.len()).div_ceil(100).max(1) - 1;
                sorted[place.min(sorted.len() - 1)]
            })
            .collect();
        self.numeric = Some(NumericProfile {
            min: *min,
            max: *max,
            mean,
            // Beyond the range of a double the document could not be written.
            std: (squares.sum::<f64>() / count).sqrt().min(f64::MAX),
            zeros: sorted.iter().filter(|value| **value == 0.0).count() as u64,
            quantiles,
            histogram: histogram(sorted, *min, *max),
        });
    }
}

fn histogram(sorted: &[f64], min: f64, max: f64) -> Histogram {
    let width = (max - min) / BINS as f64;
    if width <= 0.0 || !width.is_finite() {
        return Histogram {
            edges: vec![min, max],
            counts: vec![sorted.len() as u64],
        };
    }
    let mut edges: Vec<f64> = (0..BINS).map(|bin| min + width * bin as f64).collect();
    edges.push(max);
    let mut counts = Vec::with_capacity(BINS);
    let mut from = 0;
    for bin in 0..BINS {
        let to = if bin + 1 == BINS {
            sorted.len()
        } else {
            sorted.partition_point(|value| *value < edges[bin + 1])
        };
        counts.push(to.saturating_sub(from) as u64);
        from = to.max(from);
    }
    Histogram { edges, counts }
}
