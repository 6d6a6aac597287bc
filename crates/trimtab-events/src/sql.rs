//! The manifest: which segments and indexes are complete, and which generation of the write-ahead log they hold.

use trimtab_db::Migration;

/// The tables of the event log.
pub const MIGRATIONS: &[Migration] = &[Migration {
    service: "events",
    number: 1,
    sql: "CREATE TABLE event_segment (workspace_id TEXT NOT NULL, endpoint TEXT NOT NULL, kind TEXT NOT NULL, path TEXT NOT NULL, date TEXT NOT NULL, writer TEXT NOT NULL, generation BIGINT NOT NULL, row_count BIGINT NOT NULL, served_count BIGINT NOT NULL, min_time BIGINT NOT NULL, max_time BIGINT NOT NULL, size_bytes BIGINT NOT NULL, PRIMARY KEY (workspace_id, endpoint, kind, path));
CREATE TABLE event_index (workspace_id TEXT NOT NULL, endpoint TEXT NOT NULL, path TEXT NOT NULL, writer TEXT NOT NULL, generation BIGINT NOT NULL, entry_count BIGINT NOT NULL, PRIMARY KEY (workspace_id, endpoint, path));
CREATE TABLE event_writer (writer TEXT PRIMARY KEY, sealed_generation BIGINT NOT NULL, feedback_seq BIGINT NOT NULL);
",
}];
