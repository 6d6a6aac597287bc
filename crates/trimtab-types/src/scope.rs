//! Who acts, where: the first argument of every service verb.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Name, NameError};

/// A workspace's name, which is its id: rows carry it first in every unique key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WorkspaceId(Name);

impl WorkspaceId {
    /// A workspace of that name.
    pub fn new(name: &str) -> Result<Self, NameError> {
        name.parse().map(Self)
    }

    /// The text stored in `workspace_id` columns.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Default for WorkspaceId {
    fn default() -> Self {
        match "default".parse() {
            Ok(name) => Self(name),
            Err(_) => unreachable!("`default` is a valid name"),
        }
    }
}

impl fmt::Display for WorkspaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a principal may do; each role may do all that the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads everything of its workspace.
    Viewer,
    /// Writes runs, models, datasets, predictions and feedback.
    Editor,
    /// Applies desired state; starts and aborts rollouts, fires triggers.
    Operator,
    /// Makes tokens and workspaces, moves the replay clock.
    Admin,
}

impl Role {
    /// Whether this role may do that.
    pub fn allows(self, verb: Verb) -> bool {
        match verb {
            Verb::Read => true,
            Verb::Write => self >= Self::Editor,
            Verb::Operate => self >= Self::Operator,
            Verb::Admin => self >= Self::Admin,
        }
    }

    /// The spelling in files, tokens and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// What a caller wants to do to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Look.
    Read,
    /// Create and change data.
    Write,
    /// Change what runs in production.
    Operate,
    /// Change who may do what.
    Admin,
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Name written beside every change (`local` on loopback without tokens, `loop` for the controller).
    pub name: Arc<str>,
    /// What it may do in its workspace.
    pub role: Role,
}

/// The workspace and the principal of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Where.
    pub workspace: WorkspaceId,
    /// Who.
    pub principal: Principal,
}

impl Scope {
    /// The scope of everyone on loopback while no token exists.
    pub fn local() -> Self {
        Self {
            workspace: WorkspaceId::default(),
            principal: Principal {
                name: "local".into(),
                role: Role::Admin,
            },
        }
    }

    /// The scope in which the controller acts in a workspace.
    pub fn controller(workspace: WorkspaceId) -> Self {
        Self {
            workspace,
            principal: Principal {
                name: "loop".into(),
                role: Role::Admin,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_a_ladder() {
        assert!(Role::Viewer.allows(Verb::Read) && !Role::Viewer.allows(Verb::Write));
        assert!(Role::Editor.allows(Verb::Write) && !Role::Editor.allows(Verb::Operate));
        assert!(Role::Operator.allows(Verb::Operate) && !Role::Operator.allows(Verb::Admin));
        assert!(Role::Admin.allows(Verb::Admin));
    }
}
