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

/// The migrations that the database has had: (service, number).
pub(crate) fn applied(tx: &mut Tx<'_>) -> Result<Vec<(String, i64)>, DbError> {
    tx.query(
        "SELECT service, number FROM migration ORDER BY service, number",
        params![],
    )?
    .iter()
    .map(|row| Ok((row.get(0)?, row.get(1)?)))
    .collect()
}

/// Applies what is missing.
pub(crate) fn run(tx: &mut Tx<'_>, services: &[&[Migration]]) -> Result<(), DbError> {
    make_table(tx)?;
    let known = known(services);
    let applied = applied(tx)?;
    refuse_newer(&known, &applied)?;
    for migration in known {
        if !contains(&applied, migration) {
            apply(tx, migration)?;
        }
    }
    Ok(())
}

/// Applies those that another database has had, and no others, to an empty one.
pub(crate) fn run_those(
    tx: &mut Tx<'_>,
    services: &[&[Migration]],
    wanted: &[(String, i64)],
) -> Result<(), DbError> {
    make_table(tx)?;
    let known = known(services);
    refuse_newer(&known, wanted)?;
    for migration in known {
        if contains(wanted, migration) {
            apply(tx, migration)?;
        }
    }
    Ok(())
}

fn make_table(tx: &mut Tx<'_>) -> Result<(), DbError> {
    tx.run_schema(
        "CREATE TABLE IF NOT EXISTS migration (service TEXT NOT NULL, number BIGINT NOT NULL, PRIMARY KEY (service, number))",
    )
}

fn known<'m>(services: &[&'m [Migration]]) -> Vec<&'m Migration> {
    OWN.iter()
        .chain(services.iter().copied().flatten())
        .collect()
}

fn contains(those: &[(String, i64)], migration: &Migration) -> bool {
    those
        .iter()
        .any(|(service, number)| service == migration.service && *number == migration.number)
}

fn refuse_newer(known: &[&Migration], applied: &[(String, i64)]) -> Result<(), DbError> {
    for (service, number) in applied {
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
    Ok(())
}

fn apply(tx: &mut Tx<'_>, migration: &Migration) -> Result<(), DbError> {
    tx.run_schema(migration.sql)?;
    tx.execute(
        "INSERT INTO migration (service, number) VALUES (?1, ?2)",
        params![migration.service, migration.number],
    )?;
    Ok(())
}
