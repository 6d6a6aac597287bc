//! The MLflow edge: through the router, and with the stock client of mlflow.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on should stop where it is"
)]

mod bad_input;
mod client;
mod harness;
mod lightning;
mod recorded;
mod registry;
mod tracking;
mod weaknesses;
