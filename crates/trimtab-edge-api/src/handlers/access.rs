//! Tokens, workspaces, the audit trail.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use trimtab_access as access;
use trimtab_edge::{CallScope, Failure};
use trimtab_types::{PageToken, Role, TokenId};

use crate::{
    convert,
    extract::{Json as Body, Query},
    handlers::{Answer, Paging, bounded, place},
    state::Api,
    wire::{AuditRow, List, NewToken, NewTokenAnswer, NewWorkspace, TokenInfo, WorkspaceInfo},
};

pub(crate) async fn tokens(
    State(api): State<Api>,
    CallScope(scope): CallScope,
) -> Answer<List<TokenInfo>> {
    let tokens = api.access.tokens(&scope).await?;
    Ok(Json(List::whole(
        tokens.into_iter().map(convert::access::token).collect(),
    )))
}

pub(crate) async fn create_token(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Body(request): Body<NewToken>,
) -> Answer<NewTokenAnswer> {
    let role = [Role::Viewer, Role::Editor, Role::Operator, Role::Admin]
        .into_iter()
        .find(|role| role.as_str() == request.role)
        .ok_or_else(|| {
            Failure::invalid("role", format!("`{}` is not a role", request.role))
                .hint("the roles are viewer, editor, operator, admin")
        })?;
    let new = access::NewToken {
        name: request.name,
        role,
        expires_at: request.expires_at.map(|at| at.0),
    };
    let (token, text) = api.access.create_token(&scope, new).await?;
    Ok(Json(NewTokenAnswer {
        token: text.reveal(),
        info: convert::access::token(token),
    }))
}

#[derive(Debug, Deserialize)]
pub(crate) struct Revocation {
    force: Option<bool>,
}

pub(crate) async fn revoke_token(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Path(id): Path<TokenId>,
    Query(query): Query<Revocation>,
) -> Answer<serde_json::Value> {
    api.access
        .revoke_token(&scope, id, query.force.unwrap_or(false))
        .await?;
    Ok(Json(serde_json::json!({ "revoked": id })))
}

pub(crate) async fn workspaces(
    State(api): State<Api>,
    CallScope(scope): CallScope,
) -> Answer<List<WorkspaceInfo>> {
    let workspaces = api.access.workspaces(&scope).await?;
    Ok(Json(List::whole(
        workspaces
            .into_iter()
            .map(convert::access::workspace)
            .collect(),
    )))
}

pub(crate) async fn create_workspace(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Body(request): Body<NewWorkspace>,
) -> Answer<WorkspaceInfo> {
    let workspace = api.access.create_workspace(&scope, &request.name).await?;
    Ok(Json(convert::access::workspace(workspace)))
}

pub(crate) async fn audit(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Query(paging): Query<Paging>,
) -> Answer<List<AuditRow>> {
    let limit = bounded(paging.limit, 100, 1_000);
    let before = place::<i64>(paging.page.as_deref())?;
    let rows = api.access.audit_trail(&scope, before, limit).await?;
    let next = rows
        .last()
        .filter(|_| rows.len() == limit as usize)
        .map(|last| PageToken::encode(&last.seq).as_str().to_owned());
    Ok(Json(List {
        items: rows.into_iter().map(convert::access::audit).collect(),
        next,
    }))
}
