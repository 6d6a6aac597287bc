//! Checks: does a window of rows look like the data that a model was trained on, and if not, what happened?

use serde::{Deserialize, Serialize};

/// What a check looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// A column is missing or was renamed.
    Presence,
    /// A column holds another type.
    Type,
    /// Values are missing.
    Nulls,
    /// Values that the reference does not have.
    Domain,
    /// Numbers outside the reference's range.
    Range,
    /// Numbers in another unit.
    Unit,
    /// One value where there were many.
    Constant,
    /// Two columns changed places.
    Swap,
}

impl CheckKind {
    /// The spelling in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Presence => "presence",
            Self::Type => "type",
            Self::Nulls => "nulls",
            Self::Domain => "domain",
            Self::Range => "range",
            Self::Unit => "unit",
            Self::Constant => "constant",
            Self::Swap => "swap",
        }
    }
}

/// How bad a failed check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a look; rows may still be trained on.
    Warning,
    /// The data are wrong.
    Error,
}

impl Severity {
    /// The spelling in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// The answer of one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// What was looked for.
    pub check: CheckKind,
    /// In which column.
    pub column: Option<String>,
    /// How bad it is that it failed (or would be).
    pub severity: Severity,
    /// Whether all is well.
    pub passed: bool,
    /// What was found.
    pub observed: String,
    /// What the reference says.
    pub expected: String,
    /// What happened, in words, naming the cause.
    pub message: String,
    /// How many rows are wrong.
    pub failed_rows: u64,
    /// A few of the wrong values.
    pub examples: Vec<String>,
}

/// The answers of all checks of one window.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CheckReport {
    /// The rows that were looked at.
    pub rows: u64,
    /// The answers.
    pub results: Vec<CheckResult>,
}

impl CheckReport {
    /// Whether no check of severity error failed.
    pub fn passed(&self) -> bool {
        self.failures().next().is_none()
    }

    /// The failed checks of severity error.
    pub fn failures(&self) -> impl Iterator<Item = &CheckResult> {
        self.results
            .iter()
            .filter(|result| !result.passed && result.severity == Severity::Error)
    }
}
