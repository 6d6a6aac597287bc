//! The handle that services hold.

use std::{path::Path, sync::Arc, time::Duration};

use tokio::sync::{oneshot, watch};

use crate::{
    DbError, Dialect, ForeignDb, Migration, Row, Tx, Value, dump, migrate,
    postgres::{Mode, Postgres},
    snapshot,
    sqlite::{Outcome, Sqlite},
};

/// Which queue a command waits in. Control commands (what runs in production, leases, plans) go before bulk
/// ones (appends of metrics and the like), and see each other's effects one after the other on both databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Check-then-act commands; serial.
    Control,
    /// Appends that no decision hangs on; may run side by side on PostgreSQL.
    Bulk,
}

/// A database; cheap to clone.
#[derive(Debug, Clone)]
pub struct Db(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    backend: Backend,
    wake: watch::Sender<u64>,
}

#[derive(Debug)]
enum Backend {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Db {
    /// Opens (and makes, when it is not there) a SQLite file.
    pub fn open_sqlite(path: &Path) -> Result<Self, DbError> {
        let (wake, _) = watch::channel(0);
        let of_writer = wake.clone();
        let sqlite = Sqlite::open(path, move || of_writer.send_modify(|count| *count += 1))?;
        Ok(Self(Arc::new(Shared {
            backend: Backend::Sqlite(sqlite),
            wake,
        })))
    }

    /// Connects to PostgreSQL by URL (`postgresql://user@host/database`).
    pub async fn open_postgres(url: &str) -> Result<Self, DbError> {
        let (wake, _) = watch::channel(0);
        let postgres = Postgres::open(url).await?;
        Ok(Self(Arc::new(Shared {
            backend: Backend::Postgres(postgres),
            wake,
        })))
    }

    /// Which database this is.
    pub fn dialect(&self) -> Dialect {
        match self.0.backend {
            Backend::Sqlite(_) => Dialect::Sqlite,
            Backend::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Applies what is missing of our own migrations and of these, in the order given.
    pub async fn migrate(
        &self,
        migrations: &'static [&'static [Migration]],
    ) -> Result<(), DbError> {
        self.write(Lane::Control, move |tx| migrate::run(tx, migrations))
            .await
    }

    /// Runs a command; answers after its commit is durable. An `Err` from the closure undoes all it wrote.
    pub async fn write<T, E>(
        &self,
        lane: Lane,
        run: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => submit(sqlite, lane, run).await,
            Backend::Postgres(postgres) => {
                let done = postgres.run(Mode::Write(lane), run).await?;
                Ok(self.woken(done))
            }
        }
    }

    /// The same for a command that changes rows which others change too, in an order of its own. On PostgreSQL two such
    /// commands may wait for each other; one of them is then undone, and run from its start again.
    pub async fn write_again<T, E>(
        &self,
        lane: Lane,
        run: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => submit(sqlite, lane, run).await,
            Backend::Postgres(postgres) => {
                let done = postgres.run_again(Mode::Write(lane), run).await?;
                Ok(self.woken(done))
            }
        }
    }

    /// The value, after consumers were told when the outbox grew.
    fn woken<T>(&self, (value, published): (T, bool)) -> T {
        if published {
            self.0.wake.send_modify(|count| *count += 1);
        }
        value
    }

    /// Runs a read inside one snapshot.
    pub async fn read<T, E>(
        &self,
        run: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.read(None, run).await,
            Backend::Postgres(postgres) => postgres
                .run(Mode::Read(None), run)
                .await
                .map(|(value, _)| value),
        }
    }

    /// Runs a read that a caller shaped, and that ends with [`DbError::Budget`] when it takes too long: as a whole on
    /// SQLite, any one statement of it on PostgreSQL.
    pub async fn read_within<T, E>(
        &self,
        budget: Duration,
        run: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.read(Some(budget), run).await,
            Backend::Postgres(postgres) => postgres
                .run(Mode::Read(Some(budget)), run)
                .await
                .map(|(value, _)| value),
        }
    }

    /// Copies the database into a new file, as it is at one moment; all that was acknowledged before is in it. On SQLite
    /// it is a database file, on PostgreSQL one for [`Db::restore_postgres`]. Answers what a query finds in the copy.
    pub async fn snapshot_to(
        &self,
        file: &Path,
        listing: &'static str,
        params: Vec<Value>,
    ) -> Result<Vec<Row>, DbError> {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => {
                snapshot::sqlite(sqlite.path(), file).await?;
                let copy = ForeignDb::open(&format!("sqlite:///{}", file.display())).await?;
                copy.query(listing.to_owned(), params).await
            }
            Backend::Postgres(postgres) => {
                let file = file.to_owned();
                let copied = postgres
                    .run(Mode::Read(None), move |tx| {
                        dump::write(tx, &file, listing, &params)
                    })
                    .await?;
                Ok(copied.0)
            }
        }
    }

    /// Fills an empty PostgreSQL database (of its schema, an empty one) from what [`Db::snapshot_to`] wrote of another:
    /// all of it, or after an error nothing.
    pub async fn restore_postgres(
        url: &str,
        file: &Path,
        migrations: &'static [&'static [Migration]],
    ) -> Result<(), DbError> {
        let postgres = Postgres::open(url).await?;
        let file = file.to_owned();
        postgres
            .run(Mode::Write(Lane::Control), move |tx| {
                dump::read(tx, &file, migrations)
            })
            .await?;
        Ok(())
    }

    /// Changes whenever the outbox grew; consumers wait on it and then read from their cursor.
    pub fn outbox_changes(&self) -> watch::Receiver<u64> {
        self.0.wake.subscribe()
    }

    /// Finishes what waits and ends the writer. Later writes fail with [`DbError::Closed`].
    pub async fn close(&self) {
        let this = self.clone();
        let closing = tokio::task::spawn_blocking(move || {
            if let Backend::Sqlite(sqlite) = &this.0.backend {
                sqlite.close();
            }
        });
        if closing.await.is_err() {
            tracing::error!("closing the database failed");
        }
    }
}

async fn submit<T, E>(
    sqlite: &Sqlite,
    lane: Lane,
    run: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<DbError> + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    let command = move |tx: &mut Tx<'_>| {
        let answer = run(tx);
        Outcome {
            keep: answer.is_ok(),
            reply: Box::new(move |commit| {
                // A caller that went away no longer wants the answer.
                let _ =
                    sender.send(answer.and_then(|value| commit.map(|()| value).map_err(E::from)));
            }),
        }
    };
    sqlite.submit(lane, Box::new(command)).await?;
    receiver.await.map_err(|_| DbError::Closed)?
}
