//! What can go wrong around a command, as opposed to in it.

use std::{io, path::PathBuf};

use trimtab_types::{Coded, ErrorCode};

/// The command could not be started, followed or ended.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// A job without a command.
    #[error("the job `{job}` has no command")]
    Empty {
        /// The job.
        job: String,
    },
    /// The program could not be started.
    #[error("cannot start `{program}` in {cwd}")]
    Start {
        /// What was to be run.
        program: String,
        /// Where.
        cwd: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The log or marker file could not be read or written.
    #[error("cannot use {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The process could not be waited for.
    #[error("lost sight of the job `{job}`")]
    Wait {
        /// The job.
        job: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl Coded for ExecError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Empty { .. } => ErrorCode::invalid("cmd"),
            Self::Start { .. } | Self::File { .. } => ErrorCode::Unavailable,
            Self::Wait { .. } => ErrorCode::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Start {
                program, source, ..
            } if source.kind() == io::ErrorKind::NotFound => {
                Some(format!("check that `{program}` is installed and on PATH"))
            }
            Self::File { .. } => {
                Some("check that the disk is not full and the folder writable".to_owned())
            }
            Self::Start { .. } | Self::Empty { .. } | Self::Wait { .. } => None,
        }
    }
}
