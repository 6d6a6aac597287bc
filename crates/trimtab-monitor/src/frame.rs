//! Columns of batches as the judge wants them: numbers with NaN for nothing, texts as codes into a dictionary.

use std::collections::HashMap;

use arrow::{
    array::{Array, AsArray},
    compute::cast,
    datatypes::{DataType, Float64Type, Int64Type, TimeUnit},
    record_batch::RecordBatch,
};

/// One column over all batches.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    /// NaN is no value.
    Numbers(Vec<f64>),
    /// [`NOTHING`] is no value.
    Texts {
        codes: Vec<u32>,
        dictionary: Vec<String>,
    },
}

/// The code of no value.
pub(crate) const NOTHING: u32 = u32::MAX;

impl Values {
    /// Puts the rows into this order.
    pub(crate) fn reorder(self, order: &[u32]) -> Self {
        match self {
            Self::Numbers(values) => {
                Self::Numbers(order.iter().map(|&row| values[row as usize]).collect())
            }
            Self::Texts { codes, dictionary } => Self::Texts {
                codes: order.iter().map(|&row| codes[row as usize]).collect(),
                dictionary,
            },
        }
    }

    /// How many rows.
    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Texts { codes, .. } => codes.len(),
        }
    }
}

/// All rows.
pub(crate) fn rows(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric() || *data_type == DataType::Boolean
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// A column by name; `None` when no batch has it or its type is neither number nor text. A batch without the column, or
/// with another type than the first that has it, gives rows without a value (the checks speak of that).
pub(crate) fn column(batches: &[RecordBatch], name: &str) -> Option<Values> {
    let first = batches
        .iter()
        .find_map(|batch| batch.column_by_name(name))?;
    if is_number(first.data_type()) {
        let mut values = Vec::with_capacity(rows(batches));
        for batch in batches {
            let array = batch
                .column_by_name(name)
                .filter(|array| is_number(array.data_type()))
                .and_then(|array| cast(array, &DataType::Float64).ok());
            match array {
                Some(array) => values.extend(
                    array
                        .as_primitive::<Float64Type>()
                        .iter()
                        .map(|value| value.unwrap_or(f64::NAN)),
                ),
                None => values.resize(values.len() + batch.num_rows(), f64::NAN),
            }
        }
        return Some(Values::Numbers(values));
    }
    if !is_text(first.data_type()) {
        return None;
    }
    let mut codes = Vec::with_capacity(rows(batches));
    let mut dictionary = Vec::new();
    let mut known: HashMap<String, u32> = HashMap::new();
    for batch in batches {
        let array = batch
            .column_by_name(name)
            .filter(|array| is_text(array.data_type()))
            .and_then(|array| cast(array, &DataType::Utf8).ok());
        let Some(array) = array else {
            codes.resize(codes.len() + batch.num_rows(), NOTHING);
            continue;
        };
        for value in array.as_string::<i32>() {
            let code = match value {
                None => NOTHING,
                Some(text) => known.get(text).copied().unwrap_or_else(|| {
                    let code = u32::try_from(dictionary.len()).unwrap_or(NOTHING);
                    dictionary.push(text.to_owned());
                    known.insert(text.to_owned(), code);
                    code
                }),
            };
            codes.push(code);
        }
    }
    Some(Values::Texts { codes, dictionary })
}

/// A numeric column; empty when there is none.
pub(crate) fn numbers(batches: &[RecordBatch], name: &str) -> Vec<f64> {
    match column(batches, name) {
        Some(Values::Numbers(values)) => values,
        Some(Values::Texts { .. }) | None => Vec::new(),
    }
}

/// A column of times in microseconds.
pub(crate) fn times(batches: &[RecordBatch], name: &str) -> Option<Vec<i64>> {
    let mut values = Vec::with_capacity(rows(batches));
    for batch in batches {
        let array = batch.column_by_name(name)?;
        // The time zone stays as it is: without a table of zones it could not be taken off.
        let to = match array.data_type() {
            DataType::Timestamp(_, zone) => {
                DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
            }
            DataType::Date32 | DataType::Date64 => DataType::Timestamp(TimeUnit::Microsecond, None),
            _ => return None,
        };
        let array = cast(&cast(array, &to).ok()?, &DataType::Int64).ok()?;
        values.extend(
            array
                .as_primitive::<Int64Type>()
                .iter()
                .map(|value| value.unwrap_or(i64::MIN)),
        );
    }
    Some(values)
}

/// The order of the rows by time, where the table has a time: `event_time`, else the first column that is one.
pub(crate) fn order_of_time(batches: &[RecordBatch]) -> Option<Vec<u32>> {
    let schema = batches.first()?.schema();
    let names = schema.fields().iter().map(|field| field.name().as_str());
    let times = std::iter::once("event_time")
        .chain(names)
        .find_map(|name| times(batches, name))?;
    if times.is_sorted() {
        return None;
    }
    let mut order: Vec<u32> = (0..u32::try_from(times.len()).ok()?).collect();
    order.sort_by_key(|&row| times[row as usize]);
    Some(order)
}

/// The names of the batches' columns.
pub(crate) fn names(batches: &[RecordBatch]) -> Vec<String> {
    batches.first().map_or_else(Vec::new, |batch| {
        batch
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BooleanArray, Date32Array, Int32Array, StringArray, TimestampMillisecondArray,
    };

    use super::*;

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter(columns).unwrap()
    }

    #[test]
    fn rows_are_put_in_the_order_of_any_column_of_times() {
        let zoned =
            TimestampMillisecondArray::from(vec![3, 1, 2]).with_timezone("America/New_York");
        let table = batch(vec![
            ("x", Arc::new(Int32Array::from(vec![1, 2, 3]))),
            ("when", Arc::new(zoned)),
        ]);
        assert_eq!(order_of_time(&[table]), Some(vec![1, 2, 0]));
        let days = batch(vec![("day", Arc::new(Date32Array::from(vec![2, 1])))]);
        assert_eq!(order_of_time(&[days]), Some(vec![1, 0]));
        let sorted = batch(vec![("day", Arc::new(Date32Array::from(vec![1, 2])))]);
        assert_eq!(order_of_time(&[sorted]), None);
        assert_eq!(order_of_time(&[]), None);
    }

    #[test]
    fn a_batch_that_lacks_a_column_or_has_another_type_gives_nothing_for_its_rows() {
        let batches = [
            batch(vec![(
                "a",
                Arc::new(BooleanArray::from(vec![Some(true), None])),
            )]),
            batch(vec![("b", Arc::new(Int32Array::from(vec![7])))]),
            batch(vec![("a", Arc::new(StringArray::from(vec!["x"])))]),
        ];
        let Some(Values::Numbers(values)) = column(&batches, "a") else {
            panic!("not numbers");
        };
        assert!(
            values[0] > 0.5 && values[1..].iter().all(|value| value.is_nan()) && values.len() == 4
        );
        assert!(column(&batches, "c").is_none());
    }
}
