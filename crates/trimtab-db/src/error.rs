//! What can go wrong between a service and its database.

use trimtab_types::{Coded, ErrorCode};

/// An error of the database layer.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The database could not be opened.
    #[error("cannot open the database {target}")]
    Open {
        /// Path, or URL without its password.
        target: String,
        /// What the driver said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A row with that key exists already.
    #[error("a unique key is taken already")]
    Unique {
        /// What the driver said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A statement failed.
    #[error("the statement `{sql}` failed")]
    Statement {
        /// The first words of the statement; never its values.
        sql: String,
        /// What the driver said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A transaction could not be begun or committed.
    #[error("the transaction failed to {step}")]
    Transaction {
        /// `begin` or `commit`.
        step: &'static str,
        /// What the driver said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A column did not hold what the code expects.
    #[error("column {column} holds {found}, expected {expected}")]
    Decode {
        /// Position in the row.
        column: usize,
        /// What was expected.
        expected: &'static str,
        /// What was there.
        found: String,
    },
    /// A query that must answer one row answered none.
    #[error("the query answered no row")]
    NoRow,
    /// The database was written by a newer program.
    #[error("the database has migration {number} of `{service}`, which this program does not know")]
    Newer {
        /// The service that owns the migration.
        service: String,
        /// Its number.
        number: i64,
    },
    /// Another holder has the lease now.
    #[error("the lease `{name}` is held by another process since epoch {epoch}")]
    LeaseLost {
        /// The lease.
        name: String,
        /// The epoch that we held.
        epoch: i64,
    },
    /// A restore found something where it must find nothing.
    #[error("the database is not empty: nothing is restored over it")]
    NotEmpty,
    /// A copy of a database is not what it should be.
    #[error("the copy of the database cannot be used: {message}")]
    Dump {
        /// What is wrong.
        message: String,
    },
    /// The file of a copy could not be written or read.
    #[error("cannot {doing}")]
    File {
        /// What was attempted.
        doing: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A read took longer than it may.
    #[error("the search looked at too much in the time that it has")]
    Budget,
    /// The database is shutting down.
    #[error("the database is closed")]
    Closed,
}

impl Coded for DbError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Unique { .. } => ErrorCode::AlreadyExists,
            Self::NoRow => ErrorCode::NotFound,
            Self::Budget => ErrorCode::invalid("filter"),
            Self::LeaseLost { .. } => ErrorCode::Conflict,
            Self::NotEmpty => ErrorCode::Conflict,
            Self::Dump { .. } => ErrorCode::invalid("backup"),
            Self::File { .. } => ErrorCode::Unavailable,
            Self::Closed | Self::Transaction { .. } | Self::Open { .. } => ErrorCode::Unavailable,
            Self::Statement { .. } | Self::Decode { .. } | Self::Newer { .. } => {
                ErrorCode::Internal
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Newer { .. } => {
                Some("use the newer `trimtab` that wrote this data folder".to_owned())
            }
            Self::NotEmpty => Some(
                "name an empty database, or an empty schema of one with `?options=-csearch_path%3DSCHEMA`"
                    .to_owned(),
            ),
            Self::File { .. } => Some("check that the disk is not full".to_owned()),
            Self::Budget => Some(
                "narrow it: fewer experiments, or a clause that matches fewer of their runs"
                    .to_owned(),
            ),
            Self::Transaction { .. } => Some("check that the disk is not full".to_owned()),
            Self::Unique { .. }
            | Self::Dump { .. }
            | Self::NoRow
            | Self::LeaseLost { .. }
            | Self::Closed
            | Self::Open { .. }
            | Self::Statement { .. }
            | Self::Decode { .. } => None,
        }
    }
}

/// The first words of a statement, for an error message.
pub(crate) fn gist(sql: &str) -> String {
    let words: Vec<&str> = sql.split_whitespace().take(8).collect();
    words.join(" ")
}
