//! Tokens, workspaces, and what a door knows of a call.

use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};
use trimtab_types::{Role, Scope, Secret, Time, TokenId, WorkspaceId};

use crate::AccessError;

/// What a call brought with it.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// The token, from whichever header carried it.
    pub token: Option<Secret<String>>,
    /// The workspace that the call names, if it names one.
    pub workspace: Option<String>,
}

/// What a call wants to touch, for the decision and for its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource<'a> {
    /// The noun: `run`, `endpoint`, `token`…
    pub kind: &'a str,
    /// Which one, where that is known at the door.
    pub name: Option<&'a str>,
}

impl<'a> Resource<'a> {
    /// Any object of a kind.
    pub fn any(kind: &'a str) -> Self {
        Self { kind, name: None }
    }
}

impl fmt::Display for Resource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => write!(f, "{} `{name}`", self.kind),
            None => write!(f, "{}s", self.kind),
        }
    }
}

/// A workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// Its name, which is its id.
    pub id: WorkspaceId,
    /// When it was made.
    pub created_at: Time,
    /// By whom.
    pub created_by: String,
}

/// A token as it is listed: without its secret, which nobody has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The public part.
    pub id: TokenId,
    /// The workspace that it opens.
    pub workspace: WorkspaceId,
    /// The principal's name that is written beside every change.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created_at: Time,
    /// By whom.
    pub created_by: String,
    /// When it stops working by itself.
    pub expires_at: Option<Time>,
    /// When it was revoked.
    pub revoked_at: Option<Time>,
}

impl Token {
    /// The scope of a call that carries it.
    pub fn scope(&self) -> Scope {
        Scope {
            workspace: self.workspace.clone(),
            principal: trimtab_types::Principal {
                name: self.name.as_str().into(),
                role: self.role,
            },
        }
    }

    /// Whether it opens anything at that time.
    pub fn is_valid_at(&self, now: Time) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|until| now < until)
    }
}

/// What a new token shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// The principal's name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it stops working by itself.
    pub expires_at: Option<Time>,
}

/// The text of a token, `tt_<id>_<secret>`: shown once, when it is made.
#[derive(Debug, Clone)]
pub struct TokenText {
    /// The public part.
    pub id: TokenId,
    secret: Secret<String>,
}

impl TokenText {
    /// A new token's text, from the operating system's randomness.
    pub(crate) fn new(id: TokenId) -> Self {
        let mut bytes = [0_u8; 32];
        rand::fill(&mut bytes);
        Self {
            id,
            secret: Secret::new(hex::encode(bytes)),
        }
    }

    /// What is stored: SHA-256 of the secret. The secret has 256 random bits, so a slow hash would add nothing.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret.reveal().as_bytes()).into()
    }

    /// The whole text, for the one who asked for the token.
    pub fn reveal(&self) -> String {
        format!("tt_{}_{}", self.id, self.secret.reveal())
    }
}

impl FromStr for TokenText {
    type Err = AccessError;

    fn from_str(text: &str) -> Result<Self, AccessError> {
        let (id, secret) = text
            .trim()
            .strip_prefix("tt_")
            .and_then(|rest| rest.split_once('_'))
            .ok_or(AccessError::Unknown)?;
        let is_secret = secret.len() == 64 && secret.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_secret {
            return Err(AccessError::Unknown);
        }
        Ok(Self {
            id: id.parse().map_err(|_| AccessError::Unknown)?,
            secret: Secret::new(secret.to_owned()),
        })
    }
}
