//! Embedded SQLite: WAL, one writer thread that takes every waiting command into one transaction, two lanes
//! (control before bulk), and a pool of readers.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags, types::ValueRef};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    DbError, Lane, Row, Tx, Value,
    tx::{Inner, statement_error},
};

/// How many commands one transaction takes at most; bounds the time that a command waits for its commit.
const GROUP: usize = 512;
/// How many commands may wait in a lane; further callers wait for a place (back-pressure).
const QUEUE: usize = 4_096;
/// Read connections kept.
const READERS: usize = 4;

/// A command with its place in the queue: runs inside the transaction and leaves the reply for after the commit.
pub(crate) struct Command {
    pub(crate) run: Box<dyn FnOnce(&mut Tx<'_>) -> Outcome + Send>,
    pub(crate) _permit: OwnedSemaphorePermit,
}

/// What a command did: whether its savepoint is kept, and how to answer once the commit is known.
pub(crate) struct Outcome {
    pub(crate) keep: bool,
    pub(crate) reply: Box<dyn FnOnce(Result<(), DbError>) + Send>,
}

#[derive(Default)]
struct Queues {
    control: VecDeque<Command>,
    bulk: VecDeque<Command>,
    is_closed: bool,
}

struct Shared {
    queues: Mutex<Queues>,
    wake: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writer thread and the readers of one database file.
pub(crate) struct Sqlite {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
    control_places: Arc<Semaphore>,
    bulk_places: Arc<Semaphore>,
    readers: Arc<Readers>,
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sqlite")
            .field("path", &self.readers.path)
            .finish_non_exhaustive()
    }
}

struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    places: Arc<Semaphore>,
}

fn open_error(path: &Path, source: rusqlite::Error) -> DbError {
    DbError::Open {
        target: path.display().to_string(),
        source: source.into(),
    }
}

fn connect(path: &Path, is_writer: bool) -> Result<Connection, rusqlite::Error> {
    let mut flags = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_READ_WRITE;
    if is_writer {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(30))?;
    connection.set_prepared_statement_cache_capacity(256);
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
         PRAGMA case_sensitive_like = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384;",
    )?;
    connection.execute_batch(if is_writer {
        // Writers go over the same pages again and again: fewer checkpoints write each of them less often.
        "PRAGMA wal_autocheckpoint = 4000;"
    } else {
        "PRAGMA query_only = ON;"
    })?;
    Ok(connection)
}

impl Sqlite {
    pub(crate) fn open(
        path: &Path,
        committed: impl Fn() + Send + 'static,
    ) -> Result<Self, DbError> {
        let connection = connect(path, true).map_err(|source| open_error(path, source))?;
        let shared = Arc::new(Shared {
            queues: Mutex::default(),
            wake: Condvar::new(),
        });
        let of_writer = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("trimtab-db-writer".to_owned())
            .spawn(move || write_loop(&connection, &of_writer, &committed))
            .map_err(|source| DbError::Open {
                target: path.display().to_string(),
                source: source.into(),
            })?;
        Ok(Self {
            shared,
            writer: Mutex::new(Some(writer)),
            control_places: Arc::new(Semaphore::new(QUEUE)),
            bulk_places: Arc::new(Semaphore::new(QUEUE)),
            readers: Arc::new(Readers {
                path: path.to_owned(),
                idle: Mutex::default(),
                places: Arc::new(Semaphore::new(READERS)),
            }),
        })
    }

    /// Where the database is.
    pub(crate) fn path(&self) -> &Path {
        &self.readers.path
    }

    /// Queues a command; waits for a place when its lane is full.
    pub(crate) async fn submit(
        &self,
        lane: Lane,
        run: Box<dyn FnOnce(&mut Tx<'_>) -> Outcome + Send>,
    ) -> Result<(), DbError> {
        let places = match lane {
            Lane::Control => &self.control_places,
            Lane::Bulk => &self.bulk_places,
        };
        let permit = Arc::clone(places)
            .acquire_owned()
            .await
            .map_err(|_| DbError::Closed)?;
        let mut queues = self.shared.lock();
        if queues.is_closed {
            return Err(DbError::Closed);
        }
        let command = Command {
            run,
            _permit: permit,
        };
        match lane {
            Lane::Control => queues.control.push_back(command),
            Lane::Bulk => queues.bulk.push_back(command),
        }
        drop(queues);
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Runs a read on a pooled connection, on a blocking thread, inside one snapshot, for at most the budget.
    pub(crate) async fn read<T, E>(
        &self,
        budget: Option<Duration>,
        run: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let readers = Arc::clone(&self.readers);
        let place = Arc::clone(&readers.places)
            .acquire_owned()
            .await
            .map_err(|_| DbError::Closed)?;
        tokio::task::spawn_blocking(move || {
            let _place = place;
            let idle = readers
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop();
            let mut connection = match idle {
                Some(connection) => connection,
                None => connect(&readers.path, false)
                    .map_err(|source| open_error(&readers.path, source))?,
            };
            connection
                .execute_batch("BEGIN")
                .map_err(|source| transaction_error("begin", source))?;
            limit(&mut connection, budget).map_err(|source| transaction_error("begin", source))?;
            let answer = run(&mut Tx::new(Inner::Sqlite(&connection)));
            // A connection that kept its deadline would fail its next read: it is dropped in place of being kept.
            if budget.is_some() && limit(&mut connection, None).is_err() {
                return answer;
            }
            if connection.execute_batch("ROLLBACK").is_ok() {
                readers
                    .idle
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(connection);
            }
            answer
        })
        .await
        .map_err(|_| DbError::Closed)?
    }

    /// Finishes what waits, then ends the writer.
    pub(crate) fn close(&self) {
        self.shared.lock().is_closed = true;
        self.shared.wake.notify_all();
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(writer) = writer
            && writer.join().is_err()
        {
            tracing::error!("the database writer ended by a panic");
        }
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.close();
    }
}

/// How many steps of its virtual machine SQLite takes between two looks at the clock: some tens of microseconds.
const STEPS: i32 = 2_000;

/// Lets what runs on a connection from now on end after the budget.
fn limit(connection: &mut Connection, budget: Option<Duration>) -> Result<(), rusqlite::Error> {
    let handler = budget.map(|budget| {
        let begun = Instant::now();
        move || begun.elapsed() > budget
    });
    connection.progress_handler(STEPS, handler)
}

fn transaction_error(step: &'static str, source: rusqlite::Error) -> DbError {
    DbError::Transaction {
        step,
        source: source.into(),
    }
}

fn write_loop(connection: &Connection, shared: &Shared, committed: &dyn Fn()) {
    loop {
        let group: Vec<Command> = {
            let mut queues = shared.lock();
            while queues.control.is_empty() && queues.bulk.is_empty() {
                if queues.is_closed {
                    return;
                }
                queues = shared
                    .wake
                    .wait(queues)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            let control = queues.control.len().min(GROUP);
            let bulk = queues.bulk.len().min(GROUP - control);
            let mut group: Vec<Command> = queues.control.drain(..control).collect();
            group.extend(queues.bulk.drain(..bulk));
            group
        };
        run_group(connection, group, committed);
    }
}

/// Runs a statement without parameters that occurs with every command, so that it is parsed once.
fn run_cached(connection: &Connection, sql: &str) -> Result<(), rusqlite::Error> {
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}

/// Runs one group in one transaction, tells the outbox's readers when it grew, and answers every command.
fn run_group(connection: &Connection, group: Vec<Command>, committed: &dyn Fn()) {
    if let Err(source) = run_cached(connection, "BEGIN IMMEDIATE") {
        tracing::error!(%source, "the database refused to begin a transaction");
        // Dropping a command's reply sender tells its caller that the database is closed to it.
        drop(group);
        return;
    }
    let mut published = false;
    let mut replies = Vec::with_capacity(group.len());
    for command in group {
        if run_cached(connection, "SAVEPOINT command").is_err() {
            continue;
        }
        let mut tx = Tx::new(Inner::Sqlite(connection));
        // A panic in a service's closure must not take the writer, and with it the server, down.
        let outcome = catch_unwind(AssertUnwindSafe(|| (command.run)(&mut tx)));
        let keep = outcome.as_ref().is_ok_and(|outcome| outcome.keep);
        published |= keep && tx.published;
        let undone = if keep {
            Ok(())
        } else {
            run_cached(connection, "ROLLBACK TO command")
        };
        let ended = undone.and_then(|()| run_cached(connection, "RELEASE command"));
        if let Ok(outcome) = outcome {
            replies.push((outcome.reply, ended));
        }
    }
    let commit = run_cached(connection, "COMMIT");
    if commit.is_err() && !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    let failure = commit.as_ref().err().map(ToString::to_string);
    // Before the answers: who has one may look for what it published.
    if published && failure.is_none() {
        committed();
    }
    for (reply, ended) in replies {
        reply(match (&failure, ended) {
            (Some(failure), _) => Err(DbError::Transaction {
                step: "commit",
                source: failure.clone().into(),
            }),
            (None, Err(source)) => Err(transaction_error("commit", source)),
            (None, Ok(())) => Ok(()),
        });
    }
}

pub(crate) fn error(sql: &str, source: rusqlite::Error) -> DbError {
    if source.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) {
        return DbError::Budget;
    }
    let is_unique = source.sqlite_error().is_some_and(|error| {
        matches!(
            error.extended_code,
            rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE
                | rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                | rusqlite::ffi::SQLITE_CONSTRAINT_ROWID
        )
    });
    if is_unique {
        DbError::Unique {
            source: source.into(),
        }
    } else {
        statement_error(sql, source.into())
    }
}

pub(crate) fn query(
    connection: &Connection,
    sql: &str,
    params: &[Value],
) -> Result<Vec<Row>, rusqlite::Error> {
    let mut answer = Vec::new();
    each(connection, sql, params, |row| {
        answer.push(row);
        true
    })?;
    Ok(answer)
}

/// Hands each row of a query to `take`, until that says to stop.
pub(crate) fn each(
    connection: &Connection,
    sql: &str,
    params: &[Value],
    mut take: impl FnMut(Row) -> bool,
) -> Result<(), rusqlite::Error> {
    let mut statement = connection.prepare_cached(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query(rusqlite::params_from_iter(params))?;
    while let Some(row) = rows.next()? {
        let values = (0..columns)
            .map(|column| {
                Ok(match row.get_ref(column)? {
                    ValueRef::Null => Value::Null,
                    ValueRef::Integer(value) => Value::Int(value),
                    ValueRef::Real(value) => Value::Real(value),
                    ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                    ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
                })
            })
            .collect::<Result<_, rusqlite::Error>>()?;
        if !take(Row(values)) {
            break;
        }
    }
    Ok(())
}

/// Inserts rows one by one through one prepared statement.
pub(crate) fn insert_rows(
    connection: &Connection,
    sql: &str,
    rows: &mut dyn Iterator<Item = Vec<Value>>,
) -> Result<u64, rusqlite::Error> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut changed = 0;
    for row in rows {
        changed += statement.execute(rusqlite::params_from_iter(row))? as u64;
    }
    Ok(changed)
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::{ToSqlOutput, ValueRef};
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Real(value) => ValueRef::Real(*value),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
