//! Tokens, workspaces, the audit trail.

use trimtab_access::{AuditRecord, Token, Workspace};

use crate::{
    convert::at,
    wire::{AuditRow, TokenInfo, WorkspaceInfo},
};

pub(crate) fn token(token: Token) -> TokenInfo {
    TokenInfo {
        id: token.id.to_string(),
        name: token.name,
        role: token.role.as_str().to_owned(),
        workspace: token.workspace.to_string(),
        created_at: token.created_at.into(),
        created_by: token.created_by,
        expires_at: at(token.expires_at),
        revoked_at: at(token.revoked_at),
    }
}

pub(crate) fn workspace(workspace: Workspace) -> WorkspaceInfo {
    WorkspaceInfo {
        name: workspace.id.to_string(),
        created_at: workspace.created_at.into(),
        created_by: workspace.created_by,
    }
}

pub(crate) fn audit(record: AuditRecord) -> AuditRow {
    AuditRow {
        seq: record.seq,
        at: record.at.into(),
        principal: record.principal,
        action: record.entry.action,
        kind: record.entry.kind,
        object: record.entry.object,
        status: record.entry.status,
        request_id: record.entry.request_id,
    }
}
