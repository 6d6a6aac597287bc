//! One transaction, on either database.

use crate::{
    DbError, Dialect, FromValue, Insert, Value, error::gist, insert::Column,
    postgres::PgConnection, value::decode,
};

/// A transaction. One SQL text runs on both databases when it keeps these rules: placeholders are `?1 ?2 …`
/// (no other `?`), values are always bound, text compares as bytes, ORDER BY says NULLS FIRST or LAST, upserts
/// are `ON CONFLICT`, `LIKE` is written with `ESCAPE '\'` (and is case-sensitive on both), booleans are 0/1,
/// no JSON operators, no date functions, no OFFSET.
#[derive(Debug)]
pub struct Tx<'c> {
    pub(crate) inner: Inner<'c>,
    /// Set when this transaction wrote to the outbox, so that the commit wakes its readers.
    pub(crate) published: bool,
}

/// Names share their numbers with nothing but each other; two of one number only wait for each other.
const HOLD: &str = "SELECT 1::BIGINT FROM (SELECT pg_advisory_xact_lock(hashtextextended(?1, 6004232731))) AS held";

#[derive(Debug)]
pub(crate) enum Inner<'c> {
    Sqlite(&'c rusqlite::Connection),
    Postgres(&'c PgConnection),
}

/// One row of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(pub(crate) Vec<Value>);

impl Row {
    /// The value of a column, counted from 0.
    pub fn get<T: FromValue>(&self, column: usize) -> Result<T, DbError> {
        decode(&self.0, column)
    }

    /// The number of columns.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the row has no columns.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'c> Tx<'c> {
    pub(crate) fn new(inner: Inner<'c>) -> Self {
        Self {
            inner,
            published: false,
        }
    }

    /// Which database this is; for the rare statement that must differ.
    pub fn dialect(&self) -> Dialect {
        match self.inner {
            Inner::Sqlite(_) => Dialect::Sqlite,
            Inner::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Waits until no other transaction holds a name, and holds it until this one ends. SQLite has one writer, which
    /// holds them all. Who needs several takes them in their order, before any row.
    pub fn hold(&mut self, name: &str) -> Result<(), DbError> {
        match self.inner {
            Inner::Sqlite(_) => Ok(()),
            Inner::Postgres(connection) => {
                connection.query(HOLD, &[Value::from(name)])?;
                Ok(())
            }
        }
    }

    /// Runs a statement and says how many rows it changed.
    pub fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, DbError> {
        match self.inner {
            Inner::Sqlite(connection) => connection
                .prepare_cached(sql)
                .and_then(|mut statement| statement.execute(rusqlite::params_from_iter(params)))
                .map(|changed| changed as u64)
                .map_err(|source| crate::sqlite::error(sql, source)),
            Inner::Postgres(connection) => connection.execute(sql, params),
        }
    }

    /// Runs a query and answers all its rows; bound them with LIMIT.
    pub fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, DbError> {
        match self.inner {
            Inner::Sqlite(connection) => crate::sqlite::query(connection, sql, params)
                .map_err(|source| crate::sqlite::error(sql, source)),
            Inner::Postgres(connection) => connection.query(sql, params),
        }
    }

    /// Runs a query and hands over its rows one by one, for long answers of which little is kept.
    pub fn each(
        &mut self,
        sql: &str,
        params: &[Value],
        each: &mut dyn FnMut(&Row) -> Result<(), DbError>,
    ) -> Result<(), DbError> {
        match self.inner {
            Inner::Sqlite(connection) => {
                let mut outcome = Ok(());
                crate::sqlite::each(connection, sql, params, |row| {
                    outcome = each(&row);
                    outcome.is_ok()
                })
                .map_err(|source| crate::sqlite::error(sql, source))?;
                outcome
            }
            Inner::Postgres(connection) => connection.query(sql, params)?.iter().try_for_each(each),
        }
    }

    /// Inserts rows (see [`Insert`]) and says how many rows changed.
    pub fn insert_many(
        &mut self,
        insert: &Insert,
        rows: &mut dyn Iterator<Item = Vec<Value>>,
    ) -> Result<u64, DbError> {
        match self.inner {
            Inner::Sqlite(connection) => {
                let sql = insert.one_row();
                crate::sqlite::insert_rows(connection, &sql, rows)
                    .map_err(|source| crate::sqlite::error(&sql, source))
            }
            Inner::Postgres(connection) => {
                let columns = insert.columns(rows)?;
                if columns.first().is_none_or(Column::is_empty) {
                    return Ok(0);
                }
                connection.insert_columns(&insert.all_rows(), &columns)
            }
        }
    }

    /// Runs a query and answers its first row, if any.
    pub fn query_opt(&mut self, sql: &str, params: &[Value]) -> Result<Option<Row>, DbError> {
        Ok(self.query(sql, params)?.into_iter().next())
    }

    /// Runs a query that must answer a row.
    pub fn query_one(&mut self, sql: &str, params: &[Value]) -> Result<Row, DbError> {
        self.query_opt(sql, params)?.ok_or(DbError::NoRow)
    }

    /// Runs statements without parameters, as migrations do.
    pub(crate) fn run_schema(&mut self, sql: &str) -> Result<(), DbError> {
        let dialect = self.dialect();
        for statement in sql
            .split(";\n")
            .map(str::trim)
            .filter(|text| !text.is_empty())
        {
            let Some(statement) = dialect.own(statement) else {
                continue;
            };
            let statement = dialect.schema(statement.trim_end_matches(';'));
            match self.inner {
                Inner::Sqlite(connection) => connection
                    .execute_batch(&statement)
                    .map_err(|source| crate::sqlite::error(&statement, source))?,
                Inner::Postgres(connection) => connection.batch(&statement)?,
            }
        }
        Ok(())
    }
}

pub(crate) fn statement_error(
    sql: &str,
    source: Box<dyn std::error::Error + Send + Sync>,
) -> DbError {
    DbError::Statement {
        sql: gist(sql),
        source,
    }
}
