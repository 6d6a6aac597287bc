//! The verbs of access.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use trimtab_db::{Db, DbError, Lane};
use trimtab_types::{Clock, Principal, Role, Scope, TokenId, Verb, WorkspaceId};

use crate::{
    AccessError, AuditEntry, AuditRecord, Credentials, NewToken, Resource, Token, TokenText,
    Workspace, cache::Cache, sql,
};

/// Whether a server asks for tokens before any exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessMode {
    /// The usual: open to everyone on loopback until the first token is made, closed from then on.
    Tokens,
    /// `--insecure-no-auth`: open to everyone who can reach it, tokens or not.
    Open,
}

/// Access; cheap to clone.
#[derive(Debug, Clone)]
pub struct Access(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    db: Db,
    clock: Clock,
    mode: AccessMode,
    has_tokens: AtomicBool,
    cache: Cache,
    /// For the stages that this process starts, one in each workspace; they die with the process.
    own: Mutex<HashMap<WorkspaceId, TokenText>>,
}

impl Access {
    /// Access over a migrated database; reads whether a token exists.
    pub async fn open(db: Db, clock: Clock, mode: AccessMode) -> Result<Self, AccessError> {
        let has_tokens = db.read(sql::any_token).await?;
        let at = clock.wall();
        db.write(Lane::Control, move |tx| {
            sql::ensure_workspace(tx, &WorkspaceId::default(), "trimtab", at)
        })
        .await?;
        Ok(Self(Arc::new(Shared {
            db,
            clock,
            mode,
            has_tokens: AtomicBool::new(has_tokens),
            cache: Cache::default(),
            own: Mutex::default(),
        })))
    }

    /// Whether a call without a token is refused.
    pub fn wants_token(&self) -> bool {
        self.0.mode == AccessMode::Tokens && self.0.has_tokens.load(Ordering::Acquire)
    }

    /// Whether a token was ever made, so that an address beyond loopback may be opened.
    pub fn has_tokens(&self) -> bool {
        self.0.has_tokens.load(Ordering::Acquire)
    }

    /// The token of the work that this process starts itself in a workspace (training stages talk to this server): an
    /// editor there and nowhere else, never stored, worthless when the process has ended.
    pub fn own_token(&self, workspace: &WorkspaceId) -> String {
        self.own()
            .entry(workspace.clone())
            .or_insert_with(|| TokenText::new(TokenId::new()))
            .reveal()
    }

    fn own(&self) -> MutexGuard<'_, HashMap<WorkspaceId, TokenText>> {
        self.0.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who calls, in which workspace.
    pub async fn authenticate(&self, credentials: &Credentials) -> Result<Scope, AccessError> {
        match &credentials.token {
            Some(text) if let Some(workspace) = self.own_workspace(text.reveal()) => {
                let principal = Principal {
                    name: "loop".into(),
                    role: Role::Editor,
                };
                bound(
                    Scope {
                        workspace,
                        principal,
                    },
                    credentials,
                )
            }
            Some(text) if self.wants_token() => {
                bound(self.verify(text.reveal()).await?.scope(), credentials)
            }
            None if self.wants_token() => Err(AccessError::Missing),
            // Nobody is asked; a client that carries another server's credentials is not turned away.
            Some(_) | None => self.local(credentials.workspace.as_deref()).await,
        }
    }

    async fn local(&self, workspace: Option<&str>) -> Result<Scope, AccessError> {
        let local = Scope::local();
        let Some(asked) = workspace.filter(|name| *name != local.workspace.as_str()) else {
            return Ok(local);
        };
        let unknown = || AccessError::NoWorkspace(asked.to_owned());
        let id = WorkspaceId::new(asked).map_err(|_| unknown())?;
        let wanted = id.clone();
        let exists = self
            .0
            .db
            .read(move |tx| sql::workspace_exists(tx, &wanted))
            .await?;
        if exists {
            Ok(Scope {
                workspace: id,
                ..local
            })
        } else {
            Err(unknown())
        }
    }

    fn own_workspace(&self, text: &str) -> Option<WorkspaceId> {
        let given = text.parse::<TokenText>().ok()?;
        let own = self.own();
        let (workspace, own) = own.iter().find(|(_, own)| own.id == given.id)?;
        is_equal(&given.hash(), &own.hash()).then(|| workspace.clone())
    }

    async fn verify(&self, text: &str) -> Result<Token, AccessError> {
        let presented: TokenText = text.parse()?;
        let now = self.0.clock.wall();
        let (hash, token) = match self.0.cache.get(&presented.id, now) {
            Some(found) => found,
            None => {
                let id = presented.id;
                let found = self.0.db.read(move |tx| sql::token(tx, &id)).await?;
                let (hash, token) = found.ok_or(AccessError::Unknown)?;
                self.0.cache.put(hash, token.clone(), now);
                (hash, token)
            }
        };
        if is_equal(&hash, &presented.hash()) && token.is_valid_at(now) {
            Ok(token)
        } else {
            Err(AccessError::Unknown)
        }
    }

    /// Whether the caller may do that. The one place that decides; what no rule allows is denied.
    pub fn require(
        &self,
        scope: &Scope,
        verb: Verb,
        resource: Resource<'_>,
    ) -> Result<(), AccessError> {
        if scope.principal.role.allows(verb) {
            Ok(())
        } else {
            Err(AccessError::Denied {
                principal: scope.principal.name.to_string(),
                role: scope.principal.role,
                verb,
                resource: resource.to_string(),
            })
        }
    }

    /// Makes a token in the scope's workspace (which is made if it is new); its text is answered this once. The very
    /// first token must be an administrator's: it closes the server to everyone without one.
    pub async fn create_token(
        &self,
        scope: &Scope,
        new: NewToken,
    ) -> Result<(Token, TokenText), AccessError> {
        if new.name.parse::<trimtab_types::Name>().is_err() {
            return Err(AccessError::Name {
                kind: "token",
                text: new.name,
            });
        }
        let now = self.0.clock.wall();
        let text = TokenText::new(TokenId::new());
        let token = Token {
            id: text.id,
            workspace: scope.workspace.clone(),
            name: new.name,
            role: new.role,
            created_at: now,
            created_by: scope.principal.name.to_string(),
            expires_at: new.expires_at,
            revoked_at: None,
        };
        let (row, hash) = (token.clone(), text.hash());
        let written: Result<(), AccessError> = self
            .0
            .db
            .write(Lane::Control, move |tx| {
                if row.role != Role::Admin && !sql::any_token(tx)? {
                    return Err(AccessError::FirstToken(row.role));
                }
                sql::ensure_workspace(tx, &row.workspace, &row.created_by, now)?;
                Ok(sql::insert_token(tx, &row, &hash)?)
            })
            .await;
        match written {
            Ok(()) => {
                self.0.has_tokens.store(true, Ordering::Release);
                Ok((token, text))
            }
            Err(AccessError::Db(DbError::Unique { .. })) => {
                Err(AccessError::TokenExists(token.name))
            }
            Err(error) => Err(error),
        }
    }

    /// The tokens of the scope's workspace, oldest first, revoked ones too.
    pub async fn tokens(&self, scope: &Scope) -> Result<Vec<Token>, AccessError> {
        let workspace = scope.workspace.clone();
        Ok(self
            .0
            .db
            .read(move |tx| sql::tokens(tx, &workspace))
            .await?)
    }

    /// Revokes a token of the scope's workspace; revoking twice is no error. The last administrator's stays, unless
    /// `force` is set.
    pub async fn revoke_token(
        &self,
        scope: &Scope,
        id: TokenId,
        force: bool,
    ) -> Result<(), AccessError> {
        let (workspace, now) = (scope.workspace.clone(), self.0.clock.wall());
        let is_known = self
            .0
            .db
            .write(Lane::Control, move |tx| {
                let token = sql::token(tx, &id)?.map(|(_, token)| token);
                if let Some(token) = token
                    && !force
                    && token.workspace == workspace
                    && token.role == Role::Admin
                    && token.is_valid_at(now)
                    && !sql::has_admin(tx, &workspace, Some(&id), now)?
                {
                    return Err(AccessError::LastAdmin(token.name));
                }
                Ok(sql::revoke(tx, &workspace, &id, now)?)
            })
            .await?;
        self.0.cache.forget(&id);
        if is_known {
            Ok(())
        } else {
            Err(AccessError::NoToken(id))
        }
    }

    /// The workspaces that the caller may enter, by name: every one where nobody is asked for a token, which is of one.
    pub async fn workspaces(&self, scope: &Scope) -> Result<Vec<Workspace>, AccessError> {
        let mut all = self.0.db.read(sql::workspaces).await?;
        if self.wants_token() {
            all.retain(|workspace| workspace.id == scope.workspace);
        }
        Ok(all)
    }

    /// Makes a workspace. Where tokens are asked for, it takes an administrator of `default`, which is the whole server's.
    pub async fn create_workspace(
        &self,
        scope: &Scope,
        name: &str,
    ) -> Result<Workspace, AccessError> {
        if self.wants_token() && scope.workspace != WorkspaceId::default() {
            return Err(AccessError::NotDefault(scope.workspace.to_string()));
        }
        let id = WorkspaceId::new(name).map_err(|_| AccessError::Name {
            kind: "workspace",
            text: name.to_owned(),
        })?;
        let workspace = Workspace {
            id,
            created_at: self.0.clock.wall(),
            created_by: scope.principal.name.to_string(),
        };
        let row = workspace.clone();
        self.0
            .db
            .write(Lane::Control, move |tx| {
                if sql::workspace_exists(tx, &row.id)? {
                    return Err(AccessError::WorkspaceExists(row.id.to_string()));
                }
                Ok(sql::ensure_workspace(
                    tx,
                    &row.id,
                    &row.created_by,
                    row.created_at,
                )?)
            })
            .await?;
        Ok(workspace)
    }

    /// Every workspace, by name: for what the process does by itself.
    pub async fn all_workspaces(&self) -> Result<Vec<Workspace>, AccessError> {
        Ok(self.0.db.read(sql::workspaces).await?)
    }

    /// Adds a row to the audit trail.
    pub async fn audit(&self, scope: &Scope, entry: AuditEntry) -> Result<(), AccessError> {
        let (scope, at) = (scope.clone(), self.0.clock.wall());
        self.0
            .db
            .write(Lane::Bulk, move |tx| {
                sql::insert_audit(tx, &scope, &entry, at)
            })
            .await?;
        Ok(())
    }

    /// The audit trail of the scope's workspace, newest first, before a place in it.
    pub async fn audit_trail(
        &self,
        scope: &Scope,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, AccessError> {
        let workspace = scope.workspace.clone();
        Ok(self
            .0
            .db
            .read(move |tx| sql::audit(tx, &workspace, before, limit.clamp(1, 1_000)))
            .await?)
    }
}

/// A token is of one workspace; a call that names another is refused.
fn bound(scope: Scope, credentials: &Credentials) -> Result<Scope, AccessError> {
    match &credentials.workspace {
        Some(asked) if asked != scope.workspace.as_str() => Err(AccessError::OtherWorkspace {
            token: scope.workspace.to_string(),
            asked: asked.clone(),
        }),
        Some(_) | None => Ok(scope),
    }
}

/// Equality that takes the same time wherever the first difference is.
fn is_equal(left: &[u8; 32], right: &[u8; 32]) -> bool {
    left.iter()
        .zip(right)
        .fold(0, |difference, (a, b)| difference | (a ^ b))
        == 0
}
