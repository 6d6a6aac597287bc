//! The manifest: which segments and indexes are complete, and which generation of the write-ahead log they hold.

use trimtab_db::{DbError, Migration, Tx, params};
use trimtab_types::{Name, WorkspaceId};

use crate::{
    memory::Span,
    segment::{FEEDBACK, PREDICTION},
};

/// The tables of the event log.
pub const MIGRATIONS: &[Migration] = &[Migration {
    service: "events",
    number: 1,
    sql: "CREATE TABLE event_segment (workspace_id TEXT NOT NULL, endpoint TEXT NOT NULL, kind TEXT NOT NULL, path TEXT NOT NULL, date TEXT NOT NULL, writer TEXT NOT NULL, generation BIGINT NOT NULL, row_count BIGINT NOT NULL, served_count BIGINT NOT NULL, min_time BIGINT NOT NULL, max_time BIGINT NOT NULL, size_bytes BIGINT NOT NULL, PRIMARY KEY (workspace_id, endpoint, kind, path));
CREATE TABLE event_index (workspace_id TEXT NOT NULL, endpoint TEXT NOT NULL, path TEXT NOT NULL, writer TEXT NOT NULL, generation BIGINT NOT NULL, entry_count BIGINT NOT NULL, PRIMARY KEY (workspace_id, endpoint, path));
CREATE TABLE event_writer (writer TEXT PRIMARY KEY, sealed_generation BIGINT NOT NULL, feedback_seq BIGINT NOT NULL);
",
}];

/// One segment in the manifest; its path is relative to the log's folder.
#[derive(Debug, Clone)]
pub(crate) struct SegmentRow {
    pub(crate) workspace: WorkspaceId,
    pub(crate) endpoint: Name,
    pub(crate) kind: &'static str,
    pub(crate) path: String,
    pub(crate) date: String,
    pub(crate) rows: u64,
    pub(crate) span: Span,
    pub(crate) size_bytes: u64,
}

/// One key index in the manifest.
#[derive(Debug, Clone)]
pub(crate) struct IndexRow {
    pub(crate) workspace: WorkspaceId,
    pub(crate) endpoint: Name,
    pub(crate) path: String,
    pub(crate) entries: u64,
}

/// What a generation became.
#[derive(Debug, Clone)]
pub(crate) struct Sealed {
    pub(crate) writer: String,
    pub(crate) generation: u64,
    pub(crate) feedback_seq: u64,
    pub(crate) segments: Vec<SegmentRow>,
    pub(crate) indexes: Vec<IndexRow>,
}

/// Records a sealed generation; from then on its file of the write-ahead log is not needed.
pub(crate) fn record(tx: &mut Tx<'_>, sealed: &Sealed) -> Result<(), DbError> {
    for row in &sealed.segments {
        tx.execute(
            "INSERT INTO event_segment (workspace_id, endpoint, kind, path, date, writer, generation, row_count, served_count, min_time, max_time, size_bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT (workspace_id, endpoint, kind, path) DO NOTHING",
            params![
                &row.workspace,
                &row.endpoint,
                row.kind,
                &row.path,
                &row.date,
                &sealed.writer,
                sealed.generation,
                row.rows,
                row.span.served,
                row.span.first,
                row.span.last,
                row.size_bytes
            ],
        )?;
    }
    for row in &sealed.indexes {
        tx.execute(
            "INSERT INTO event_index (workspace_id, endpoint, path, writer, generation, entry_count) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (workspace_id, endpoint, path) DO NOTHING",
            params![
                &row.workspace,
                &row.endpoint,
                &row.path,
                &sealed.writer,
                sealed.generation,
                row.entries
            ],
        )?;
    }
    tx.execute(
        "INSERT INTO event_writer (writer, sealed_generation, feedback_seq) VALUES (?1, ?2, ?3)
         ON CONFLICT (writer) DO UPDATE SET sealed_generation = excluded.sealed_generation, feedback_seq = excluded.feedback_seq
         WHERE event_writer.sealed_generation < excluded.sealed_generation",
        params![&sealed.writer, sealed.generation, sealed.feedback_seq],
    )?;
    Ok(())
}

/// Everything in the manifest, and how far this writer has sealed.
#[derive(Debug, Default)]
pub(crate) struct Manifest {
    pub(crate) segments: Vec<SegmentRow>,
    pub(crate) indexes: Vec<IndexRow>,
    pub(crate) sealed_generation: u64,
    pub(crate) feedback_seq: u64,
}

pub(crate) fn manifest(tx: &mut Tx<'_>, writer: &str) -> Result<Manifest, DbError> {
    let segments = tx
        .query(
            "SELECT workspace_id, endpoint, kind, path, date, row_count, served_count, min_time, max_time, size_bytes
             FROM event_segment ORDER BY workspace_id, endpoint, kind, path",
            params![],
        )?
        .iter()
        .map(|row| {
            let kind: String = row.get(2)?;
            Ok(SegmentRow {
                workspace: row.get(0)?,
                endpoint: row.get(1)?,
                kind: if kind == FEEDBACK { FEEDBACK } else { PREDICTION },
                path: row.get(3)?,
                date: row.get(4)?,
                rows: row.get(5)?,
                span: Span {
                    served: row.get(6)?,
                    first: row.get(7)?,
                    last: row.get(8)?,
                },
                size_bytes: row.get(9)?,
            })
        })
        .collect::<Result<_, DbError>>()?;
    let indexes = tx
        .query(
            "SELECT workspace_id, endpoint, path, entry_count FROM event_index ORDER BY workspace_id, endpoint, path",
            params![],
        )?
        .iter()
        .map(|row| {
            Ok(IndexRow {
                workspace: row.get(0)?,
                endpoint: row.get(1)?,
                path: row.get(2)?,
                entries: row.get(3)?,
            })
        })
        .collect::<Result<_, DbError>>()?;
    let own = tx.query_opt(
        "SELECT sealed_generation, feedback_seq FROM event_writer WHERE writer = ?1",
        params![writer],
    )?;
    let (sealed_generation, feedback_seq) = match own {
        Some(row) => (row.get(0)?, row.get(1)?),
        None => (0, 0),
    };
    Ok(Manifest {
        segments,
        indexes,
        sealed_generation,
        feedback_seq,
    })
}
