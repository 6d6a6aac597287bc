//! Checks: does a window of rows look like the data that a model was trained on, and if not, what happened?

mod column;
mod rename;
mod swap;
mod unit;

use std::collections::HashSet;

use arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};

use crate::{ColumnProfile, Profile, profile::learn_column};

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

/// Windows with fewer values say too little about a distribution.
const FEW: u64 = 30;

/// A column as it should be and as it is.
#[derive(Debug)]
struct Pair<'r> {
    /// Its name in the reference, which is the one that people know.
    name: &'r str,
    /// Its name in the window's batches.
    batch_name: &'r str,
    reference: &'r ColumnProfile,
    window: ColumnProfile,
}

/// What one check of one column found.
#[derive(Debug, Default)]
struct Finding {
    observed: String,
    expected: String,
    /// What happened; `None`: all is well.
    failure: Option<(Severity, String)>,
    failed_rows: u64,
    examples: Vec<String>,
}

impl Finding {
    fn result(self, check: CheckKind, column: &str) -> CheckResult {
        let (severity, passed, message) = match self.failure {
            Some((severity, message)) => (severity, false, message),
            None => (
                Severity::Error,
                true,
                format!("`{column}` passes the check `{}`", check.as_str()),
            ),
        };
        CheckResult {
            check,
            column: Some(column.to_owned()),
            severity,
            passed,
            observed: self.observed,
            expected: self.expected,
            message,
            failed_rows: self.failed_rows,
            examples: self.examples,
        }
    }
}

/// Compares a window with what was learned from the reference. A finding that explains others of its column (another
/// type, another unit, columns that changed places) silences them; failures stand first, the most telling before.
/// `columns` are pairs of a column of the batches and one of the reference; results name columns as the reference does.
pub(crate) fn run(
    reference: &Profile,
    batches: &[RecordBatch],
    columns: &[(String, String)],
) -> CheckReport {
    let rows: u64 = batches.iter().map(|batch| batch.num_rows() as u64).sum();
    let mut report = CheckReport {
        rows,
        results: Vec::new(),
    };
    if rows == 0 {
        return report;
    }
    let mut pairs = Vec::new();
    for (batch_name, name) in columns {
        let Some(reference) = reference.column(name) else {
            continue;
        };
        // A column that cannot be profiled is one that is not there.
        let window = learn_column(name, batch_name, batches).ok();
        let is_there = batches
            .iter()
            .any(|batch| batch.column_by_name(batch_name).is_some());
        match window.filter(|_| is_there) {
            Some(window) => pairs.push(Pair {
                name,
                batch_name,
                reference,
                window,
            }),
            None => {
                let finding = rename::missing(batch_name, reference, batches, columns, rows);
                report
                    .results
                    .push(finding.result(CheckKind::Presence, name));
            }
        }
    }
    let mut explained: HashSet<&str> = HashSet::new();
    let mut add = |check, name, finding: Finding| {
        let is_failed = finding.failure.is_some();
        report.results.push(finding.result(check, name));
        is_failed
    };
    for pair in &pairs {
        add(CheckKind::Presence, pair.name, column::presence());
        if add(CheckKind::Type, pair.name, column::kind(pair)) {
            explained.insert(pair.name);
        }
        let nulls = column::nulls(pair, reference.is_ordered, || {
            rename::candidate(pair.batch_name, pair.reference, batches, columns)
        });
        add(CheckKind::Nulls, pair.name, nulls);
    }
    for (name, finding) in swap::check(&pairs) {
        if add(CheckKind::Swap, name, finding) {
            explained.insert(name);
        }
    }
    for pair in &pairs {
        if explained.contains(pair.name) || pair.window.count < FEW {
            continue;
        }
        let is_stuck = column::constant(pair, reference.is_ordered);
        let is_stuck = add(CheckKind::Constant, pair.name, is_stuck);
        if pair.reference.kind.is_numeric() {
            let is_scaled = !is_stuck && add(CheckKind::Unit, pair.name, unit::check(pair));
            if !is_stuck && !is_scaled {
                add(CheckKind::Range, pair.name, column::range(pair));
            }
        } else if !is_stuck {
            add(CheckKind::Domain, pair.name, column::domain(pair));
        }
    }
    report.results.sort_by_key(|result| {
        let is_warning = result.severity == Severity::Warning;
        (
            result.passed,
            is_warning && !result.passed,
            weight(result.check),
        )
    });
    report
}

/// The order in which failures tell the cause.
fn weight(check: CheckKind) -> u8 {
    match check {
        CheckKind::Presence => 0,
        CheckKind::Type => 1,
        CheckKind::Swap => 2,
        CheckKind::Unit => 3,
        CheckKind::Constant => 4,
        CheckKind::Nulls => 5,
        CheckKind::Domain => 6,
        CheckKind::Range => 7,
    }
}

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// A number for people: five significant digits.
fn spell(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the exponent of a double is small"
    )]
    let digits = (4 - value.abs().log10().floor() as i32).clamp(0, 12);
    let text = format!("{value:.*}", usize::try_from(digits).unwrap_or(0));
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}
