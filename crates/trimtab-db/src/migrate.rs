//! Forward-only migrations, keyed (service, number), run in one order in one transaction.

use crate::{DbError, Tx, params};

/// One step of a service's schema, in portable types (see [`crate::Dialect`]): statements end with `;\n`. One that
/// begins with `sqlite: ` or `postgres: ` is only for that database (a constraint can be dropped only there, say).
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// The crate that owns the tables, without `trimtab-`.
    pub service: &'static str,
    /// Counted from 1 within the service.
    pub number: i64,
    /// Its statements.
    pub sql: &'static str,
}

const OWN: &[Migration] = &[Migration {
    service: "db",
    number: 1,
    sql: "CREATE TABLE outbox (seq SERIAL_KEY, workspace_id TEXT NOT NULL, topic TEXT NOT NULL, version BIGINT NOT NULL, payload TEXT NOT NULL, at BIGINT NOT NULL, xid BIGINT NOT NULL);
CREATE INDEX outbox_by_topic ON outbox (topic, seq);
CREATE TABLE outbox_cursor (consumer TEXT PRIMARY KEY, seq BIGINT NOT NULL);
CREATE TABLE lease (name TEXT PRIMARY KEY, holder TEXT NOT NULL, epoch BIGINT NOT NULL, expires_at BIGINT NOT NULL);
",
}];

pub(crate) fn run(tx: &mut Tx<'_>, services: &[&[Migration]]) -> Result<(), DbError> {
    tx.run_schema(
        "CREATE TABLE IF NOT EXISTS migration (service TEXT NOT NULL, number BIGINT NOT NULL, PRIMARY KEY (service, number))",
    )?;
    let known: Vec<&Migration> = OWN
        .iter()
        .chain(services.iter().copied().flatten())
        .collect();
    let applied: Vec<(String, i64)> = tx
        .query("SELECT service, number FROM migration", params![])?
        .iter()
        .map(|row| Ok((row.get(0)?, row.get(1)?)))
        .collect::<Result<_, DbError>>()?;
    for (service, number) in &applied {
        // A service that this program was built without may have tables here; only a newer number is a danger.
        let newest = known
            .iter()
            .filter(|m| m.service == service)
            .map(|m| m.number)
            .max();
        if newest.is_some_and(|newest| newest < *number) {
            return Err(DbError::Newer {
                service: service.clone(),
                number: *number,
            });
        }
    }
    for migration in known {
        let is_applied = applied
            .iter()
            .any(|(service, number)| service == migration.service && *number == migration.number);
        if !is_applied {
            tx.run_schema(migration.sql)?;
            tx.execute(
                "INSERT INTO migration (service, number) VALUES (?1, ?2)",
                params![migration.service, migration.number],
            )?;
        }
    }
    Ok(())
}
