//! Transfers by a word of ours in place of credentials: presigned uploads and downloads, and uploads in parts.

use std::error::Error;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use serde::{Deserialize, Serialize};
use trimtab_blob::{BlobError, BlobRef};
use trimtab_types::{Duration, Principal, Role, Scope, Time, WorkspaceId};

use crate::{ArtifactPath, Tracking, TrackingError};

/// How long parts of an upload are taken.
const UPLOAD_LIFE: Duration = Duration::from_hours(24);
/// How many parts an upload may have.
const MOST_PARTS: u32 = 10_000;

/// What a ticket lets its bearer do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Errand {
    /// Read the file at a path.
    Get,
    /// Write the file at a path.
    Put,
    /// Send one part of an upload.
    Part,
    /// Complete or abort an upload, with credentials.
    Upload,
}

/// The right to one transfer, signed by this server: no row remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// What for.
    pub errand: Errand,
    workspace: String,
    by: String,
    path: String,
    upload: String,
    number: u32,
    /// In microseconds.
    expires: i64,
}

impl Ticket {
    /// In whose name the bearer acts: in its maker's workspace, as no more than an editor.
    pub fn scope(&self) -> Result<Scope, TrackingError> {
        Ok(Scope {
            workspace: WorkspaceId::new(&self.workspace).map_err(|_| refused("is not ours"))?,
            principal: Principal {
                name: self.by.as_str().into(),
                role: Role::Editor,
            },
        })
    }

    /// The file.
    pub fn path(&self) -> Result<ArtifactPath, TrackingError> {
        ArtifactPath::parse(&self.path)
    }
}

/// An upload in parts, begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its id: what completes or aborts it.
    pub id: String,
    /// The ticket of each part.
    pub parts: Vec<String>,
}

fn refused(why: &str) -> TrackingError {
    TrackingError::Ticket {
        message: format!("the signed URL {why}"),
    }
}

impl Tracking {
    fn ticket(&self, scope: &Scope, errand: Errand, path: &ArtifactPath, life: Duration) -> Ticket {
        Ticket {
            errand,
            workspace: scope.workspace.as_str().to_owned(),
            by: scope.principal.name.to_string(),
            path: path.as_str().to_owned(),
            upload: String::new(),
            number: 0,
            expires: (self.now() + life).as_micros(),
        }
    }

    fn sign(&self, ticket: &Ticket) -> Result<String, TrackingError> {
        let text = serde_json::to_string(ticket).map_err(|_| refused("cannot be written"))?;
        Ok(self.0.blobs.sign(&text))
    }

    /// A ticket to read or to write the file at a path, for so long.
    pub fn artifact_ticket(
        &self,
        scope: &Scope,
        errand: Errand,
        path: &ArtifactPath,
        life: Duration,
    ) -> Result<String, TrackingError> {
        if path.is_root() {
            return Err(TrackingError::invalid("path", "Invalid path"));
        }
        self.sign(&self.ticket(scope, errand, path, life))
    }

    /// Reads a ticket that somebody brings: ours, for that errand, and not out of date.
    pub fn read_ticket(&self, signed: &str, errand: Errand) -> Result<Ticket, TrackingError> {
        let text = self
            .0
            .blobs
            .signed(signed)
            .ok_or_else(|| refused("is not ours"))?;
        let ticket: Ticket = serde_json::from_str(&text).map_err(|_| refused("is not ours"))?;
        if ticket.errand != errand {
            return Err(refused("is for something else"));
        }
        if Time::from_micros(ticket.expires) <= self.now() {
            return Err(refused("is out of date"));
        }
        Ok(ticket)
    }

    /// Begins an upload of the file at a path in so many parts.
    pub async fn begin_upload(
        &self,
        scope: &Scope,
        path: &ArtifactPath,
        parts: u32,
    ) -> Result<Upload, TrackingError> {
        if path.is_root() {
            return Err(TrackingError::invalid("path", "Invalid path"));
        }
        if !(1..=MOST_PARTS).contains(&parts) {
            return Err(TrackingError::invalid(
                "num_parts",
                format!("num_parts must be between 1 and {MOST_PARTS} (got {parts})"),
            ));
        }
        let upload = self.0.blobs.begin_parts().await?;
        let mut ticket = self.ticket(scope, Errand::Upload, path, UPLOAD_LIFE);
        ticket.upload = upload;
        let id = self.sign(&ticket)?;
        ticket.errand = Errand::Part;
        let parts = (1..=parts)
            .map(|number| {
                ticket.number = number;
                self.sign(&ticket)
            })
            .collect::<Result<_, _>>()?;
        Ok(Upload { id, parts })
    }

    /// Takes one part; answers its hash.
    pub async fn upload_part<S, E>(
        &self,
        ticket: &Ticket,
        stream: S,
    ) -> Result<String, TrackingError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let stream = stream.map(|chunk| {
            chunk.map_err(|source| BlobError::Source {
                source: source.into(),
            })
        });
        let (upload, number) = (&ticket.upload, ticket.number);
        Ok(self.0.blobs.put_part(upload, number, stream).await?)
    }

    fn own_upload(
        &self,
        scope: &Scope,
        id: &str,
        path: &ArtifactPath,
    ) -> Result<Ticket, TrackingError> {
        let ticket = self.read_ticket(id, Errand::Upload)?;
        if ticket.workspace != scope.workspace.as_str() || ticket.path != path.as_str() {
            return Err(refused("is for something else"));
        }
        Ok(ticket)
    }

    /// Puts an upload's parts together at its path; each part by number, with its hash where that is known.
    pub async fn complete_upload(
        &self,
        scope: &Scope,
        id: &str,
        path: &ArtifactPath,
        parts: Vec<(u32, Option<String>)>,
    ) -> Result<BlobRef, TrackingError> {
        let ticket = self.own_upload(scope, id, path)?;
        let staged = self.0.blobs.join_parts(&ticket.upload, parts).await?;
        let blob = self.artifact_keep(scope, path, staged).await?;
        self.0.blobs.drop_parts(&ticket.upload).await?;
        Ok(blob)
    }

    /// Gives an upload up; one that is over stays as it is.
    pub async fn abort_upload(
        &self,
        scope: &Scope,
        id: &str,
        path: &ArtifactPath,
    ) -> Result<(), TrackingError> {
        let ticket = self.own_upload(scope, id, path)?;
        Ok(self.0.blobs.drop_parts(&ticket.upload).await?)
    }
}
