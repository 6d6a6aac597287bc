//! Projects and the executions of their pipelines: stages in order, unchanged ones skipped, each execution in a
//! git worktree of its own; and [`repro`], the same for a folder at hand.
//!
//! It knows no dataset version, run or model: what goes in are files and parameters, what comes out are files,
//! a lock and logs.

mod engine;
mod error;
mod git;
mod gitignore;
mod live;
mod model;
mod python;
mod repro;
mod service;
mod sql;
mod workspace;

pub use error::PipelineError;
pub use model::{
    Execution, ExecutionSpec, ExecutionStatus, Outline, PipelineDirs, Project, StageResult,
    StageStatus,
};
pub use python::find_python;
pub use repro::{ReproEvent, ReproOptions, ReproReport, repro};
pub use service::Pipelines;
pub use sql::MIGRATIONS;
pub use trimtab_exec::CancellationToken;
