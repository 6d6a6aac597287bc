//! Writes a table so that a reader sees all of it or none.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::{compute::concat_batches, datatypes::SchemaRef, record_batch::RecordBatch};
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
        writer.write(batch).map_err(|source| TableError::Encode {
            path: path.to_owned(),
            format: "CSV",
            source: source.into(),
        })?;
    }
    drop(writer);
    write_bytes(path, &bytes)
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
    let schema = schema_of(path, batches)?;
    let table = concat_batches(&schema, batches).map_err(|source| TableError::Schema {
        path: path.to_owned(),
        source,
    })?;
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
        ArrowWriter::try_new(&mut bytes, Arc::clone(&schema), Some(properties)).map_err(encode)?;
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
