//! Pipelines with real git, real commands, and both databases.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

mod dvc;
mod example;
mod executions;
mod projects;
mod reproduction;
mod support;
