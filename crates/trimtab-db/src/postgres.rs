//! PostgreSQL: a pool, one transaction per command. Commands are the same synchronous closures as on SQLite;
//! each runs on a blocking thread that waits for the driver.

use std::{cell::Cell, error::Error, str::FromStr, time::Duration};

use bytes::Bytes;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use futures::{SinkExt as _, StreamExt as _};
use tokio::runtime::Handle;
use tokio_postgres::{
    Config, NoTls,
    error::SqlState,
    types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked},
};

use crate::{
    DbError, Dialect, Lane, Row, Tx, Value,
    insert::Column,
    tx::{Inner, statement_error},
};

/// Connections kept.
const CONNECTIONS: usize = 8;
/// The advisory lock that makes control commands run one after the other, as SQLite's writer does.
const CONTROL_LOCK: &str = "SELECT pg_advisory_xact_lock(8387236823645254002)";

/// How often a command that PostgreSQL undid after a deadlock is run: each time, another one of those went on.
const TRIES: u32 = 20;

const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// What a transaction is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mode {
    Write(Lane),
    /// A snapshot, in which each statement has that long.
    Read(Option<Duration>),
}

/// A pool of connections to one database.
pub(crate) struct Postgres {
    pool: Pool,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres")
            .field("status", &self.pool.status())
            .finish()
    }
}

/// A connection on a blocking thread.
pub(crate) struct PgConnection {
    client: Object,
    handle: Handle,
    /// Whether PostgreSQL ended the transaction because it and another waited for each other.
    is_victim: Cell<bool>,
}

impl std::fmt::Debug for PgConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PgConnection")
    }
}

impl Postgres {
    pub(crate) async fn open(url: &str) -> Result<Self, DbError> {
        let open_error = |source: Box<dyn Error + Send + Sync>| DbError::Open {
            target: without_password(url),
            source,
        };
        let config = Config::from_str(url).map_err(|source| open_error(source.into()))?;
        let manager = Manager::from_config(
            config,
            NoTls,
            ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            },
        );
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .build()
            .map_err(|source| open_error(source.into()))?;
        let client = pool
            .get()
            .await
            .map_err(|source| open_error(source.into()))?;
        drop(client);
        Ok(Self { pool })
    }

    /// The connections.
    pub(crate) fn pool(&self) -> Pool {
        self.pool.clone()
    }

    /// Runs a closure in a transaction of its own; commits when it answers `Ok`.
    pub(crate) async fn run<T, E>(
        &self,
        mode: Mode,
        run: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<(T, bool), E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let connection = self.connection().await?;
        tokio::task::spawn_blocking(move || transaction(&connection, mode, run))
            .await
            .map_err(|_| DbError::Closed)?
    }

    /// The same for a closure that may run from its start again, as it does after a deadlock.
    pub(crate) async fn run_again<T, E>(
        &self,
        mode: Mode,
        mut run: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<(T, bool), E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let connection = self.connection().await?;
        tokio::task::spawn_blocking(move || {
            let mut tries = 1;
            loop {
                connection.is_victim.set(false);
                let answer = transaction(&connection, mode, &mut run);
                if answer.is_ok() || !connection.is_victim.get() || tries == TRIES {
                    return answer;
                }
                tries += 1;
            }
        })
        .await
        .map_err(|_| DbError::Closed)?
    }

    async fn connection(&self) -> Result<PgConnection, DbError> {
        let client = self
            .pool
            .get()
            .await
            .map_err(|source| DbError::Transaction {
                step: "begin",
                source: source.into(),
            })?;
        Ok(PgConnection {
            client,
            handle: Handle::current(),
            is_victim: Cell::new(false),
        })
    }
}

fn transaction<T, E: From<DbError>>(
    connection: &PgConnection,
    mode: Mode,
    run: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
) -> Result<(T, bool), E> {
    let begin = match mode {
        Mode::Write(Lane::Control) => format!("BEGIN; {CONTROL_LOCK}"),
        Mode::Write(Lane::Bulk) => "BEGIN".to_owned(),
        Mode::Read(None) => READ.to_owned(),
        Mode::Read(Some(budget)) => format!(
            "{READ}; SET LOCAL statement_timeout = {}",
            budget.as_millis().max(1)
        ),
    };
    connection.batch(&begin)?;
    let mut tx = Tx::new(Inner::Postgres(connection));
    let answer = run(&mut tx);
    let published = tx.published;
    match answer {
        Ok(value) => {
            connection
                .batch("COMMIT")
                .map_err(|source| DbError::Transaction {
                    step: "commit",
                    source: source.into(),
                })?;
            Ok((value, published))
        }
        Err(error) => {
            connection.batch("ROLLBACK")?;
            Err(error)
        }
    }
}

impl PgConnection {
    fn error(&self, sql: &str, source: tokio_postgres::Error) -> DbError {
        if source.code() == Some(&SqlState::T_R_DEADLOCK_DETECTED) {
            self.is_victim.set(true);
        }
        error(sql, source)
    }

    pub(crate) fn execute(&self, sql: &str, params: &[Value]) -> Result<u64, DbError> {
        self.handle.block_on(async {
            let statement = self
                .client
                .prepare_cached(&Dialect::Postgres.statement(sql))
                .await
                .map_err(|source| self.error(sql, source))?;
            self.client
                .execute_raw(&statement, params.iter())
                .await
                .map_err(|source| self.error(sql, source))
        })
    }

    pub(crate) fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>, DbError> {
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| value as _).collect();
        self.handle.block_on(async {
            let statement = self
                .client
                .prepare_cached(&Dialect::Postgres.statement(sql))
                .await
                .map_err(|source| self.error(sql, source))?;
            let rows = self
                .client
                .query(&statement, &params)
                .await
                .map_err(|source| self.error(sql, source))?;
            rows.iter().map(|row| read_row(sql, row)).collect()
        })
    }

    /// Inserts rows by one statement, a parameter for each column.
    pub(crate) fn insert_columns(&self, sql: &str, columns: &[Column]) -> Result<u64, DbError> {
        let params: Vec<&(dyn ToSql + Sync)> = columns
            .iter()
            .map(|column| match column {
                Column::Int(values) => values as &(dyn ToSql + Sync),
                Column::Real(values) => values,
                Column::Text(values) => values,
                Column::Blob(values) => values,
            })
            .collect();
        self.handle.block_on(async {
            let statement = self
                .client
                .prepare_cached(sql)
                .await
                .map_err(|source| self.error(sql, source))?;
            self.client
                .execute(&statement, &params)
                .await
                .map_err(|source| self.error(sql, source))
        })
    }

    /// Runs a `COPY … TO STDOUT` and hands over its bytes as they come.
    pub(crate) fn copy_out(
        &self,
        sql: &str,
        each: &mut dyn FnMut(&[u8]) -> Result<(), DbError>,
    ) -> Result<(), DbError> {
        let copying = self.handle.block_on(self.client.copy_out(sql));
        let mut copying = Box::pin(copying.map_err(|source| self.error(sql, source))?);
        while let Some(part) = self.handle.block_on(copying.next()) {
            each(&part.map_err(|source| self.error(sql, source))?)?;
        }
        Ok(())
    }

    /// Runs a `COPY … FROM STDIN` with what `next` gives, until that is nothing.
    pub(crate) fn copy_in(
        &self,
        sql: &str,
        next: &mut dyn FnMut() -> Result<Option<Vec<u8>>, DbError>,
    ) -> Result<(), DbError> {
        let copying = self.handle.block_on(self.client.copy_in::<_, Bytes>(sql));
        let mut copying = Box::pin(copying.map_err(|source| self.error(sql, source))?);
        while let Some(piece) = next()? {
            self.handle
                .block_on(copying.send(piece.into()))
                .map_err(|source| self.error(sql, source))?;
        }
        self.handle
            .block_on(copying.as_mut().finish())
            .map_err(|source| self.error(sql, source))?;
        Ok(())
    }

    pub(crate) fn batch(&self, sql: &str) -> Result<(), DbError> {
        self.handle
            .block_on(self.client.batch_execute(sql))
            .map_err(|source| self.error(sql, source))
    }
}

pub(crate) fn read_row(sql: &str, row: &tokio_postgres::Row) -> Result<Row, DbError> {
    let values = (0..row.len())
        .map(|column| {
            let value = match *row.columns()[column].type_() {
                Type::INT8 => row.try_get::<_, Option<i64>>(column).map(Value::from),
                Type::INT4 => row.try_get::<_, Option<i32>>(column).map(Value::from),
                Type::FLOAT8 => row.try_get::<_, Option<f64>>(column).map(Value::from),
                Type::BOOL => row.try_get::<_, Option<bool>>(column).map(Value::from),
                Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(column).map(Value::from),
                _ => row.try_get::<_, Option<String>>(column).map(Value::from),
            };
            value.map_err(|source| statement_error(sql, source.into()))
        })
        .collect::<Result<_, _>>()?;
    Ok(Row(values))
}

fn error(sql: &str, source: tokio_postgres::Error) -> DbError {
    if source.code() == Some(&SqlState::QUERY_CANCELED) {
        DbError::Budget
    } else if source.code() == Some(&SqlState::UNIQUE_VIOLATION) {
        DbError::Unique {
            source: source.into(),
        }
    } else {
        statement_error(sql, source.into())
    }
}

fn without_password(url: &str) -> String {
    match (url.find("://"), url.find('@')) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}…{}", &url[..scheme + 3], &url[at..]),
        _ => "postgresql".to_owned(),
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) => match *kind {
                Type::INT4 => i32::try_from(*value)?.to_sql(kind, out),
                Type::FLOAT8 => (*value as f64).to_sql(kind, out),
                Type::BOOL => (*value != 0).to_sql(kind, out),
                _ => value.to_sql(&Type::INT8, out),
            },
            Self::Real(value) => value.to_sql(&Type::FLOAT8, out),
            Self::Text(text) => text.to_sql(kind, out),
            Self::Blob(bytes) => bytes.to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
