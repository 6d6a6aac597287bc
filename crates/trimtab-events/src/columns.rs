//! Events as Arrow batches: the fixed columns, then `in.NAME` and `out.NAME`.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{
        ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, StringArray, StringBuilder,
        TimestampMicrosecondArray,
    },
    datatypes::{DataType, Field, Schema, TimeUnit},
    record_batch::RecordBatch,
};

use crate::{
    Column, EventsError, FeedbackValue, PredictionEvent,
    codec::FeedbackRecord,
    union::{Order, join},
};

pub(crate) const INPUT: &str = "in.";
pub(crate) const OUTPUT: &str = "out.";

/// The type of all times.
pub(crate) fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn times(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(values).with_timezone("UTC"))
}

/// The columns that every prediction has.
pub(crate) fn fixed_fields() -> Vec<Field> {
    let field = |name, kind, nullable| Field::new(name, kind, nullable);
    vec![
        field("event_time", timestamp(), false),
        field("received_at", timestamp(), false),
        field("prediction_id", DataType::Utf8, false),
        field("row", DataType::Int32, false),
        field("row_key", DataType::Utf8, true),
        field("client_request_id", DataType::Utf8, true),
        field("assignment_key", DataType::Utf8, false),
        field("revision", DataType::Utf8, false),
        field("model_version", DataType::Int64, false),
        field("served_as", DataType::Utf8, false),
        field("score", DataType::Float64, true),
        field("latency_us", DataType::Int64, false),
        field("error", DataType::Utf8, true),
    ]
}

fn kind_of(column: &Column) -> DataType {
    match column {
        Column::Int(_) => DataType::Int64,
        Column::Float(_) => DataType::Float64,
        Column::Text(_) => DataType::Utf8,
        Column::Bool(_) => DataType::Boolean,
    }
}

/// The inputs or the outputs of an event.
type Side = fn(&PredictionEvent) -> &Vec<(String, Column)>;

/// The rows of some events as one batch.
pub(crate) fn predictions_batch(
    events: &[impl AsRef<PredictionEvent>],
) -> Result<RecordBatch, EventsError> {
    let events: Vec<&PredictionEvent> = events.iter().map(AsRef::as_ref).collect();
    // One entry for each row: which event, and which of its rows.
    let rows: Vec<(usize, usize)> = events
        .iter()
        .enumerate()
        .flat_map(|(index, event)| (0..event.row_keys.len()).map(move |row| (index, row)))
        .collect();
    let each = |get: &dyn Fn(&PredictionEvent) -> i64| -> Vec<i64> {
        rows.iter().map(|(event, _)| get(events[*event])).collect()
    };
    let text = |get: &dyn Fn(&PredictionEvent, usize) -> Option<&str>| -> ArrayRef {
        Arc::new(
            rows.iter()
                .map(|(event, row)| get(events[*event], *row))
                .collect::<StringArray>(),
        )
    };
    let ids = |get: &dyn Fn(&PredictionEvent) -> String| -> ArrayRef {
        let mut builder = StringBuilder::new();
        for event in &events {
            let id = get(event);
            for _ in &event.row_keys {
                builder.append_value(&id);
            }
        }
        Arc::new(builder.finish())
    };
    let row_numbers = rows
        .iter()
        .map(|(_, row)| i32::try_from(*row).unwrap_or(i32::MAX));
    let mut arrays: Vec<ArrayRef> = vec![
        times(each(&|event| event.event_time.as_micros()).into_iter()),
        times(each(&|event| event.received_at.as_micros()).into_iter()),
        ids(&|event| event.prediction_id.to_string()),
        Arc::new(Int32Array::from_iter_values(row_numbers)),
        text(&|event, row| event.row_keys[row].as_deref()),
        text(&|event, _| event.client_request_id.as_deref()),
        text(&|event, _| Some(&event.assignment_key)),
        ids(&|event| event.revision.to_string()),
        Arc::new(Int64Array::from(each(&|event| event.model_version))),
        text(&|event, _| Some(event.served_as.as_str())),
        Arc::new(
            rows.iter()
                .map(|(event, row)| events[*event].scores.get(*row).copied().flatten())
                .collect::<Float64Array>(),
        ),
        Arc::new(Int64Array::from(each(&|event| event.latency_us))),
        text(&|event, _| event.error.as_deref()),
    ];
    let mut fields = fixed_fields();
    let sides: [(&str, Side); 2] = [
        (INPUT, |event| &event.inputs),
        (OUTPUT, |event| &event.outputs),
    ];
    for (prefix, side) in sides {
        let mut order = Order::default();
        let mut kinds: HashMap<&str, DataType> = HashMap::new();
        for event in &events {
            let columns = side(event);
            order.see(columns.iter().map(|(name, _)| name.as_str()));
            for (name, column) in columns {
                let kind = kind_of(column);
                kinds
                    .entry(name)
                    .and_modify(|known| *known = join(known, &kind))
                    .or_insert(kind);
            }
        }
        for name in order.names() {
            let kind = kinds.get(name.as_str()).unwrap_or(&DataType::Utf8);
            let columns: Vec<Option<&Column>> = events
                .iter()
                .map(|event| {
                    let found = side(event).iter().find(|(other, _)| *other == name);
                    found.map(|(_, column)| column)
                })
                .collect();
            arrays.push(values(kind, &rows, &columns));
            fields.push(Field::new(format!("{prefix}{name}"), kind.clone(), true));
        }
    }
    batch(fields, arrays)
}

fn batch(fields: Vec<Field>, arrays: Vec<ArrayRef>) -> Result<RecordBatch, EventsError> {
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(|source| {
        EventsError::Arrow {
            action: "build",
            source,
        }
    })
}

/// One column over all rows, in the type that holds the values of all events.
fn values(kind: &DataType, rows: &[(usize, usize)], columns: &[Option<&Column>]) -> ArrayRef {
    let cells = rows
        .iter()
        .map(|(event, row)| columns[*event].map(|column| (column, *row)));
    match kind {
        DataType::Int64 => Arc::new(
            cells
                .map(|cell| match cell? {
                    (Column::Int(list), row) => list[row],
                    _ => None,
                })
                .collect::<Int64Array>(),
        ),
        DataType::Float64 => Arc::new(
            cells
                .map(|cell| match cell? {
                    (Column::Float(list), row) => list[row],
                    (Column::Int(list), row) => list[row].map(|value| value as f64),
                    _ => None,
                })
                .collect::<Float64Array>(),
        ),
        DataType::Boolean => Arc::new(
            cells
                .map(|cell| match cell? {
                    (Column::Bool(list), row) => list[row],
                    _ => None,
                })
                .collect::<BooleanArray>(),
        ),
        _ => {
            let mut builder = StringBuilder::new();
            for cell in cells {
                match cell {
                    Some((Column::Text(list), row)) => builder.append_option(list[row].as_deref()),
                    Some((Column::Int(list), row)) => {
                        builder.append_option(list[row].map(|value| value.to_string()));
                    }
                    Some((Column::Float(list), row)) => {
                        builder.append_option(list[row].map(|value| value.to_string()));
                    }
                    Some((Column::Bool(list), row)) => {
                        builder.append_option(list[row].map(|value| value.to_string()));
                    }
                    None => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }
    }
}

/// Feedback records as a batch.
pub(crate) fn feedback_batch(
    records: &[impl AsRef<FeedbackRecord>],
) -> Result<RecordBatch, EventsError> {
    let records: Vec<&FeedbackRecord> = records.iter().map(AsRef::as_ref).collect();
    let fields = vec![
        Field::new("prediction_time", timestamp(), false),
        Field::new("prediction_id", DataType::Utf8, false),
        Field::new("row", DataType::Int64, false),
        Field::new("event_time", timestamp(), false),
        Field::new("received_at", timestamp(), false),
        Field::new("seq", DataType::Int64, false),
        Field::new("event_id", DataType::Utf8, true),
        Field::new("number", DataType::Float64, true),
        Field::new("text", DataType::Utf8, true),
    ];
    let number = |record: &&FeedbackRecord| match record.value {
        FeedbackValue::Number(number) => Some(number),
        FeedbackValue::Text(_) => None,
    };
    let arrays: Vec<ArrayRef> = vec![
        times(records.iter().map(|r| r.prediction_time.as_micros())),
        Arc::new(StringArray::from_iter_values(
            records.iter().map(|r| r.prediction_id.to_string()),
        )),
        Arc::new(Int64Array::from_iter_values(
            records.iter().map(|r| i64::from(r.row)),
        )),
        times(records.iter().map(|r| r.event_time.as_micros())),
        times(records.iter().map(|r| r.received_at.as_micros())),
        Arc::new(Int64Array::from_iter_values(
            records.iter().map(|r| r.seq.cast_signed()),
        )),
        Arc::new(
            records
                .iter()
                .map(|r| r.event_id.as_deref())
                .collect::<StringArray>(),
        ),
        Arc::new(records.iter().map(number).collect::<Float64Array>()),
        Arc::new(
            records
                .iter()
                .map(|record| match &record.value {
                    FeedbackValue::Number(_) => None,
                    FeedbackValue::Text(text) => Some(text.as_str()),
                })
                .collect::<StringArray>(),
        ),
    ];
    batch(fields, arrays)
}
