//! A copy of the whole database as it is at one moment, while it goes on being written.

use std::{fs::File, path::Path};

use rusqlite::{Connection, OpenFlags};

use crate::{DbError, tx::statement_error};

const COPY: &str = "VACUUM INTO ?1";

/// Copies a SQLite database into a new file: one read transaction, so all that was committed before is in it, and
/// writers are not held up.
pub(crate) async fn sqlite(from: &Path, to: &Path) -> Result<(), DbError> {
    let (from, to) = (from.to_owned(), to.to_owned());
    tokio::task::spawn_blocking(move || {
        let connection = Connection::open_with_flags(
            &from,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(|source| DbError::Open {
            target: from.display().to_string(),
            source: source.into(),
        })?;
        connection
            .busy_timeout(std::time::Duration::from_secs(30))
            .and_then(|()| connection.execute(COPY, [to.to_string_lossy()]))
            .map_err(|source| statement_error(COPY, source.into()))?;
        File::open(&to)
            .and_then(|file| file.sync_all())
            .map_err(|source| statement_error(COPY, source.into()))
    })
    .await
    .map_err(|_| DbError::Closed)?
}
