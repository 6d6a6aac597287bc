//! The event log, on SQLite and on PostgreSQL.

mod crash;
mod feedback;
mod log;
mod speed;
mod support;
