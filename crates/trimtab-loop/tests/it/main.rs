//! The loop over real services, on SQLite and PostgreSQL.

mod curve;
mod lease;
mod plans;
mod rollouts;
mod stores;
mod triggers;
mod world;
