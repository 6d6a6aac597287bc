//! From rows of the event log to a table for training.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, AsArray, BooleanArray, Int64Array},
    compute::{cast, concat_batches, filter_record_batch},
    datatypes::{DataType, Field, Float64Type, Schema, TimestampMicrosecondType},
    record_batch::RecordBatch,
};

use crate::{DataError, FromEvents, Quarantine};

const INPUT: &str = "in.";
/// Whole numbers beyond this are not exact in a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The table, and how many rows quarantine took out.
pub(crate) fn training_table(
    name: &str,
    spec: &FromEvents,
    batches: &[RecordBatch],
    quarantines: &[Quarantine],
) -> Result<(Vec<RecordBatch>, u64), DataError> {
    let arrow_error = |action| move |source| DataError::Arrow { action, source };
    let Some(first) = batches.first() else {
        return Ok((Vec::new(), 0));
    };
    let all = concat_batches(first.schema_ref(), batches).map_err(arrow_error("unite"))?;
    let times = all
        .column_by_name("event_time")
        .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>())
        .ok_or_else(|| DataError::TimeColumn {
            name: name.to_owned(),
            column: "event_time".to_owned(),
            reason: "the event log gave none".to_owned(),
        })?;
    let clean: BooleanArray = times
        .values()
        .iter()
        .map(|time| {
            let mut ranges = quarantines.iter();
            Some(!ranges.any(|q| q.from.as_micros() <= *time && *time < q.to.as_micros()))
        })
        .collect();
    let excluded = (all.num_rows() - clean.true_count()) as u64;
    let kept = filter_record_batch(&all, &clean).map_err(arrow_error("filter"))?;

    let mut fields: Vec<Arc<Field>> = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    let mut put = |field: Field, column: ArrayRef| {
        if fields.iter().any(|other| other.name() == field.name()) {
            return Err(DataError::DuplicateColumn {
                name: name.to_owned(),
                column: field.name().clone(),
            });
        }
        fields.push(Arc::new(field));
        columns.push(column);
        Ok(())
    };
    let take = |column: &str| kept.column_by_name(column).cloned();
    if let Some(times) = take("event_time") {
        put(
            Field::new("event_time", times.data_type().clone(), false),
            times,
        )?;
    }
    if let (Some(key_name), Some(keys)) = (&spec.key_name, take("row_key")) {
        put(Field::new(key_name, DataType::Utf8, true), keys)?;
    }
    for (index, field) in kept.schema_ref().fields().iter().enumerate() {
        let Some(input) = field.name().strip_prefix(INPUT) else {
            continue;
        };
        // The row key may have come as an input too: once is enough.
        if spec.key_name.as_deref() != Some(input) {
            let column = Arc::clone(kept.column(index));
            put(Field::new(input, field.data_type().clone(), true), column)?;
        }
    }
    if spec.labelled
        && let (Some(numbers), Some(texts)) = (take("label"), take("label_text"))
    {
        let label = label(&numbers, texts).map_err(arrow_error("label"))?;
        put(
            Field::new(&spec.label_name, label.data_type().clone(), true),
            label,
        )?;
    }
    let table = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(arrow_error("build"))?;
    Ok((vec![table], excluded))
}

/// Outcomes in the narrowest type that holds them all: whole numbers, numbers, text.
fn label(numbers: &ArrayRef, texts: ArrayRef) -> Result<ArrayRef, arrow::error::ArrowError> {
    let values = numbers.as_primitive::<Float64Type>();
    if texts.null_count() == texts.len() {
        let is_whole = values
            .iter()
            .flatten()
            .all(|v| v.fract() == 0.0 && v.abs() < EXACT);
        return if is_whole {
            cast(numbers, &DataType::Int64)
        } else {
            Ok(Arc::clone(numbers))
        };
    }
    if numbers.null_count() == numbers.len() {
        return Ok(texts);
    }
    let whole: Int64Array = cast(numbers, &DataType::Int64)?.as_primitive().clone();
    let spelled = values.iter().zip(&whole).zip(texts.as_string::<i32>());
    Ok(Arc::new(
        spelled
            .map(|((number, whole), text)| match (number, whole, text) {
                (_, _, Some(text)) => Some(text.to_owned()),
                (Some(number), Some(whole), None) if number.fract() == 0.0 => {
                    Some(whole.to_string())
                }
                (number, ..) => number.map(|number| number.to_string()),
            })
            .collect::<arrow::array::StringArray>(),
    ))
}
