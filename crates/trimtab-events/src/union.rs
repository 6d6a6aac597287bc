//! Batches whose columns differ, as one sequence with one schema: a column that a batch lacks is null there, and of
//! two types the one that holds both is taken. The result does not depend on the order of the batches.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use arrow::{
    array::{Array, ArrayRef, AsArray, StringArray, new_null_array},
    compute::{cast, concat_batches, interleave_record_batch},
    datatypes::{
        DataType, Field, Float64Type, Int32Type, Int64Type, Schema, SchemaRef,
        TimestampMicrosecondType,
    },
    error::ArrowError,
    record_batch::RecordBatch,
};

use crate::{
    EventsError,
    columns::{INPUT, OUTPUT, fixed_fields},
};

/// The rows of a batch that a scan answers, at most.
pub(crate) const BATCH_ROWS: usize = 65_536;

pub(crate) fn arrow_error(action: &'static str) -> impl FnOnce(ArrowError) -> EventsError {
    move |source| EventsError::Arrow { action, source }
}

/// The order of named columns: as seen, while everybody agrees on it; by name, once somebody does not.
#[derive(Debug, Default)]
pub(crate) struct Order {
    first: Option<Vec<String>>,
    all: BTreeSet<String>,
    is_disputed: bool,
}

impl Order {
    pub(crate) fn see<'n>(&mut self, names: impl Iterator<Item = &'n str> + Clone) {
        match &self.first {
            None => {
                let names: Vec<String> = names.map(str::to_owned).collect();
                self.all = names.iter().cloned().collect();
                self.first = Some(names);
            }
            Some(first)
                if !self.is_disputed && names.clone().eq(first.iter().map(String::as_str)) => {}
            Some(_) => {
                self.is_disputed = true;
                for name in names {
                    if !self.all.contains(name) {
                        self.all.insert(name.to_owned());
                    }
                }
            }
        }
    }

    pub(crate) fn names(self) -> Vec<String> {
        match self.first {
            Some(first) if !self.is_disputed => first,
            _ => self.all.into_iter().collect(),
        }
    }
}

/// The type that holds the values of both.
pub(crate) fn join(one: &DataType, other: &DataType) -> DataType {
    match (one, other) {
        (one, other) if one == other => one.clone(),
        (DataType::Int64, DataType::Float64) | (DataType::Float64, DataType::Int64) => {
            DataType::Float64
        }
        _ => DataType::Utf8,
    }
}

/// The schema of batches of predictions.
fn schema_of(batches: &[RecordBatch]) -> SchemaRef {
    let mut fields = fixed_fields();
    fields.retain(|field| {
        batches
            .iter()
            .any(|batch| batch.schema_ref().index_of(field.name()).is_ok())
    });
    for prefix in [INPUT, OUTPUT] {
        let mut order = Order::default();
        let mut kinds: HashMap<String, DataType> = HashMap::new();
        for batch in batches {
            let schema = batch.schema_ref();
            let own = schema
                .fields()
                .iter()
                .filter(|field| field.name().starts_with(prefix));
            order.see(own.clone().map(|field| field.name().as_str()));
            for field in own {
                match kinds.get_mut(field.name()) {
                    Some(known) => *known = join(known, field.data_type()),
                    None => {
                        kinds.insert(field.name().clone(), field.data_type().clone());
                    }
                }
            }
        }
        for name in order.names() {
            let kind = kinds.remove(&name).unwrap_or(DataType::Utf8);
            fields.push(Field::new(name, kind, true));
        }
    }
    Arc::new(Schema::new(fields))
}

fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    if batch.schema_ref() == schema {
        return Ok(batch.clone());
    }
    let columns = schema
        .fields()
        .iter()
        .map(|field| match batch.column_by_name(field.name()) {
            Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
            Some(column) if *field.data_type() == DataType::Utf8 => Ok(spell(column)),
            Some(column) => cast(column, field.data_type()),
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        })
        .collect::<Result<Vec<ArrayRef>, ArrowError>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
}

/// Values as text, spelled as when events are put into batches.
fn spell(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Float64 => Arc::new(
            column
                .as_primitive::<Float64Type>()
                .iter()
                .map(|value| value.map(|value| value.to_string()))
                .collect::<StringArray>(),
        ),
        DataType::Int64 => Arc::new(
            column
                .as_primitive::<Int64Type>()
                .iter()
                .map(|value| value.map(|value| value.to_string()))
                .collect::<StringArray>(),
        ),
        DataType::Boolean => Arc::new(
            column
                .as_boolean()
                .iter()
                .map(|value| value.map(|value| value.to_string()))
                .collect::<StringArray>(),
        ),
        other => new_null_array(other, column.len()),
    }
}

/// One schema for all, the rows sorted by (event time, row key, prediction id, row), in batches of bounded size.
pub(crate) fn sorted(batches: Vec<RecordBatch>) -> Result<Vec<RecordBatch>, EventsError> {
    let batches: Vec<RecordBatch> = batches.into_iter().filter(|b| b.num_rows() > 0).collect();
    if batches.is_empty() {
        return Ok(batches);
    }
    let schema = schema_of(&batches);
    let batches = batches
        .iter()
        .map(|batch| conform(batch, &schema))
        .collect::<Result<Vec<_>, _>>()
        .map_err(arrow_error("unite"))?;
    let keys = batches.iter().map(Keys::of).collect::<Option<Vec<_>>>();
    let keys = keys.ok_or_else(|| {
        arrow_error("sort")(ArrowError::SchemaError(
            "a sort column is missing".to_owned(),
        ))
    })?;
    let mut order: Vec<(i64, u32, u32)> =
        Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
    for (index, key) in keys.iter().enumerate() {
        let batch = u32::try_from(index).unwrap_or(u32::MAX);
        order.extend(
            key.times
                .iter()
                .zip(0_u32..)
                .map(|(time, row)| (*time, batch, row)),
        );
    }
    let key = |entry: &(i64, u32, u32)| keys[entry.1 as usize].at(entry.2 as usize);
    let is_sorted = order.is_sorted_by(|a, b| a.0 < b.0 || (a.0 == b.0 && key(a) <= key(b)));
    if is_sorted {
        let table = concat_batches(&schema, &batches).map_err(arrow_error("unite"))?;
        return Ok((0..table.num_rows())
            .step_by(BATCH_ROWS)
            .map(|from| table.slice(from, BATCH_ROWS.min(table.num_rows() - from)))
            .collect());
    }
    order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| key(a).cmp(&key(b))));
    let sources: Vec<&RecordBatch> = batches.iter().collect();
    order
        .chunks(BATCH_ROWS)
        .map(|chunk| {
            let indices: Vec<(usize, usize)> = chunk
                .iter()
                .map(|(_, batch, row)| (*batch as usize, *row as usize))
                .collect();
            interleave_record_batch(&sources, &indices).map_err(arrow_error("sort"))
        })
        .collect()
}

/// The sort columns of a batch.
struct Keys<'b> {
    times: &'b [i64],
    row_keys: &'b StringArray,
    ids: &'b StringArray,
    rows: &'b [i32],
}

impl<'b> Keys<'b> {
    fn of(batch: &'b RecordBatch) -> Option<Self> {
        Some(Self {
            times: batch
                .column_by_name("event_time")?
                .as_primitive_opt::<TimestampMicrosecondType>()?
                .values(),
            row_keys: batch.column_by_name("row_key")?.as_string_opt()?,
            ids: batch.column_by_name("prediction_id")?.as_string_opt()?,
            rows: batch
                .column_by_name("row")?
                .as_primitive_opt::<Int32Type>()?
                .values(),
        })
    }

    fn at(&self, row: usize) -> (Option<&str>, &str, i32) {
        let key = self
            .row_keys
            .is_valid(row)
            .then(|| self.row_keys.value(row));
        (key, self.ids.value(row), self.rows[row])
    }
}

/// The columns that a sort needs.
pub(crate) const SORT_COLUMNS: [&str; 4] = ["event_time", "row_key", "prediction_id", "row"];

/// The named columns, in that order; those that are not there are left out.
pub(crate) fn project(batch: &RecordBatch, columns: &[String]) -> Result<RecordBatch, EventsError> {
    let indices: Vec<usize> = columns
        .iter()
        .filter_map(|name| batch.schema_ref().index_of(name).ok())
        .collect();
    batch.project(&indices).map_err(arrow_error("project"))
}
