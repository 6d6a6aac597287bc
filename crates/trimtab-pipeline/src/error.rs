//! What can go wrong with projects and executions.

use std::{io, path::PathBuf};

use trimtab_db::DbError;
use trimtab_dvc::DvcError;
use trimtab_exec::ExecError;
use trimtab_types::{Coded, ErrorCode, ExecutionId};

/// An error of a pipeline. A failed stage is not one: it is a result.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A pipeline file is wrong, or the cache failed.
    #[error(transparent)]
    Dvc(#[from] DvcError),
    /// A command could not be run.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// No such project.
    #[error("there is no project `{name}`")]
    NoProject {
        /// The name.
        name: String,
    },
    /// No such execution.
    #[error("there is no execution {id}")]
    NoExecution {
        /// The id.
        id: ExecutionId,
    },
    /// The id was used for something else.
    #[error("execution {id} exists already and asks for something else")]
    OtherSpec {
        /// The id.
        id: ExecutionId,
    },
    /// A git command failed.
    #[error("git failed to {attempt}: {said}")]
    Git {
        /// What was attempted.
        attempt: String,
        /// What git said last.
        said: String,
    },
    /// The commit is not in the repository.
    #[error("`{commit}` is not a commit of {git}")]
    NoCommit {
        /// The repository.
        git: String,
        /// What was asked for.
        commit: String,
    },
    /// The commit has no pipeline there.
    #[error("there is no {file} at commit {commit}")]
    NoPipeline {
        /// The file.
        file: String,
        /// The commit.
        commit: String,
    },
    /// The execution made no such output, or none that was kept.
    #[error("execution {id} has no output `{out}`")]
    NoOutput {
        /// The execution.
        id: ExecutionId,
        /// What was asked for.
        out: String,
    },
    /// A path would leave the project, or is not usable as one.
    #[error("`{path}` is not a path inside the project")]
    Path {
        /// Which argument it came from.
        field: &'static str,
        /// The path.
        path: String,
    },
    /// An input that is not a readable file.
    #[error("cannot put {file} at `{dep}`")]
    Input {
        /// The dep's path.
        dep: String,
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file or folder could not be used.
    #[error("cannot {attempt} {path}")]
    File {
        /// What was attempted.
        attempt: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process works in the folder.
    #[error("another `trimtab repro` is at work in {folder}")]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// A part of the work came to no end that we can see.
    #[error("the work on {what} stopped unexpectedly")]
    Lost {
        /// What was worked on.
        what: String,
    },
    /// A stored row does not say what it should.
    #[error("the stored execution {id} is damaged: {what}")]
    Damaged {
        /// The execution.
        id: ExecutionId,
        /// What is wrong.
        what: String,
    },
}

impl PipelineError {
    pub(crate) fn file(
        attempt: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            attempt,
            path,
            source,
        }
    }
}

impl Coded for PipelineError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Db(error) => error.code(),
            Self::Dvc(error) => error.code(),
            Self::Exec(error) => error.code(),
            Self::NoProject { .. } | Self::NoExecution { .. } | Self::NoOutput { .. } => {
                ErrorCode::NotFound
            }
            Self::NoPipeline { .. } => ErrorCode::invalid("subfolder"),
            Self::OtherSpec { .. } => ErrorCode::Conflict,
            Self::Git { .. } | Self::File { .. } => ErrorCode::Unavailable,
            Self::NoCommit { .. } => ErrorCode::invalid("commit"),
            Self::Path { field, .. } => ErrorCode::invalid(*field),
            Self::Input { .. } => ErrorCode::invalid("inputs"),
            Self::Busy { .. } => ErrorCode::Conflict,
            Self::Damaged { .. } | Self::Lost { .. } => ErrorCode::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Db(error) => error.hint(),
            Self::Dvc(error) => error.hint(),
            Self::Exec(error) => error.hint(),
            Self::NoProject { .. } => Some("register it with `trimtab apply`".to_owned()),
            Self::NoCommit { .. } => {
                Some("commit the change, and push it when the project is a URL".to_owned())
            }
            Self::OtherSpec { .. } => Some("use a new id for a new execution".to_owned()),
            Self::File { source, .. } if source.kind() == io::ErrorKind::StorageFull => Some(
                "make room on the disk and start the execution again: it goes on where it stopped"
                    .to_owned(),
            ),
            Self::Busy { .. } => Some("wait until it has ended".to_owned()),
            Self::NoPipeline { .. } => Some(
                "commit the file, or run `trimtab apply` in the folder that holds it".to_owned(),
            ),
            Self::NoExecution { .. }
            | Self::NoOutput { .. }
            | Self::Lost { .. }
            | Self::Git { .. }
            | Self::Path { .. }
            | Self::Input { .. }
            | Self::File { .. }
            | Self::Damaged { .. } => None,
        }
    }
}
