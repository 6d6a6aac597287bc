//! The tables of dataset versions and quarantines.

use trimtab_db::Migration;

/// The tables of the data service.
pub const MIGRATIONS: &[Migration] = &[Migration {
    service: "data",
    number: 1,
    sql: "CREATE TABLE dataset_version (workspace_id TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, number BIGINT NOT NULL, digest TEXT NOT NULL, row_count BIGINT NOT NULL, columns TEXT NOT NULL, source TEXT NOT NULL, from_time BIGINT, to_time BIGINT, created_at BIGINT NOT NULL, created_by TEXT NOT NULL, profile TEXT NOT NULL, blob TEXT NOT NULL, PRIMARY KEY (workspace_id, id));
CREATE UNIQUE INDEX dataset_version_by_number ON dataset_version (workspace_id, name, number);
CREATE UNIQUE INDEX dataset_version_by_digest ON dataset_version (workspace_id, name, digest);
CREATE TABLE quarantine (workspace_id TEXT NOT NULL, endpoint TEXT NOT NULL, from_time BIGINT NOT NULL, to_time BIGINT NOT NULL, digest TEXT NOT NULL, columns TEXT NOT NULL, cause TEXT NOT NULL, alert TEXT, at BIGINT NOT NULL, created_by TEXT NOT NULL, PRIMARY KEY (workspace_id, endpoint, from_time, to_time, digest));
",
}];
