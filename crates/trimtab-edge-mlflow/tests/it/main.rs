//! The MLflow edge: through the router, and with the stock client of mlflow.

mod bad_input;
mod client;
mod harness;
mod registry;
mod tracking;
