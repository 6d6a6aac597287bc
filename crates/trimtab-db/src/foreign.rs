//! Other programs' databases, read only: what an import reads from. Nothing is locked for longer than one query runs.

use std::path::{Path, PathBuf};

use futures::TryStreamExt as _;
use rusqlite::{Connection, OpenFlags};
use tokio::{runtime::Handle, sync::mpsc};

use crate::{
    DbError, Dialect, Row, Tx, Value,
    postgres::{Mode, Postgres},
    sqlite,
    tx::{Inner, statement_error},
};

/// Rows that one message of a stream carries.
const CHUNK: usize = 2_000;
/// Messages that wait for a slow reader; then the database waits too.
const WAITING: usize = 4;

/// A database that is not ours.
#[derive(Debug)]
pub struct ForeignDb(Backend);

#[derive(Debug)]
enum Backend {
    Sqlite(PathBuf),
    Postgres(Postgres),
}

fn connect(path: &Path) -> Result<Connection, DbError> {
    let open_error = |source: rusqlite::Error| DbError::Open {
        target: path.display().to_string(),
        source: source.into(),
    };
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = Connection::open_with_flags(path, flags).map_err(open_error)?;
    connection
        .busy_timeout(std::time::Duration::from_secs(30))
        .map_err(open_error)?;
    Ok(connection)
}

impl ForeignDb {
    /// Opens `sqlite:///FILE` (four slashes for an absolute path), or `postgresql://…` (also with a driver, as
    /// `postgresql+psycopg2://…`).
    pub async fn open(url: &str) -> Result<Self, DbError> {
        if let Some(path) = url.strip_prefix("sqlite:///") {
            let path = PathBuf::from(path);
            // Opened once here, so that a wrong path is told at once.
            connect(&path)?;
            return Ok(Self(Backend::Sqlite(path)));
        }
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(DbError::Open {
                target: "of that address".to_owned(),
                source: "expected sqlite:///FILE or postgresql://…".into(),
            });
        };
        if !matches!(scheme.split('+').next(), Some("postgresql" | "postgres")) {
            return Err(DbError::Open {
                target: format!("{scheme}://…"),
                source: "expected sqlite:///FILE or postgresql://…".into(),
            });
        }
        let postgres = Postgres::open(&format!("postgresql://{rest}")).await?;
        Ok(Self(Backend::Postgres(postgres)))
    }

    /// The file, where it is one.
    pub fn file(&self) -> Option<&Path> {
        match &self.0 {
            Backend::Sqlite(path) => Some(path),
            Backend::Postgres(_) => None,
        }
    }

    /// Which database this is.
    pub fn dialect(&self) -> Dialect {
        match self.0 {
            Backend::Sqlite(_) => Dialect::Sqlite,
            Backend::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs a query and answers all its rows; bound them with LIMIT.
    pub async fn query(&self, sql: String, params: Vec<Value>) -> Result<Vec<Row>, DbError> {
        match &self.0 {
            Backend::Sqlite(path) => {
                let path = path.clone();
                tokio::task::spawn_blocking(move || {
                    let connection = connect(&path)?;
                    Tx::new(Inner::Sqlite(&connection)).query(&sql, &params)
                })
                .await
                .map_err(|_| DbError::Closed)?
            }
            Backend::Postgres(postgres) => postgres
                .run(Mode::Read(None), move |tx| tx.query(&sql, &params))
                .await
                .map(|(rows, _)| rows),
        }
    }

    /// Runs a query of any size; its rows arrive in parts, as fast as they are taken.
    pub fn stream(
        &self,
        sql: String,
        params: Vec<Value>,
    ) -> mpsc::Receiver<Result<Vec<Row>, DbError>> {
        let (sender, receiver) = mpsc::channel(WAITING);
        match &self.0 {
            Backend::Sqlite(path) => {
                let path = path.clone();
                // Ends with the query, or when the reader goes away.
                let _reading = tokio::task::spawn_blocking(move || {
                    let mut part = Vec::with_capacity(CHUNK);
                    let read = connect(&path).and_then(|connection| {
                        sqlite::each(&connection, &sql, &params, |row| {
                            part.push(row);
                            part.len() < CHUNK
                                || sender.blocking_send(Ok(std::mem::take(&mut part))).is_ok()
                        })
                        .map_err(|source| sqlite::error(&sql, source))
                    });
                    // A reader that went away wants no last part.
                    let _ = sender.blocking_send(read.map(|()| part));
                });
            }
            Backend::Postgres(postgres) => {
                let (pool, handle) = (postgres.pool(), Handle::current());
                let _reading = tokio::task::spawn_blocking(move || {
                    let read = handle.block_on(read_postgres(&pool, &sql, &params, &sender));
                    if let Err(error) = read {
                        let _ = sender.blocking_send(Err(error));
                    }
                });
            }
        }
        receiver
    }
}

async fn read_postgres(
    pool: &deadpool_postgres::Pool,
    sql: &str,
    params: &[Value],
    sender: &mpsc::Sender<Result<Vec<Row>, DbError>>,
) -> Result<(), DbError> {
    let failed = |source: tokio_postgres::Error| statement_error(sql, source.into());
    let client = pool.get().await.map_err(|source| DbError::Transaction {
        step: "begin",
        source: source.into(),
    })?;
    let statement = client
        .prepare(&Dialect::Postgres.statement(sql))
        .await
        .map_err(failed)?;
    let rows = client
        .query_raw(&statement, params.iter())
        .await
        .map_err(failed)?;
    let mut rows = std::pin::pin!(rows);
    let mut part = Vec::with_capacity(CHUNK);
    while let Some(row) = rows.try_next().await.map_err(failed)? {
        part.push(crate::postgres::read_row(sql, &row)?);
        if part.len() == CHUNK && sender.send(Ok(std::mem::take(&mut part))).await.is_err() {
            return Ok(());
        }
    }
    let _ = sender.send(Ok(part)).await;
    Ok(())
}
