//! Leases: who may act as a controller. Expiry is judged by the database's clock; every write of a controller
//! is conditional on the epoch that it holds.

use crate::{Db, DbError, Dialect, Lane, Tx, params};

/// A lease that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What it is for.
    pub name: String,
    /// Grows by one whenever the holder changes.
    pub epoch: i64,
}

impl Tx<'_> {
    fn database_now(&mut self) -> Result<i64, DbError> {
        let sql = match self.dialect() {
            Dialect::Sqlite => "SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
            Dialect::Postgres => "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
        };
        self.query_one(sql, params![])?.get(0)
    }

    /// Fails with [`DbError::LeaseLost`] unless the lease is still ours.
    pub fn require_lease(&mut self, lease: &Lease) -> Result<(), DbError> {
        let row = self.query_opt(
            "SELECT epoch FROM lease WHERE name = ?1",
            params![&lease.name],
        )?;
        match row {
            Some(row) if row.get::<i64>(0)? == lease.epoch => Ok(()),
            Some(_) | None => Err(DbError::LeaseLost {
                name: lease.name.clone(),
                epoch: lease.epoch,
            }),
        }
    }
}

impl Db {
    /// Takes or renews a lease for `ttl_ms`; `None` while another holder has it.
    pub async fn acquire_lease(
        &self,
        name: &str,
        holder: &str,
        ttl_ms: i64,
    ) -> Result<Option<Lease>, DbError> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.write(Lane::Control, move |tx| {
            let now = tx.database_now()?;
            let until = now + ttl_ms * 1_000;
            let current = tx.query_opt(
                "SELECT holder, epoch, expires_at FROM lease WHERE name = ?1",
                params![&name],
            )?;
            let epoch = match current {
                None => 1,
                Some(row) => {
                    let epoch: i64 = row.get(1)?;
                    if row.get::<String>(0)? == holder {
                        epoch
                    } else if row.get::<i64>(2)? <= now {
                        epoch + 1
                    } else {
                        return Ok(None);
                    }
                }
            };
            tx.execute(
                "INSERT INTO lease (name, holder, epoch, expires_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, epoch = excluded.epoch, expires_at = excluded.expires_at",
                params![&name, &holder, epoch, until],
            )?;
            Ok(Some(Lease { name, epoch }))
        })
        .await
    }
}
