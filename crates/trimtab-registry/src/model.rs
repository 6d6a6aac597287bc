//! What the registry holds.

use std::collections::BTreeMap;

use trimtab_types::{LoggedModelId, RunId, Time};

/// A named model.
#[derive(Debug, Clone, PartialEq)]
pub struct RegisteredModel {
    /// Its name, unique in the workspace.
    pub name: String,
    /// What its makers say about it.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Time,
    /// When it, its tags, its aliases or the list of its versions last changed.
    pub updated_at: Time,
    /// Who made it.
    pub created_by: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Alias to version number.
    pub aliases: BTreeMap<String, i64>,
    /// The newest version of each stage that has any.
    pub latest_versions: Vec<ModelVersion>,
}

/// An immutable version of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelVersion {
    /// Name of its model.
    pub model: String,
    /// Its number, counted from 1.
    pub version: i64,
    /// The run that made it.
    pub run_id: Option<RunId>,
    /// The logged model that it is.
    pub logged_model: Option<LoggedModelId>,
    /// Where its files are, as whoever made it wrote it.
    pub source: String,
    /// Where its files really are, where `source` names another version; see [`ModelVersion::files`].
    pub storage: Option<String>,
    /// A link to its run, for people.
    pub run_link: Option<String>,
    /// What its makers say about it.
    pub description: Option<String>,
    /// Whether it can be used.
    pub status: VersionStatus,
    /// Why not, where that is known.
    pub status_message: Option<String>,
    /// MLflow's stage; ours are aliases and rollouts.
    pub stage: Stage,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The aliases that point to it.
    pub aliases: Vec<String>,
    /// When it was made.
    pub created_at: Time,
    /// When it or its tags last changed.
    pub updated_at: Time,
    /// Who made it.
    pub created_by: String,
}

impl ModelVersion {
    /// The URI of its files, for the artifact store.
    pub fn files(&self) -> &str {
        self.storage.as_deref().unwrap_or(&self.source)
    }
}

/// Whether a version can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VersionStatus {
    /// Its files are still on their way.
    Pending,
    /// They never arrived.
    Failed,
    /// It can be used.
    Ready,
}

impl VersionStatus {
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Pending => 0,
            Self::Failed => 1,
            Self::Ready => 2,
        }
    }

    pub(crate) fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Pending,
            1 => Self::Failed,
            _ => Self::Ready,
        }
    }
}

/// The stages of MLflow's registry before it had aliases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum Stage {
    None,
    Staging,
    Production,
    Archived,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Self; 4] = [Self::None, Self::Staging, Self::Production, Self::Archived];

    /// The spelling that clients use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Staging => "Staging",
            Self::Production => "Production",
            Self::Archived => "Archived",
        }
    }

    /// The stage of that name, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|stage| stage.as_str().eq_ignore_ascii_case(text))
    }

    pub(crate) fn number(self) -> i64 {
        match self {
            Self::None => 0,
            Self::Staging => 1,
            Self::Production => 2,
            Self::Archived => 3,
        }
    }

    pub(crate) fn from_number(number: i64) -> Self {
        match number {
            1 => Self::Staging,
            2 => Self::Production,
            3 => Self::Archived,
            _ => Self::None,
        }
    }
}

/// What a new version is made from.
#[derive(Debug, Clone, Default)]
pub struct CreateVersion {
    /// Name of its model, which must exist.
    pub model: String,
    /// Where its files are.
    pub source: String,
    /// Where its files really are, where `source` names another version.
    pub storage: Option<String>,
    /// The run that made it.
    pub run_id: Option<RunId>,
    /// The logged model that it is.
    pub logged_model: Option<LoggedModelId>,
    /// A link to its run, for people.
    pub run_link: Option<String>,
    /// What its makers say about it.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Vec<(String, String)>,
}

impl CreateVersion {
    /// Whether its tags say that it is a prompt's version: its text is a tag, and it has no files.
    pub fn is_prompt(&self) -> bool {
        crate::validate::is_prompt(&self.tags)
    }
}

/// One move of an alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasMove {
    /// Its place; later moves of any alias have greater ones.
    pub seq: i64,
    /// The alias.
    pub alias: String,
    /// The version that it pointed to before; `None` when it is new.
    pub before: Option<i64>,
    /// The version that it points to since; `None` when it was deleted, or its version or model was.
    pub version: Option<i64>,
    /// Who moved it.
    pub by: String,
    /// When.
    pub at: Time,
}

/// A search: filter, order, page.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Comparisons joined by AND; see [`trimtab_types::filter`].
    pub filter: String,
    /// Order clauses; ties are broken by name (and version, newest first).
    pub order_by: Vec<String>,
    /// Most items in the page; 0 is the default.
    pub limit: u32,
    /// Where the page begins.
    pub page_token: Option<String>,
}
