//! What can go wrong on the way.

use std::fmt::Write as _;

use trimtab_blob::BlobError;
use trimtab_db::DbError;
use trimtab_edge_api::wire::IngestCollision;
use trimtab_types::Coded as _;

/// An error of an import or an export.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The address is none that can be read.
    #[error("`{source_url}` is no source: expected sqlite:///FILE, postgresql://… or http(s)://…")]
    Address {
        /// As it was given.
        source_url: String,
    },
    /// What was asked for is not there.
    #[error("there is no {what} `{name}` at the source, and nothing was written")]
    Unknown {
        /// Of which kind.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The source's database failed.
    #[error("the source's database cannot be read")]
    Db(#[from] DbError),
    /// Artifacts in an object store cannot be read.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The source is no MLflow database that can be read.
    #[error("{message}")]
    Schema {
        /// What is missing.
        message: String,
    },
    /// A server did not answer.
    #[error("the server at {url} cannot be reached: {cause}")]
    Unreachable {
        /// Its address.
        url: String,
        /// What the system said.
        cause: String,
    },
    /// A server said no.
    #[error("{url} says {status}: {message}")]
    Refused {
        /// Its address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// A server answered what was not expected.
    #[error("{url} does not answer as expected: {message}")]
    Answer {
        /// Its address.
        url: String,
        /// What was wrong.
        message: String,
    },
    /// A file could not be read.
    #[error("cannot read {path}")]
    File {
        /// Which.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Records that are here already, made by others.
    #[error("{}", collisions_text(.collisions))]
    Collisions {
        /// All of them.
        collisions: Vec<IngestCollision>,
    },
    /// What arrived is not what was sent.
    #[error("{what} did not arrive whole: {detail}")]
    Mismatch {
        /// A run or a file.
        what: String,
        /// Both sides.
        detail: String,
    },
}

impl TransferError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Blob(error) => return error.hint(),
            Self::Address { source_url } if !source_url.is_empty() && !source_url.contains(':') => {
                return Some(format!("for a database file, write sqlite:///{source_url}"));
            }
            Self::Db(DbError::Open { target, .. })
                if !target.starts_with('/') && !target.contains(':') =>
            {
                return Some(format!(
                    "{target} is looked for below the folder that this runs in; an absolute path has four slashes, sqlite:////{target}"
                ));
            }
            _ => {}
        }
        let hint = match self {
            Self::Collisions { .. } => Some(
                "import into another workspace with `--workspace NAME`, or rename or delete what is here",
            ),
            Self::Schema { .. } => Some(
                "bring the database to the newest form with `mlflow db upgrade URL`, on a copy of it",
            ),
            Self::Mismatch { .. } => {
                Some("run the same command again: it goes on where it stopped")
            }
            Self::Unreachable { .. } => {
                Some("run the same command again when it answers: it goes on where it stopped")
            }
            Self::Unknown { .. }
            | Self::Address { .. }
            | Self::Blob(_)
            | Self::Db(_)
            | Self::Refused { .. }
            | Self::Answer { .. }
            | Self::File { .. } => None,
        };
        hint.map(str::to_owned)
    }

    pub(crate) fn schema(message: impl Into<String>) -> Self {
        Self::Schema {
            message: message.into(),
        }
    }

    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::File { path, source }
    }
}

/// How many collisions a message lists.
const LISTED: usize = 20;

fn collisions_text(collisions: &[IngestCollision]) -> String {
    let mut text = format!(
        "{} records cannot come, and nothing was brought:",
        collisions.len()
    );
    for collision in collisions.iter().take(LISTED) {
        let _ = write!(
            text,
            "\n  {} {}: {}",
            collision.kind, collision.id, collision.message
        );
    }
    if collisions.len() > LISTED {
        let _ = write!(text, "\n  and {} more", collisions.len() - LISTED);
    }
    text
}
