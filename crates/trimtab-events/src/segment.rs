//! Segments: Parquet files of the rows of one endpoint, kind, date and generation, sorted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::{
    array::{AsArray, UInt32Array},
    compute::take_record_batch,
    datatypes::TimestampMicrosecondType,
    record_batch::RecordBatch,
};
use parquet::{
    arrow::{ArrowWriter, ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder},
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::{metadata::KeyValue, properties::WriterProperties},
};
use trimtab_types::Time;

use crate::{
    EventsError,
    columns::{feedback_batch, predictions_batch},
    index::write_synced,
    memory::{Owner, Segment, Span, Table},
    sql::{IndexRow, SegmentRow},
    union::{arrow_error, sorted},
    wal::{file_error, sync_folder},
};

const VERSION_KEY: &str = "trimtab.events";
const VERSION: &str = "1";

pub(crate) const PREDICTION: &str = "prediction";
pub(crate) const FEEDBACK: &str = "feedback";

fn segment_error(action: &'static str, path: &Path) -> impl Fn(ParquetError) -> EventsError {
    let path = path.to_owned();
    move |source| EventsError::Segment {
        action,
        path: path.clone(),
        source,
    }
}

/// Writes one endpoint's events of a generation; answers the manifest's rows.
pub(crate) fn write_table(
    root: &Path,
    owner: &Owner,
    writer: &str,
    generation: u64,
    table: &Table,
) -> Result<(Vec<SegmentRow>, Option<IndexRow>), EventsError> {
    let (workspace, endpoint) = owner;
    let stem = format!("{writer}-{generation:08}");
    let home = |top: &str| {
        PathBuf::from(top)
            .join(format!("workspace={workspace}"))
            .join(format!("endpoint={endpoint}"))
    };
    let mut rows = Vec::new();
    let mut batches: Vec<RecordBatch> = table.chunks.iter().map(|c| c.batch.clone()).collect();
    if !table.pending.is_empty() {
        batches.push(predictions_batch(&table.pending)?);
    }
    let predictions = by_date(&sorted(batches)?, "event_time")?;
    let feedback = if table.feedback.is_empty() {
        BTreeMap::new()
    } else {
        by_date(&[feedback_batch(&table.feedback)?], "prediction_time")?
    };
    for (kind, time_column, parts) in [
        (PREDICTION, "event_time", predictions),
        (FEEDBACK, "prediction_time", feedback),
    ] {
        for (date, batches) in parts {
            let relative = home("segments")
                .join(format!("kind={kind}"))
                .join(format!("date={date}"))
                .join(format!("{stem}.parquet"));
            let path = root.join(&relative);
            let size_bytes = write(&path, &batches)?;
            let Some(span) = span(&batches, time_column) else {
                continue;
            };
            rows.push(SegmentRow {
                workspace: workspace.clone(),
                endpoint: endpoint.clone(),
                kind,
                path: relative.to_string_lossy().into_owned(),
                date,
                rows: batches.iter().map(|batch| batch.num_rows() as u64).sum(),
                span,
                size_bytes,
            });
        }
    }
    let index = if table.keys.is_empty() {
        None
    } else {
        let relative = home("index").join(format!("{stem}.keys"));
        let path = root.join(&relative);
        let (bytes, entries) = table.keys.encode();
        make_folder(&path)?;
        write_synced(&path, &bytes)?;
        Some(IndexRow {
            workspace: workspace.clone(),
            endpoint: endpoint.clone(),
            path: relative.to_string_lossy().into_owned(),
            entries,
        })
    };
    let paths = rows.iter().map(|row| &row.path);
    sync_folders(root, paths.chain(index.iter().map(|row| &row.path)))?;
    Ok((rows, index))
}

fn make_folder(path: &Path) -> Result<(), EventsError> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(file_error("make the folder", folder))
}

/// The names of new files and of the new folders above them are durable after this.
fn sync_folders<'p>(
    root: &Path,
    paths: impl Iterator<Item = &'p String>,
) -> Result<(), EventsError> {
    let mut folders = BTreeSet::new();
    for path in paths {
        let within = Path::new(path).ancestors().skip(1);
        folders.extend(within.map(|folder| root.join(folder)));
    }
    folders.iter().try_for_each(|folder| sync_folder(folder))
}

fn write(path: &Path, batches: &[RecordBatch]) -> Result<u64, EventsError> {
    let Some(first) = batches.first() else {
        return Ok(0);
    };
    let error = segment_error("write", path);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).map_err(&error)?))
        .set_created_by("trimtab".to_owned())
        .set_key_value_metadata(Some(vec![KeyValue::new(
            VERSION_KEY.to_owned(),
            VERSION.to_owned(),
        )]))
        .build();
    let mut bytes = Vec::new();
    let mut writer =
        ArrowWriter::try_new(&mut bytes, first.schema(), Some(properties)).map_err(&error)?;
    for batch in batches {
        writer.write(batch).map_err(&error)?;
    }
    writer.close().map_err(&error)?;
    make_folder(path)?;
    write_synced(path, &bytes)?;
    Ok(bytes.len() as u64)
}

/// Rows by the date of a time column, in their order.
fn by_date(
    batches: &[RecordBatch],
    time_column: &str,
) -> Result<BTreeMap<String, Vec<RecordBatch>>, EventsError> {
    let mut parts: BTreeMap<String, Vec<RecordBatch>> = BTreeMap::new();
    for batch in batches {
        let mut rows: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
        for (row, time) in times(batch, time_column)
            .iter()
            .zip(0_u32..)
            .map(|(t, r)| (r, *t))
        {
            rows.entry(time.div_euclid(DAY)).or_default().push(row);
        }
        for (day, rows) in rows {
            let part =
                take_record_batch(batch, &UInt32Array::from(rows)).map_err(arrow_error("cut"))?;
            parts.entry(date(day)).or_default().push(part);
        }
    }
    Ok(parts)
}

const DAY: i64 = 86_400_000_000;

fn date(day: i64) -> String {
    let text = Time::from_micros(day.saturating_mul(DAY)).to_string();
    match text.split_once('T') {
        Some((date, _)) => date.to_owned(),
        None => "unknown".to_owned(),
    }
}

fn times<'b>(batch: &'b RecordBatch, column: &str) -> &'b [i64] {
    batch
        .column_by_name(column)
        .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>())
        .map_or(&[], |array| array.values())
}

fn span(batches: &[RecordBatch], time_column: &str) -> Option<Span> {
    let mut span: Option<Span> = None;
    for batch in batches {
        let times = times(batch, time_column);
        let served = batch
            .column_by_name("served_as")
            .and_then(|column| column.as_string_opt::<i32>())
            .map_or(0, |column| {
                column.iter().filter(|v| *v == Some("served")).count()
            });
        if let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) {
            let part = Span {
                first: Time::from_micros(*first),
                last: Time::from_micros(*last),
                served: served as u64,
            };
            Span::merge(&mut span, part);
        }
    }
    span
}

/// Reads a segment; of the columns those that are wanted and there.
pub(crate) fn read(
    segment: &Segment,
    wanted: Option<&[String]>,
) -> Result<Vec<RecordBatch>, EventsError> {
    let path = &segment.path;
    let error = segment_error("read", path);
    let file = File::open(path).map_err(file_error("open", path))?;
    let mut builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(&error)?;
    let version = builder
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .and_then(|pairs| pairs.iter().find(|pair| pair.key == VERSION_KEY))
        .and_then(|pair| pair.value.clone());
    if version.as_deref() != Some(VERSION) {
        return Err(EventsError::Format {
            path: path.clone(),
            reason: match version {
                Some(version) => {
                    format!("has format {version}, this program knows up to {VERSION}")
                }
                None => "is not a segment of trimtab".to_owned(),
            },
        });
    }
    if let Some(wanted) = wanted {
        let roots: Vec<usize> = builder
            .schema()
            .fields()
            .iter()
            .enumerate()
            .filter(|(_, field)| wanted.contains(field.name()))
            .map(|(index, _)| index)
            .collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        builder = builder.with_projection(mask);
    }
    let rows = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
    let reader = builder
        .with_batch_size(rows.clamp(1, crate::union::BATCH_ROWS))
        .build()
        .map_err(&error)?;
    reader
        .map(|batch| batch.map_err(arrow_error("read")))
        .collect()
}

/// The readable form of a manifest row.
pub(crate) fn opened(root: &Path, row: &SegmentRow) -> Arc<Segment> {
    Arc::new(Segment {
        path: root.join(&row.path),
        span: row.span,
    })
}
