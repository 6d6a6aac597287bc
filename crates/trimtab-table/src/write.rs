//! Writes a table so that a reader sees all of it or none.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::{
    array::{Array, ArrayRef, make_array},
    compute::concat_batches,
    datatypes::{DataType, Field, Schema, SchemaRef},
    error::ArrowError,
    record_batch::RecordBatch,
};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};

use crate::{TableError, read::BATCH_ROWS};

/// The Parquet file of a table. Equal rows give equal bytes, however they are cut into batches.
pub fn parquet_bytes(batches: &[RecordBatch]) -> Result<Vec<u8>, TableError> {
    encode_parquet(Path::new("table"), batches)
}

/// Writes a Parquet file: temporary name, sync, rename.
pub fn write_parquet(path: &Path, batches: &[RecordBatch]) -> Result<(), TableError> {
    write_bytes(path, &encode_parquet(path, batches)?)
}

/// Writes a CSV file with a header line: temporary name, sync, rename.
pub fn write_csv(path: &Path, batches: &[RecordBatch]) -> Result<(), TableError> {
    let mut bytes = Vec::new();
    let mut writer = arrow::csv::WriterBuilder::new()
        .with_header(true)
        .build(&mut bytes);
    for batch in batches {
        let encoded = in_utc(batch).and_then(|batch| writer.write(&batch));
        encoded.map_err(|source| TableError::Encode {
            path: path.to_owned(),
            format: "CSV",
            source: source.into(),
        })?;
    }
    drop(writer);
    write_bytes(path, &bytes)
}

/// Times with the zone written as an offset: names of zones need a database of zones to be printed, and the values are
/// in UTC whatever the name says.
fn in_utc(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let mut fields: Vec<Field> = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let (field, column) = match field.data_type() {
            DataType::Timestamp(unit, Some(_)) => {
                let kind = DataType::Timestamp(*unit, Some("+00:00".into()));
                let data = column.to_data().into_builder().data_type(kind.clone());
                (
                    field.as_ref().clone().with_data_type(kind),
                    make_array(data.build()?),
                )
            }
            _ => (field.as_ref().clone(), Arc::clone(column)),
        };
        fields.push(field);
        columns.push(column);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// The batches of one table as one; they must agree in the names and types of their columns.
pub fn unite(batches: &[RecordBatch]) -> Result<RecordBatch, TableError> {
    unite_as(Path::new("table"), batches)
}

fn unite_as(path: &Path, batches: &[RecordBatch]) -> Result<RecordBatch, TableError> {
    let schema = schema_of(path, batches)?;
    let error = |source| TableError::Schema {
        path: path.to_owned(),
        source,
    };
    let columns = |schema: &SchemaRef| -> Vec<(String, DataType)> {
        let fields = schema.fields().iter();
        fields
            .map(|field| (field.name().clone(), field.data_type().clone()))
            .collect()
    };
    let expected = columns(&schema);
    for batch in batches {
        if batch.schema_ref() != &schema && columns(batch.schema_ref()) != expected {
            let found = batch.schema();
            let text = format!("{schema} and {found}");
            return Err(error(ArrowError::SchemaError(text)));
        }
    }
    concat_batches(&schema, batches).map_err(error)
}

fn schema_of(path: &Path, batches: &[RecordBatch]) -> Result<SchemaRef, TableError> {
    batches
        .first()
        .map(RecordBatch::schema)
        .ok_or_else(|| TableError::Empty {
            path: path.to_owned(),
            what: "columns",
        })
}

fn encode_parquet(path: &Path, batches: &[RecordBatch]) -> Result<Vec<u8>, TableError> {
    let table = unite_as(path, batches)?;
    let encode = |source: parquet::errors::ParquetError| TableError::Encode {
        path: path.to_owned(),
        format: "Parquet",
        source: source.into(),
    };
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).map_err(encode)?))
        .set_created_by("trimtab".to_owned())
        .build();
    let mut bytes = Vec::new();
    let mut writer =
        ArrowWriter::try_new(&mut bytes, table.schema(), Some(properties)).map_err(encode)?;
    let mut from = 0;
    while from < table.num_rows() {
        let rows = BATCH_ROWS.min(table.num_rows() - from);
        writer.write(&table.slice(from, rows)).map_err(encode)?;
        from += rows;
    }
    writer.close().map_err(encode)?;
    Ok(bytes)
}

/// Writes a file whole: temporary name, sync, rename.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), TableError> {
    let error = |action| {
        let path = path.to_owned();
        move |source| TableError::File {
            action,
            path,
            source,
        }
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    std::fs::create_dir_all(&folder).map_err(error("make the folder of"))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}.partial", std::process::id()));
    let written = write_synced(&temporary, bytes).and_then(|()| std::fs::rename(&temporary, path));
    if let Err(source) = written {
        // What was written of it is of no use; the error that counts is the first.
        let _ = std::fs::remove_file(&temporary);
        return Err(error("write")(source));
    }
    File::open(&folder)
        .and_then(|folder| folder.sync_all())
        .map_err(error("sync the folder of"))
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
