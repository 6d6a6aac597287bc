//! Pipelines with real git, real commands, and both databases.

mod dvc;
mod executions;
mod projects;
mod reproduction;
mod support;
