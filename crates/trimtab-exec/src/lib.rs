//! Where commands of a pipeline run: the [`Executor`] trait, and local processes.
//!
//! It knows no stage, lock file or database: it starts a command, keeps its output, ends it when told to or when
//! its time is over, and says how it ended.

mod error;
mod job;
mod local;
mod marker;

pub use error::ExecError;
pub use job::{Executor, Finished, Job, LogSink, Outcome, log_tail};
pub use local::LocalExecutor;
pub use tokio_util::sync::CancellationToken;
