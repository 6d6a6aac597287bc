//! The tables of monitors. Nobody else reads or writes them.

use trimtab_db::Migration;

/// The tables of this service.
pub const MIGRATIONS: &[Migration] = &[Migration {
    service: "monitor",
    number: 1,
    sql: "CREATE TABLE monitor (workspace_id TEXT NOT NULL, name TEXT NOT NULL, endpoint TEXT NOT NULL, project TEXT NOT NULL, window_us BIGINT NOT NULL, judged_to BIGINT, state TEXT NOT NULL, created_at BIGINT NOT NULL, created_by TEXT NOT NULL, PRIMARY KEY (workspace_id, name));
CREATE TABLE monitor_window (workspace_id TEXT NOT NULL, monitor TEXT NOT NULL, from_us BIGINT NOT NULL, to_us BIGINT NOT NULL, id TEXT NOT NULL, rescore_at BIGINT, summary TEXT NOT NULL, detail TEXT NOT NULL, PRIMARY KEY (workspace_id, monitor, from_us));
CREATE UNIQUE INDEX monitor_window_by_id ON monitor_window (workspace_id, id);
CREATE INDEX monitor_window_by_rescore ON monitor_window (workspace_id, monitor, rescore_at);
CREATE TABLE alert (workspace_id TEXT NOT NULL, id TEXT NOT NULL, monitor TEXT NOT NULL, endpoint TEXT NOT NULL, kind TEXT NOT NULL, opened_at BIGINT NOT NULL, ordinal BIGINT NOT NULL, closed_at BIGINT, body TEXT NOT NULL, PRIMARY KEY (workspace_id, id));
CREATE INDEX alert_by_time ON alert (workspace_id, opened_at, ordinal);
CREATE INDEX alert_by_endpoint ON alert (workspace_id, endpoint, opened_at, ordinal);
CREATE INDEX alert_by_monitor ON alert (workspace_id, monitor, closed_at);
",
}];
