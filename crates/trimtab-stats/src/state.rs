//! State that outlives a process carries a version; a newer one is refused by name.

mod counts;
mod histogram;

pub use counts::ValueCounts;
pub use histogram::ReferenceHistogram;

/// Stored state cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A newer program wrote it.
    #[error("the state of a {kind} has version {found}; this program reads up to {known}")]
    Newer {
        /// What it is the state of.
        kind: &'static str,
        /// The version found.
        found: u32,
        /// The newest known version.
        known: u32,
    },
    /// It contradicts itself.
    #[error("the state of a {kind} is damaged: {what}")]
    Damaged {
        /// What it is the state of.
        kind: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Two states do not belong together.
    #[error("two {kind}s of different {what} cannot be merged")]
    Different {
        /// What they are the state of.
        kind: &'static str,
        /// What differs.
        what: &'static str,
    },
}

pub(crate) fn check_version(kind: &'static str, found: u32, known: u32) -> Result<(), StateError> {
    if found > known {
        Err(StateError::Newer { kind, found, known })
    } else if found == 0 {
        Err(StateError::Damaged {
            kind,
            what: "it has no version",
        })
    } else {
        Ok(())
    }
}
