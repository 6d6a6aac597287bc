//! SQLite and PostgreSQL behind one door: the writer, pools, migrations, the outbox, leases, test databases.
//!
//! It knows no table but its own (`migration`, `outbox`, `outbox_cursor`, `lease`); services own theirs and
//! bring their SQL. A command is a closure over [`Tx`]: on SQLite every waiting command goes into one
//! transaction of one writer thread (each under its own savepoint, with its own answer after the commit); on
//! PostgreSQL each is a transaction. The same SQL text runs on both: see [`Tx`] for the rules.

mod db;
mod dialect;
mod dump;
mod error;
mod foreign;
mod insert;
mod lease;
mod migrate;
mod outbox;
mod postgres;
mod query;
mod snapshot;
mod sqlite;
pub mod testing;
mod tx;
mod value;

pub use db::{Db, Lane};
pub use dialect::Dialect;
pub use error::DbError;
pub use foreign::ForeignDb;
pub use insert::{Insert, Kind};
pub use lease::Lease;
pub use migrate::Migration;
pub use outbox::{Message, OutboxEvent};
pub use query::{Query, SortColumn, SortKind, token_after, token_key, token_of};
pub use tx::{Row, Tx};
pub use value::{FromValue, Value};
