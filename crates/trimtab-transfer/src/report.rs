//! What was brought, and what was not.

use std::collections::BTreeMap;

use serde::Serialize;

/// Takes a sentence about how far the work is.
pub type Progress<'p> = &'p (dyn Fn(&str) + Send + Sync);

/// Artifacts that stay where they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftInPlace {
    /// Where that is.
    pub location: String,
    /// Why they were not copied.
    pub why: String,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Experiments brought or brought up to date.
    pub experiments: u64,
    /// Experiments that were here as they are.
    pub experiments_unchanged: u64,
    /// Runs brought or brought up to date.
    pub runs: u64,
    /// Runs that were here as they are.
    pub runs_unchanged: u64,
    /// Points of metrics brought.
    pub points: u64,
    /// Logged models brought or brought up to date.
    pub logged_models: u64,
    /// Logged models that were here as they are.
    pub logged_models_unchanged: u64,
    /// Registered models brought or brought up to date.
    pub models: u64,
    /// Registered models that were here as they are.
    pub models_unchanged: u64,
    /// Their versions.
    pub versions: u64,
    /// Files of artifacts copied.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Runs whose counts and sums were compared with their source.
    pub runs_verified: u64,
    /// Records that cannot come, with the reason.
    pub skipped: Vec<String>,
    /// Artifacts that were not copied.
    pub left_in_place: Vec<LeftInPlace>,
    /// Rows of what this server has no place for yet.
    pub left_behind: BTreeMap<String, u64>,
}

/// What an export did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ExportReport {
    /// Experiments made.
    pub experiments: u64,
    /// Runs made.
    pub runs: u64,
    /// Runs that were there already.
    pub runs_unchanged: u64,
    /// Points of metrics written.
    pub points: u64,
    /// Logged models made.
    pub logged_models: u64,
    /// Registered models made.
    pub models: u64,
    /// Versions made.
    pub versions: u64,
    /// Files of artifacts written.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What could not be written, with the reason.
    pub skipped: Vec<String>,
}

impl ExportReport {
    /// Counts what another part of the same export wrote.
    pub(crate) fn add(&mut self, other: Self) {
        self.experiments += other.experiments;
        self.runs += other.runs;
        self.runs_unchanged += other.runs_unchanged;
        self.points += other.points;
        self.logged_models += other.logged_models;
        self.models += other.models;
        self.versions += other.versions;
        self.files += other.files;
        self.bytes += other.bytes;
        self.skipped.extend(other.skipped);
    }
}
