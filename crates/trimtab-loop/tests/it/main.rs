//! The loop over real services, on SQLite and PostgreSQL.
#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a helper of a test fails the test; models take 32-bit numbers"
)]

mod curve;
mod lease;
mod plans;
mod rollouts;
mod stores;
mod trainings;
mod triggers;
mod world;
