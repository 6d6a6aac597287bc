//! What can go wrong at the door.

use trimtab_db::DbError;
use trimtab_types::{Coded, ErrorCode, Role, TokenId, Verb};

/// An error of access.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// No credentials came with the call, and this server wants some.
    #[error("this server wants a token, and the call carries none")]
    Missing,
    /// The credentials are not a token of ours, or one that was revoked or has expired.
    #[error("the token is unknown, revoked or expired")]
    Unknown,
    /// The role may not do that.
    #[error("`{principal}` has the role {} and may not {} {resource}", role.as_str(), word(*verb))]
    Denied {
        /// Who asked.
        principal: String,
        /// Their role.
        role: Role,
        /// What they wanted.
        verb: Verb,
        /// On what.
        resource: String,
    },
    /// The token belongs to another workspace than the one that the call names.
    #[error("the token belongs to workspace `{token}`, not to `{asked}`")]
    OtherWorkspace {
        /// The token's workspace.
        token: String,
        /// The workspace that was asked for.
        asked: String,
    },
    /// There is no such workspace.
    #[error("there is no workspace `{0}`")]
    NoWorkspace(String),
    /// A workspace of that name exists.
    #[error("there is a workspace `{0}` already")]
    WorkspaceExists(String),
    /// Workspaces are made by administrators of `default`.
    #[error("an administrator of workspace `{0}` makes no workspaces")]
    NotDefault(String),
    /// The text cannot be a workspace or a token's name.
    #[error("`{text}` is not a name for a {kind}")]
    Name {
        /// `workspace` or `token`.
        kind: &'static str,
        /// What was given.
        text: String,
    },
    /// There is no such token in this workspace.
    #[error("there is no token {0}")]
    NoToken(TokenId),
    /// A token of that name is in use.
    #[error("a token named `{0}` exists already")]
    TokenExists(String),
    /// The first token closes the server, and whoever holds this one could not open it for others.
    #[error("the first token must have the role admin, not {}: from then on a token is asked for", .0.as_str())]
    FirstToken(Role),
    /// Nobody could make tokens afterwards.
    #[error(
        "token `{0}` is the last one with the role admin; without it nobody can make or revoke tokens"
    )]
    LastAdmin(String),
    /// The database failed.
    #[error("the access tables could not be used")]
    Db(#[from] DbError),
}

fn word(verb: Verb) -> &'static str {
    match verb {
        Verb::Read => "read",
        Verb::Write => "write",
        Verb::Operate => "operate",
        Verb::Admin => "administer",
    }
}

impl Coded for AccessError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Missing | Self::Unknown => ErrorCode::Unauthenticated,
            Self::Denied { .. } | Self::OtherWorkspace { .. } | Self::NotDefault(_) => {
                ErrorCode::Denied
            }
            Self::NoWorkspace(_) | Self::NoToken(_) => ErrorCode::NotFound,
            Self::Name { .. } => ErrorCode::invalid("name"),
            Self::TokenExists(_) | Self::WorkspaceExists(_) => ErrorCode::AlreadyExists,
            Self::FirstToken(_) | Self::LastAdmin(_) => ErrorCode::Conflict,
            Self::Db(source) => source.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Missing => Some(
                "set TRIMTAB_TOKEN (or MLFLOW_TRACKING_TOKEN for the mlflow client) to a token from `trimtab token create`"
                    .to_owned(),
            ),
            Self::Unknown => Some("make a new one with `trimtab token create`".to_owned()),
            Self::Denied { verb, .. } => Some(format!(
                "ask for a token with the role {}",
                match verb {
                    Verb::Read => "viewer",
                    Verb::Write => "editor",
                    Verb::Operate => "operator",
                    Verb::Admin => "admin",
                }
            )),
            Self::OtherWorkspace { token, .. } => {
                Some(format!("leave the workspace header out, or name `{token}`"))
            }
            Self::NoWorkspace(name) => Some(format!(
                "make it with `trimtab workspace create {name}`; `trimtab workspace list` shows those that there are"
            )),
            Self::WorkspaceExists(name) => Some(format!(
                "use it with `--workspace {name}`, or choose another name"
            )),
            Self::NotDefault(_) => {
                Some("ask for a token of the workspace `default` with the role admin".to_owned())
            }
            Self::Name { .. } => Some(
                "use 1 to 128 of A-Z, a-z, 0-9, '.', '_', '-', beginning with a letter or digit"
                    .to_owned(),
            ),
            Self::NoToken(_) => Some("`trimtab token list` shows the tokens".to_owned()),
            Self::TokenExists(_) => {
                Some("choose another name, or revoke the old token first".to_owned())
            }
            Self::FirstToken(_) => Some(
                "make yourself a token first: `trimtab token create --role admin`".to_owned(),
            ),
            Self::LastAdmin(_) => Some(
                "make another admin's token first, or add `--force`; then only `trimtab token create --data-dir` helps, while no server runs on the folder"
                    .to_owned(),
            ),
            Self::Db(source) => source.hint(),
        }
    }
}
