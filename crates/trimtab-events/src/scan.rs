//! Reads: one snapshot of memory and files, then everything in one order.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int32Array, StringArray,
        TimestampMicrosecondArray,
    },
    compute::{concat_batches, filter_record_batch},
    datatypes::{
        DataType, Field, Float64Type, Int32Type, Int64Type, Schema, TimestampMicrosecondType,
    },
    record_batch::RecordBatch,
};
use trimtab_types::{PredictionId, Time};

use crate::{
    EventsError, FeedbackValue, PredictionEvent, Scan, ServedAs,
    codec::FeedbackRecord,
    columns::{predictions_batch, timestamp},
    log::Shared,
    memory::{Chunk, Owner, Segment},
    segment,
    union::{SORT_COLUMNS, arrow_error, project, sorted},
};

/// What a scan has to look at, taken at one moment.
struct Snapshot {
    segments: Vec<Arc<Segment>>,
    chunks: Vec<Chunk>,
    pending: Vec<Arc<PredictionEvent>>,
    feedback_segments: Vec<Arc<Segment>>,
    feedback: Vec<Arc<FeedbackRecord>>,
}

fn snapshot(shared: &Shared, q: &Scan, with_feedback: bool) -> Snapshot {
    let owner: Owner = (q.workspace.clone(), q.endpoint.clone());
    let state = shared.read_state();
    let overlapping = |segments: &[Arc<Segment>]| -> Vec<Arc<Segment>> {
        let within = segments.iter().filter(|s| s.span.overlaps(q.from, q.to));
        within.cloned().collect()
    };
    let files = state.files.get(&owner);
    let mut snapshot = Snapshot {
        segments: files.map_or_else(Vec::new, |files| overlapping(&files.predictions)),
        chunks: Vec::new(),
        pending: Vec::new(),
        feedback_segments: files
            .filter(|_| with_feedback)
            .map_or_else(Vec::new, |files| overlapping(&files.feedback)),
        feedback: Vec::new(),
    };
    for table in state.tables(&owner) {
        let chunks = table
            .chunks
            .iter()
            .filter(|c| c.span.overlaps(q.from, q.to));
        snapshot.chunks.extend(chunks.cloned());
        let is_within = |time: Time| q.from <= time && time < q.to;
        let pending = table.pending.iter().filter(|e| is_within(e.event_time));
        snapshot.pending.extend(pending.cloned());
        if with_feedback {
            let feedback = table.feedback.iter();
            snapshot
                .feedback
                .extend(feedback.filter(|r| is_within(r.prediction_time)).cloned());
        }
    }
    snapshot
}

/// Predictions of a range.
pub(crate) fn predictions(shared: &Shared, q: &Scan) -> Result<Vec<RecordBatch>, EventsError> {
    let batches = rows(&snapshot(shared, q, false), q)?;
    finish(batches, q)
}

/// Predictions of a range whose outcome was known at `as_of`.
pub(crate) fn labelled(
    shared: &Shared,
    q: &Scan,
    as_of: Time,
) -> Result<Vec<RecordBatch>, EventsError> {
    let snapshot = snapshot(shared, q, true);
    let labels = labels(&snapshot, q, as_of)?;
    if labels.is_empty() {
        return Ok(Vec::new());
    }
    let mut joined = Vec::new();
    for batch in rows(&snapshot, q)? {
        joined.extend(join_labels(&batch, &labels)?);
    }
    finish(joined, q)
}

fn finish(batches: Vec<RecordBatch>, q: &Scan) -> Result<Vec<RecordBatch>, EventsError> {
    match &q.columns {
        None => Ok(batches),
        Some(columns) => batches
            .iter()
            .map(|batch| project(batch, columns))
            .collect(),
    }
}

/// The rows of a scan, sorted, with at least the sort columns.
fn rows(snapshot: &Snapshot, q: &Scan) -> Result<Vec<RecordBatch>, EventsError> {
    let wanted: Option<Vec<String>> = q.columns.as_ref().map(|columns| {
        let mut wanted = columns.clone();
        wanted.extend(SORT_COLUMNS.map(str::to_owned));
        wanted.push("served_as".to_owned());
        wanted
    });
    let mut batches = Vec::new();
    for segment in &snapshot.segments {
        batches.extend(segment::read(segment, wanted.as_deref())?);
    }
    let memory = snapshot.chunks.iter().map(|chunk| chunk.batch.clone());
    let pending = if snapshot.pending.is_empty() {
        None
    } else {
        Some(predictions_batch(&snapshot.pending)?)
    };
    for batch in memory.chain(pending) {
        batches.push(match &wanted {
            Some(wanted) => narrow(&batch, wanted)?,
            None => batch,
        });
    }
    let batches = batches
        .iter()
        .map(|batch| filter(batch, q))
        .collect::<Result<Vec<_>, _>>()?;
    sorted(batches)
}

/// The wanted columns in the batch's own order.
fn narrow(batch: &RecordBatch, wanted: &[String]) -> Result<RecordBatch, EventsError> {
    let indices: Vec<usize> = batch
        .schema_ref()
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, field)| wanted.contains(field.name()))
        .map(|(index, _)| index)
        .collect();
    batch.project(&indices).map_err(arrow_error("project"))
}

fn filter(batch: &RecordBatch, q: &Scan) -> Result<RecordBatch, EventsError> {
    let (from, to) = (q.from.as_micros(), q.to.as_micros());
    let times = batch
        .column_by_name("event_time")
        .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    let served = batch
        .column_by_name("served_as")
        .and_then(|column| column.as_string_opt::<i32>());
    let (Some(times), Some(served)) = (times, served) else {
        return Err(arrow_error("filter")(
            arrow::error::ArrowError::SchemaError(
                "a segment lacks `event_time` or `served_as`".to_owned(),
            ),
        ));
    };
    let wanted = q.served_as.map(ServedAs::as_str);
    let mask: BooleanArray = times
        .values()
        .iter()
        .zip(served)
        .map(|(time, as_)| {
            Some(from <= *time && *time < to && wanted.is_none_or(|wanted| as_ == Some(wanted)))
        })
        .collect();
    if mask.true_count() == batch.num_rows() {
        return Ok(batch.clone());
    }
    filter_record_batch(batch, &mask).map_err(arrow_error("filter"))
}

/// The outcome of a row: the record that came last.
#[derive(Debug, Clone)]
struct Label {
    seq: i64,
    time: i64,
    value: FeedbackValue,
}

type Labels = HashMap<([u8; 16], i32), Label>;

fn labels(snapshot: &Snapshot, q: &Scan, as_of: Time) -> Result<Labels, EventsError> {
    let mut labels: Labels = HashMap::new();
    let mut take = |key: ([u8; 16], i32), label: Label| {
        let is_newer = labels.get(&key).is_none_or(|known| known.seq < label.seq);
        if is_newer {
            labels.insert(key, label);
        }
    };
    for record in snapshot.feedback.iter().filter(|r| r.event_time <= as_of) {
        take(
            (
                *record.prediction_id.as_bytes(),
                i32::try_from(record.row).unwrap_or(i32::MAX),
            ),
            Label {
                seq: record.seq.cast_signed(),
                time: record.event_time.as_micros(),
                value: record.value.clone(),
            },
        );
    }
    for segment in &snapshot.feedback_segments {
        for batch in segment::read(segment, None)? {
            let columns = FeedbackColumns::of(&batch).ok_or_else(|| EventsError::Format {
                path: segment.path.clone(),
                reason: "lacks a column of feedback".to_owned(),
            })?;
            for row in 0..batch.num_rows() {
                let prediction_time = columns.prediction_times.value(row);
                let time = columns.event_times.value(row);
                let is_within =
                    q.from.as_micros() <= prediction_time && prediction_time < q.to.as_micros();
                if time > as_of.as_micros() || !is_within {
                    continue;
                }
                let Some(id) = id_bytes(columns.ids.value(row)) else {
                    continue;
                };
                let value = if columns.numbers.is_valid(row) {
                    FeedbackValue::Number(columns.numbers.value(row))
                } else {
                    FeedbackValue::Text(columns.texts.value(row).to_owned())
                };
                let row_number = i32::try_from(columns.rows.value(row)).unwrap_or(i32::MAX);
                let seq = columns.seqs.value(row);
                take((id, row_number), Label { seq, time, value });
            }
        }
    }
    Ok(labels)
}

struct FeedbackColumns<'b> {
    prediction_times: &'b TimestampMicrosecondArray,
    event_times: &'b TimestampMicrosecondArray,
    ids: &'b StringArray,
    rows: &'b arrow::array::Int64Array,
    seqs: &'b arrow::array::Int64Array,
    numbers: &'b Float64Array,
    texts: &'b StringArray,
}

impl<'b> FeedbackColumns<'b> {
    fn of(batch: &'b RecordBatch) -> Option<Self> {
        let times = |name| {
            batch
                .column_by_name(name)?
                .as_primitive_opt::<TimestampMicrosecondType>()
        };
        let ints = |name| batch.column_by_name(name)?.as_primitive_opt::<Int64Type>();
        let texts = |name| batch.column_by_name(name)?.as_string_opt::<i32>();
        Some(Self {
            prediction_times: times("prediction_time")?,
            event_times: times("event_time")?,
            ids: texts("prediction_id")?,
            rows: ints("row")?,
            seqs: ints("seq")?,
            numbers: batch
                .column_by_name("number")?
                .as_primitive_opt::<Float64Type>()?,
            texts: texts("text")?,
        })
    }
}

fn id_bytes(text: &str) -> Option<[u8; 16]> {
    text.parse::<PredictionId>().ok().map(|id| *id.as_bytes())
}

/// The rows that have an outcome, with it; `None` when no row has one.
fn join_labels(batch: &RecordBatch, labels: &Labels) -> Result<Option<RecordBatch>, EventsError> {
    let ids = batch
        .column_by_name("prediction_id")
        .and_then(|column| column.as_string_opt::<i32>());
    let rows = batch
        .column_by_name("row")
        .and_then(|column| column.as_primitive_opt::<Int32Type>());
    let (Some(ids), Some(rows)): (Option<&StringArray>, Option<&Int32Array>) = (ids, rows) else {
        return Ok(None);
    };
    let found: Vec<Option<&Label>> = ids
        .iter()
        .zip(rows.values())
        .map(|(id, row)| labels.get(&(id_bytes(id?)?, *row)))
        .collect();
    let mask: BooleanArray = found.iter().map(|label| Some(label.is_some())).collect();
    if mask.true_count() == 0 {
        return Ok(None);
    }
    let kept = filter_record_batch(batch, &mask).map_err(arrow_error("filter"))?;
    let labels: Vec<&Label> = found.into_iter().flatten().collect();
    let numbers: Float64Array = labels
        .iter()
        .map(|label| match label.value {
            FeedbackValue::Number(number) => Some(number),
            FeedbackValue::Text(_) => None,
        })
        .collect();
    let texts: StringArray = labels
        .iter()
        .map(|label| match &label.value {
            FeedbackValue::Number(_) => None,
            FeedbackValue::Text(text) => Some(text.as_str()),
        })
        .collect();
    let times = TimestampMicrosecondArray::from_iter_values(labels.iter().map(|l| l.time))
        .with_timezone("UTC");
    let mut fields: Vec<Arc<Field>> = kept.schema_ref().fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new("label", DataType::Float64, true)));
    fields.push(Arc::new(Field::new("label_text", DataType::Utf8, true)));
    fields.push(Arc::new(Field::new("label_time", timestamp(), false)));
    let mut columns: Vec<ArrayRef> = kept.columns().to_vec();
    columns.extend([
        Arc::new(numbers) as ArrayRef,
        Arc::new(texts),
        Arc::new(times),
    ]);
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map(Some)
        .map_err(arrow_error("join"))
}

/// The rows of one prediction.
pub(crate) fn only(
    batches: &[RecordBatch],
    id: PredictionId,
) -> Result<Option<RecordBatch>, EventsError> {
    let Some(first) = batches.first() else {
        return Ok(None);
    };
    let id = id.to_string();
    let mut kept = Vec::new();
    for batch in batches {
        let ids = batch
            .column_by_name("prediction_id")
            .and_then(|column| column.as_string_opt::<i32>());
        let mask: BooleanArray = ids
            .into_iter()
            .flatten()
            .map(|other| Some(other == Some(id.as_str())))
            .collect();
        kept.push(filter_record_batch(batch, &mask).map_err(arrow_error("filter"))?);
    }
    let kept = concat_batches(first.schema_ref(), &kept).map_err(arrow_error("unite"))?;
    Ok((kept.num_rows() > 0).then_some(kept))
}
