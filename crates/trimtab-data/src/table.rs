//! A table on its way to becoming a version: checked, profiled, encoded, hashed.

use std::collections::HashSet;

use arrow::{
    array::{Array, AsArray},
    compute::{cast, sort_to_indices, take_record_batch},
    datatypes::{DataType, TimeUnit, TimestampMicrosecondType},
    record_batch::RecordBatch,
};
use bytes::Bytes;
use trimtab_table::{parquet_bytes, unite};
use trimtab_types::Time;

use crate::{ColumnKind, DataError, Profile, profile};

pub(crate) struct Prepared {
    pub(crate) bytes: Bytes,
    pub(crate) digest: String,
    pub(crate) profile: Profile,
    pub(crate) from: Option<Time>,
    pub(crate) to: Option<Time>,
}

fn arrow_error(action: &'static str) -> impl FnOnce(arrow::error::ArrowError) -> DataError {
    move |source| DataError::Arrow { action, source }
}

impl Prepared {
    pub(crate) fn of(
        name: &str,
        batches: &[RecordBatch],
        time_column: Option<&str>,
    ) -> Result<Self, DataError> {
        check_name(name)?;
        let empty = |what| DataError::Empty {
            name: name.to_owned(),
            what,
        };
        let first = batches.first().ok_or_else(|| empty("columns"))?;
        let schema = first.schema();
        if schema.fields().is_empty() {
            return Err(empty("columns"));
        }
        let mut seen = HashSet::new();
        if let Some(twice) = schema
            .fields()
            .iter()
            .find(|field| !seen.insert(field.name()))
        {
            return Err(DataError::DuplicateColumn {
                name: name.to_owned(),
                column: twice.name().clone(),
            });
        }
        let table = unite(batches)?;
        if table.num_rows() == 0 {
            return Err(empty("rows"));
        }
        let bytes: Bytes = parquet_bytes(std::slice::from_ref(&table))?.into();
        let (mut from, mut to) = (None, None);
        let mut in_order = table;
        if let Some(column) = time_column {
            let times = times(name, column, &in_order)?;
            from = times.iter().min().copied().map(Time::from_micros);
            to = times.iter().max().copied().map(Time::from_micros);
            if !times.is_sorted() {
                let array = arrow::array::Int64Array::from(times);
                let order = sort_to_indices(&array, None, None).map_err(arrow_error("sort"))?;
                in_order = take_record_batch(&in_order, &order).map_err(arrow_error("sort"))?;
            }
        }
        Ok(Self {
            digest: blake3::hash(&bytes).to_hex().to_string(),
            profile: profile::learn(&[in_order], time_column.is_some())?,
            bytes,
            from,
            to,
        })
    }
}

fn check_name(name: &str) -> Result<(), DataError> {
    let reason = if name.is_empty() {
        "it is empty"
    } else if name.len() > 250 {
        "it is longer than 250 bytes"
    } else if name.chars().any(char::is_control) {
        "it holds a control character"
    } else {
        return Ok(());
    };
    Err(DataError::InvalidName {
        name: name.to_owned(),
        reason,
    })
}

/// The values of a time column in microseconds; text is read as RFC 3339 or a date.
fn times(name: &str, column: &str, table: &RecordBatch) -> Result<Vec<i64>, DataError> {
    let error = |reason: String| DataError::TimeColumn {
        name: name.to_owned(),
        column: column.to_owned(),
        reason,
    };
    let array = table
        .column_by_name(column)
        .ok_or_else(|| error("there is no such column".to_owned()))?;
    let kind = profile::kind_of(array.data_type());
    if !matches!(kind, ColumnKind::Time | ColumnKind::Text) {
        return Err(error(format!("it holds {}", kind.as_str())));
    }
    if array.null_count() > 0 {
        return Err(error(format!(
            "{} of its values are null",
            array.null_count()
        )));
    }
    if kind == ColumnKind::Text {
        let texts = cast(array, &DataType::Utf8).map_err(|e| error(e.to_string()))?;
        let texts = texts.as_string::<i32>().iter().flatten();
        let times = texts.map(|text| text.parse::<Time>().map(Time::as_micros));
        return times
            .collect::<Result<_, _>>()
            .map_err(|e| error(e.to_string()));
    }
    // The zone is a way of printing: the values are moments whatever it says.
    let zone = match array.data_type() {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    let wanted = DataType::Timestamp(TimeUnit::Microsecond, zone);
    let cast = cast(array, &wanted).map_err(|e| error(e.to_string()))?;
    Ok(cast
        .as_primitive::<TimestampMicrosecondType>()
        .values()
        .to_vec())
}
