//! A command to run, how it ended, and who can run it.

use std::{
    fmt::Debug,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::ExecError;

/// Where a command's output goes; standard output and standard error together, in the order written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogSink {
    /// Appended to a file, which the process writes itself: nothing is lost when we die.
    File(PathBuf),
    /// To our own standard output and standard error.
    Inherit,
}

/// A command to run. Its standard input is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Name for messages.
    pub name: String,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The folder that it runs in.
    pub cwd: PathBuf,
    /// Variables set on top of our own environment.
    pub env: Vec<(String, String)>,
    /// Variables of our own environment that it must not see.
    pub env_remove: Vec<String>,
    /// Where its output goes.
    pub log: LogSink,
    /// After this long it is ended.
    pub timeout: Option<Duration>,
    /// A file that names the running processes, so that a later process of ours can end them ([`Executor::reap`]).
    pub marker: Option<PathBuf>,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It ended by itself with this exit status.
    Exited(i32),
    /// A signal that was not ours ended it.
    Signalled(i32),
    /// Its time was over, and it was ended.
    TimedOut,
    /// It was ended because somebody said so.
    Cancelled,
}

impl Outcome {
    /// Whether it did what it should.
    pub fn is_success(self) -> bool {
        self == Self::Exited(0)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exit status {status}"),
            Self::Signalled(signal) => write!(f, "killed by signal {signal}"),
            Self::TimedOut => f.write_str("timed out"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

/// A command that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// How.
    pub outcome: Outcome,
    /// After how long.
    pub wall: Duration,
}

/// Something that runs commands. Dropping the future of [`Executor::run`] ends the command at once.
#[async_trait]
pub trait Executor: Send + Sync + Debug {
    /// Runs a command to its end; `cancel` ends it early, politely first.
    async fn run(&self, job: Job, cancel: CancellationToken) -> Result<Finished, ExecError>;

    /// Ends what a dead process of ours left running under this marker; `true` when there was something.
    async fn reap(&self, marker: &Path) -> Result<bool, ExecError>;
}

/// The last `bytes` of a log, from a whole line and a whole character on; empty when there is no log.
pub fn log_tail(path: &Path, bytes: u64) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        if length > bytes
            && let Some(end) = tail.iter().position(|byte| *byte == b'\n')
        {
            tail.drain(..=end);
        }
        Ok(tail)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}
