//! The outbox: what services tell each other. A message is written in the transaction of the change that it
//! tells of; every consumer has its own stored cursor and handles messages idempotently.

use trimtab_types::{Time, WorkspaceId};

use crate::{Db, DbError, Dialect, Lane, Row, Tx, params};

/// A message about to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The workspace that it belongs to.
    pub workspace: WorkspaceId,
    /// `service.what-happened`, such as `monitor.alert-raised`.
    pub topic: &'static str,
    /// Version of the payload's shape.
    pub version: i64,
    /// What happened, as JSON.
    pub payload: serde_json::Value,
    /// When, by the loop's clock.
    pub at: Time,
}

/// A message as a consumer reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxEvent {
    /// Its place; later messages have greater ones.
    pub seq: i64,
    /// The workspace that it belongs to.
    pub workspace: WorkspaceId,
    /// What kind of thing happened.
    pub topic: String,
    /// Version of the payload's shape.
    pub version: i64,
    /// What happened, as JSON.
    pub payload: serde_json::Value,
    /// When, by the loop's clock.
    pub at: Time,
}

impl Tx<'_> {
    /// Writes a message; consumers are woken after the commit.
    pub fn publish(&mut self, message: &Message) -> Result<(), DbError> {
        let sql = match self.dialect() {
            Dialect::Sqlite => {
                "INSERT INTO outbox (workspace_id, topic, version, payload, at, xid) VALUES (?1, ?2, ?3, ?4, ?5, 0)"
            }
            Dialect::Postgres => {
                "INSERT INTO outbox (workspace_id, topic, version, payload, at, xid) VALUES (?1, ?2, ?3, ?4, ?5, pg_current_xact_id()::text::bigint)"
            }
        };
        self.execute(
            sql,
            params![
                &message.workspace,
                message.topic,
                message.version,
                message.payload.to_string(),
                message.at
            ],
        )?;
        self.published = true;
        Ok(())
    }
}

impl Db {
    /// The next messages for a consumer, oldest first, at most `limit`. On PostgreSQL it stops before the oldest
    /// transaction that still runs, so that a message committed late is never skipped.
    pub async fn outbox_next(
        &self,
        consumer: &'static str,
        limit: u32,
    ) -> Result<Vec<OutboxEvent>, DbError> {
        self.read(move |tx| {
            let until = match tx.dialect() {
                Dialect::Sqlite => "",
                Dialect::Postgres => "AND xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint ",
            };
            let sql = format!(
                "SELECT seq, workspace_id, topic, version, payload, at FROM outbox
                 WHERE seq > COALESCE((SELECT seq FROM outbox_cursor WHERE consumer = ?1), 0) {until}ORDER BY seq LIMIT ?2"
            );
            tx.query(&sql, params![consumer, limit])?.iter().map(read).collect()
        })
        .await
    }

    /// The messages of one workspace after `seq`, oldest first, at most `limit`: for readers that keep their
    /// place themselves (a console's event stream). It stops where [`Db::outbox_next`] does.
    pub async fn outbox_since(
        &self,
        workspace: &WorkspaceId,
        seq: i64,
        limit: u32,
    ) -> Result<Vec<OutboxEvent>, DbError> {
        let workspace = workspace.clone();
        self.read(move |tx| {
            let until = match tx.dialect() {
                Dialect::Sqlite => "",
                Dialect::Postgres => {
                    "AND xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint "
                }
            };
            let sql = format!(
                "SELECT seq, workspace_id, topic, version, payload, at FROM outbox
                 WHERE seq > ?1 AND workspace_id = ?2 {until}ORDER BY seq LIMIT ?3"
            );
            tx.query(&sql, params![seq, &workspace, limit])?
                .iter()
                .map(read)
                .collect()
        })
        .await
    }

    /// The place of the newest message; 0 when there is none.
    pub async fn outbox_head(&self) -> Result<i64, DbError> {
        self.read(|tx| {
            tx.query_one("SELECT COALESCE(MAX(seq), 0) FROM outbox", params![])?
                .get(0)
        })
        .await
    }

    /// The latest time of a message by the loop's clock: where a replay's clock stood at least.
    pub async fn outbox_time(&self) -> Result<Option<Time>, DbError> {
        self.read(|tx| {
            tx.query_one("SELECT MAX(at) FROM outbox", params![])?
                .get(0)
        })
        .await
    }

    /// Records that a consumer has handled everything up to `seq`.
    pub async fn outbox_done(&self, consumer: &'static str, seq: i64) -> Result<(), DbError> {
        self.write(Lane::Control, move |tx| {
            tx.execute(
                "INSERT INTO outbox_cursor (consumer, seq) VALUES (?1, ?2)
                 ON CONFLICT (consumer) DO UPDATE SET seq = excluded.seq WHERE outbox_cursor.seq < excluded.seq",
                params![consumer, seq],
            )?;
            Ok(())
        })
        .await
    }
}

fn read(row: &Row) -> Result<OutboxEvent, DbError> {
    let payload: String = row.get(4)?;
    Ok(OutboxEvent {
        seq: row.get(0)?,
        workspace: row.get(1)?,
        topic: row.get(2)?,
        version: row.get(3)?,
        payload: serde_json::from_str(&payload).map_err(|_| DbError::Decode {
            column: 4,
            expected: "JSON",
            found: "other text".to_owned(),
        })?,
        at: row.get(5)?,
    })
}
