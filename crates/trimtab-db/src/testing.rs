//! Databases for tests: a temporary SQLite file, and a fresh schema of a real PostgreSQL where one is named by
//! `TRIMTAB_TEST_POSTGRES` (which `make test` sets).

use std::path::PathBuf;

use crate::{Db, DbError, Migration};

/// The variable that names the PostgreSQL server for tests.
pub const POSTGRES_VARIABLE: &str = "TRIMTAB_TEST_POSTGRES";

/// Every database that a test should run on, migrated.
pub async fn databases(migrations: &'static [&'static [Migration]]) -> Result<Vec<Db>, DbError> {
    let mut databases = vec![sqlite(migrations).await?];
    if let Ok(url) = std::env::var(POSTGRES_VARIABLE) {
        databases.push(postgres(&url, migrations).await?);
    }
    Ok(databases)
}

/// A fresh SQLite database in a temporary folder, migrated.
pub async fn sqlite(migrations: &'static [&'static [Migration]]) -> Result<Db, DbError> {
    let folder = temporary_folder()?;
    let db = Db::open_sqlite(&folder.join("trimtab.db"))?;
    db.migrate(migrations).await?;
    Ok(db)
}

async fn postgres(url: &str, migrations: &'static [&'static [Migration]]) -> Result<Db, DbError> {
    let schema = format!("t_{}", trimtab_types::RunId::new());
    let admin = Db::open_postgres(url).await?;
    let create = format!("CREATE SCHEMA {schema}");
    admin
        .write(crate::Lane::Bulk, move |tx| tx.run_schema(&create))
        .await?;
    let separator = if url.contains('?') { '&' } else { '?' };
    let db =
        Db::open_postgres(&format!("{url}{separator}options=-csearch_path%3D{schema}")).await?;
    db.migrate(migrations).await?;
    Ok(db)
}

fn temporary_folder() -> Result<PathBuf, DbError> {
    let folder = std::env::temp_dir().join(format!("trimtab-test-{}", trimtab_types::RunId::new()));
    std::fs::create_dir_all(&folder).map_err(|source| DbError::Open {
        target: folder.display().to_string(),
        source: source.into(),
    })?;
    Ok(folder)
}
