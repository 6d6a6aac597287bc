//! Backups: begun, fetched file by file, ended.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    response::Response,
};
use bytes::BytesMut;
use http::{HeaderValue, header};
use tokio::io::AsyncReadExt;
use trimtab_edge::{CallScope, Failure};
use trimtab_types::{ErrorCode, Scope, WorkspaceId};

use crate::{
    handlers::Answer,
    state::Api,
    wire::{Backup, BackupFile, Timestamp},
};

/// How much is read at once.
const PIECE: usize = 512 << 10;

/// What concerns every workspace is the business of the default one's administrators.
pub(crate) fn of_the_house(scope: &Scope) -> Result<(), Failure> {
    if scope.workspace == WorkspaceId::default() {
        return Ok(());
    }
    Err(Failure::new(
        ErrorCode::Denied,
        "this concerns every workspace: only an administrator of the workspace `default` may do it",
    ))
}

/// To another workspace's administrator there is no backup.
fn seen_by(scope: &Scope) -> Result<(), Failure> {
    of_the_house(scope).map_err(|_| Failure::not_found("there is no such backup"))
}

pub(crate) async fn begin(State(api): State<Api>, CallScope(scope): CallScope) -> Answer<Backup> {
    of_the_house(&scope)?;
    let begun = api
        .backups
        .begin(&api.db, &api.tracking, &api.events)
        .await?;
    let files = begun.files.into_iter().map(|file| BackupFile {
        path: file.path,
        size: file.size,
        blake3: file.blake3,
        is_final: file.is_final,
    });
    Ok(Json(Backup {
        id: begun.id,
        begun_at: Timestamp(begun.at),
        version: api.process().version.to_owned(),
        files: files.collect(),
    }))
}

pub(crate) async fn file(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Path((id, path)): Path<(String, String)>,
) -> Result<Response, Failure> {
    seen_by(&scope)?;
    let (place, size) = api.backups.file(&id, &path)?;
    let file = tokio::fs::File::open(&place).await.map_err(|error| {
        Failure::new(
            ErrorCode::Unavailable,
            format!("cannot read `{path}`: {error}"),
        )
    })?;
    // A log that grows meanwhile belongs to the backup as long as it was.
    let pieces = futures::stream::try_unfold((file, size), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let want = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let mut piece = BytesMut::zeroed(want);
        file.read_exact(&mut piece).await?;
        let left = left - want as u64;
        Ok::<_, std::io::Error>(Some((piece.freeze(), (file, left))))
    });
    let mut response = Response::new(Body::from_stream(pieces));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    let kind = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

pub(crate) async fn end(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Path(id): Path<String>,
) -> Answer<serde_json::Value> {
    seen_by(&scope)?;
    api.backups.end(&id);
    Ok(Json(serde_json::json!({ "ended": id })))
}
