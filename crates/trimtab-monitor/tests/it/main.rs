//! Monitors over a real event log, on SQLite and PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod flights;
mod judging;
mod specs;
mod support;
