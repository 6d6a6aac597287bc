//! `trimtab token`: by a server, or offline in its data folder.

use std::path::Path;

use trimtab_access::{Access, AccessMode, NewToken};
use trimtab_edge_api::wire::{self, List, NewTokenAnswer, Timestamp, TokenInfo};
use trimtab_types::{Clock, Principal, Role, Scope, Time, WorkspaceId};

use super::Context;
use crate::{
    cli::{RoleArg, TokenCommand},
    config,
    folder::{ClockKind, DataFolder},
    output::table,
    serve,
    told::{Exit, Told, told},
};

pub(super) async fn run(context: &Context, command: TokenCommand) -> anyhow::Result<()> {
    match command {
        TokenCommand::Create {
            name,
            role,
            expires,
            data_dir,
            database,
        } => {
            let role = role_of(role);
            let name = name.unwrap_or_else(|| role.as_str().to_owned());
            let answer = match data_dir {
                Some(folder) => {
                    let new = NewToken {
                        name,
                        role,
                        expires_at: expires,
                    };
                    offline(context, &folder, database.as_deref(), new).await?
                }
                None => online(context, name, role, expires).await?,
            };
            context.output.answer(&answer, || {
                context.output.note(&format!(
                    "token `{}` ({}) of workspace `{}`; it is shown this once",
                    answer.info.name, answer.info.role, answer.info.workspace
                ));
                answer.token.clone()
            })
        }
        TokenCommand::List => {
            let tokens: List<TokenInfo> = context.client()?.get("tokens").await?;
            context.output.answer(&tokens, || list(&tokens.items))
        }
        TokenCommand::Revoke { id, force } => {
            let path = format!("tokens/{id}?force={force}");
            let answer: serde_json::Value = context.client()?.delete(&path).await?;
            context
                .output
                .answer(&answer, || format!("token {id} is revoked\n"))
        }
    }
}

async fn online(
    context: &Context,
    name: String,
    role: Role,
    expires: Option<Time>,
) -> anyhow::Result<NewTokenAnswer> {
    let request = wire::NewToken {
        name,
        role: role.as_str().to_owned(),
        expires_at: expires.map(Timestamp),
    };
    context.client()?.post("tokens", &request).await
}

/// Writes a token into a data folder that no server runs on: how the first one comes to be.
async fn offline(
    context: &Context,
    folder: &Path,
    database: Option<&str>,
    new: NewToken,
) -> anyhow::Result<NewTokenAnswer> {
    let folder = DataFolder::open(folder, ClockKind::Live)?;
    let database = database.map(config::resolve_database).transpose()?;
    let db = serve::open_database(database.as_deref(), &folder.path).await?;
    let access = Access::open(db.clone(), Clock::system(), AccessMode::Tokens)
        .await
        .map_err(|error| told(&error))?;
    let workspace = match context.global.workspace.as_deref() {
        Some(name) => {
            WorkspaceId::new(name).map_err(|error| Told::new(Exit::Usage, error.to_string()))?
        }
        None => WorkspaceId::default(),
    };
    let scope = Scope {
        workspace,
        principal: Principal {
            name: "offline".into(),
            role: Role::Admin,
        },
    };
    let created = access.create_token(&scope, new).await;
    db.close().await;
    let (token, text) = created.map_err(|error| told(&error))?;
    Ok(NewTokenAnswer {
        token: text.reveal(),
        info: TokenInfo {
            id: token.id.to_string(),
            name: token.name,
            role: token.role.as_str().to_owned(),
            workspace: token.workspace.to_string(),
            created_at: token.created_at.into(),
            created_by: token.created_by,
            expires_at: token.expires_at.map(Timestamp),
            revoked_at: None,
        },
    })
}

fn list(tokens: &[TokenInfo]) -> String {
    if tokens.is_empty() {
        return "no token yet: everyone on this machine is `local`\n".to_owned();
    }
    let rows: Vec<Vec<String>> = tokens
        .iter()
        .map(|token| {
            let state = match (&token.revoked_at, &token.expires_at) {
                (Some(at), _) => format!("revoked {}", at.0),
                (None, Some(at)) => format!("until {}", at.0),
                (None, None) => "valid".to_owned(),
            };
            vec![
                token.id.clone(),
                token.name.clone(),
                token.role.clone(),
                token.created_at.0.to_string(),
                state,
            ]
        })
        .collect();
    table(&["ID", "NAME", "ROLE", "MADE", "STATE"], &rows)
}

fn role_of(role: RoleArg) -> Role {
    match role {
        RoleArg::Viewer => Role::Viewer,
        RoleArg::Editor => Role::Editor,
        RoleArg::Operator => Role::Operator,
        RoleArg::Admin => Role::Admin,
    }
}
