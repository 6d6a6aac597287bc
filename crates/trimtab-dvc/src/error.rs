//! What can be wrong with a pipeline's files.

use std::{io, path::PathBuf};

use trimtab_types::{Coded, ErrorCode};

/// An error in DVC's files, or around them.
#[derive(Debug, thiserror::Error)]
pub enum DvcError {
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
    /// Not YAML, JSON or TOML.
    #[error("{file}:{line}: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// Valid text that says something that cannot be.
    #[error("{file}:{line}: {message}")]
    Invalid {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// Something of DVC that we do not do yet.
    #[error("{file}:{line}: `{key}` is not supported yet")]
    Unsupported {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The key or construct.
        key: String,
    },
    /// Stages that wait for each other.
    #[error("the stages {} depend on each other in a circle", names(stages))]
    Cycle {
        /// The stages, in the order of their names.
        stages: Vec<String>,
    },
    /// Two stages write one path.
    #[error("`{path}` is an output of both `{first}` and `{second}`")]
    DuplicateOutput {
        /// The path.
        path: String,
        /// One stage.
        first: String,
        /// The other.
        second: String,
    },
    /// One stage writes inside what another writes.
    #[error("the outputs `{outer}` of `{first}` and `{inner}` of `{second}` overlap")]
    OverlappingOutputs {
        /// The folder.
        outer: String,
        /// The path inside it.
        inner: String,
        /// The stage of the folder.
        first: String,
        /// The stage of the path.
        second: String,
    },
    /// No such stage.
    #[error("there is no stage `{name}`")]
    NoStage {
        /// What was asked for.
        name: String,
        /// The stages that there are.
        known: Vec<String>,
    },
    /// A dep is not there.
    #[error("the stage `{stage}` depends on `{path}`, which does not exist")]
    MissingDep {
        /// The stage.
        stage: String,
        /// The path, as written.
        path: String,
    },
    /// An output was not made.
    #[error("the stage `{stage}` did not make its output `{path}`")]
    MissingOutput {
        /// The stage.
        stage: String,
        /// The path, as written.
        path: String,
    },
    /// A parameter is not in its file.
    #[error("`{key}` is not in {file}")]
    MissingParam {
        /// The file.
        file: String,
        /// The key path.
        key: String,
        /// A key that is there and looks alike.
        nearest: Option<String>,
    },
    /// Neither file nor folder, or a name that cannot be written down.
    #[error("{path} is neither a file nor a folder")]
    Special {
        /// The path.
        path: PathBuf,
    },
    /// An object is not in the cache.
    #[error("the cache has no object {md5} for `{path}`")]
    NotCached {
        /// The path that it belongs to.
        path: String,
        /// Its hash.
        md5: String,
    },
    /// An object of the cache is not what its name says.
    #[error("the cached object {md5} is damaged")]
    Damaged {
        /// Its name.
        md5: String,
    },
}

fn names(stages: &[String]) -> String {
    let quoted: Vec<String> = stages.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

impl DvcError {
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

impl Coded for DvcError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::File { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                ErrorCode::NotFound
            }
            Self::File { .. } => ErrorCode::Unavailable,
            Self::Syntax { file, .. } | Self::Invalid { file, .. } => {
                ErrorCode::invalid(file.clone())
            }
            Self::Unsupported { .. } => ErrorCode::Unsupported,
            Self::Cycle { .. } | Self::DuplicateOutput { .. } | Self::OverlappingOutputs { .. } => {
                ErrorCode::invalid("stages")
            }
            Self::NoStage { .. } => ErrorCode::NotFound,
            Self::MissingDep { .. } => ErrorCode::invalid("deps"),
            Self::MissingOutput { .. } | Self::Special { .. } => ErrorCode::invalid("outs"),
            Self::MissingParam { .. } => ErrorCode::invalid("params"),
            Self::NotCached { .. } => ErrorCode::NotFound,
            Self::Damaged { .. } => ErrorCode::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Invalid { hint, .. } => hint.clone(),
            Self::Cycle { .. } => Some("remove one of the deps, or one of the outs, that close the circle".to_owned()),
            Self::DuplicateOutput { .. } | Self::OverlappingOutputs { .. } => {
                Some("give every output to one stage".to_owned())
            }
            Self::NoStage { name, known } => nearest(name, known).map(|near| format!("did you mean `{near}`?")),
            Self::MissingDep { path, .. } => Some(format!("make `{path}`, or declare it as an output of the stage that makes it")),
            Self::MissingOutput { .. } => Some("correct the path in `outs`, or what the command writes; paths are relative to `wdir`".to_owned()),
            Self::MissingParam { nearest: Some(near), .. } => Some(format!("did you mean `{near}`?")),
            Self::File { source, .. } if source.kind() == io::ErrorKind::StorageFull => Some("make room on the disk".to_owned()),
            Self::File { .. }
            | Self::Syntax { .. }
            | Self::Unsupported { .. }
            | Self::MissingParam { .. }
            | Self::Special { .. }
            | Self::NotCached { .. }
            | Self::Damaged { .. } => None,
        }
    }
}

/// The known word that looks most like this one, if any looks like it at all.
pub(crate) fn nearest<'a>(
    word: &str,
    known: impl IntoIterator<Item = impl AsRef<str> + 'a>,
) -> Option<String> {
    known
        .into_iter()
        .map(|candidate| {
            (
                strsim::jaro_winkler(word, candidate.as_ref()),
                candidate.as_ref().to_owned(),
            )
        })
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
