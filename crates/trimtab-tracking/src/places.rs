//! Where artifacts are: in our own tree, or in a location that an import named and that is only read.

use std::path::Path;

use futures::TryStreamExt;
use tokio::io::AsyncWriteExt;
use trimtab_blob::{BlobBody, BlobRef};
use trimtab_types::{Coded, ErrorCode, Scope};

use crate::{ArtifactEntry, ArtifactListing, ArtifactPath, ArtifactUri, Tracking, TrackingError};

/// A folder or file of artifacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactPlace {
    /// In our own tree.
    Own(ArtifactPath),
    /// Below a location of another store.
    Foreign {
        /// The location, as the run or model has it.
        uri: String,
        /// The path below it.
        below: ArtifactPath,
    },
}

impl ArtifactPlace {
    /// This place with a path below it.
    #[must_use]
    pub fn join(&self, path: &ArtifactPath) -> Self {
        match self {
            Self::Own(root) => Self::Own(root.join(path)),
            Self::Foreign { uri, below } => Self::Foreign {
                uri: uri.clone(),
                below: below.join(path),
            },
        }
    }
}

/// A file that was found and can be read.
#[derive(Debug, Clone)]
pub struct ArtifactFile {
    size: u64,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    Own(BlobRef),
    Foreign { uri: String, below: ArtifactPath },
}

impl ArtifactFile {
    /// Its bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// BLAKE3 of its content, where that is known.
    pub fn blake3(&self) -> Option<&str> {
        match &self.source {
            Source::Own(blob) => Some(&blob.blake3),
            Source::Foreign { .. } => None,
        }
    }
}

impl Tracking {
    /// Where a URI of a run, a logged model, our own store or a foreign location points.
    pub async fn artifact_place(
        &self,
        scope: &Scope,
        uri: &str,
    ) -> Result<ArtifactPlace, TrackingError> {
        let (root, path) = match ArtifactUri::parse(uri)? {
            ArtifactUri::Own(path) => return Ok(ArtifactPlace::Own(path)),
            ArtifactUri::Foreign(uri) => {
                return Ok(ArtifactPlace::Foreign {
                    uri,
                    below: ArtifactPath::root(),
                });
            }
            ArtifactUri::Run(id, path) => (self.get_run(scope, id).await?.artifact_uri, path),
            ArtifactUri::LoggedModel(id, path) => {
                (self.get_logged_model(scope, id).await?.artifact_uri, path)
            }
        };
        match ArtifactUri::parse(&root)? {
            ArtifactUri::Own(root) => Ok(ArtifactPlace::Own(root.join(&path))),
            ArtifactUri::Foreign(uri) => Ok(ArtifactPlace::Foreign { uri, below: path }),
            ArtifactUri::Run(..) | ArtifactUri::LoggedModel(..) => Err(TrackingError::Foreign {
                uri: root.chars().take(200).collect(),
            }),
        }
    }

    /// Where the files of a run or logged model are that our own tree would keep at `EXPERIMENT/RUN/artifacts/…` or
    /// `EXPERIMENT/models/m-ID/artifacts/…`, when they are elsewhere: so a client that cannot reach that store reads
    /// them through this server.
    async fn elsewhere(
        &self,
        scope: &Scope,
        path: &ArtifactPath,
    ) -> Result<Option<(String, ArtifactPath)>, TrackingError> {
        let parts: Vec<&str> = path.as_str().splitn(5, '/').collect();
        let (found, below) = match parts.as_slice() {
            [_, "models", model, "artifacts", below @ ..] => {
                let Some(Ok(id)) = model.strip_prefix("m-").map(str::parse) else {
                    return Ok(None);
                };
                let found = self.get_logged_model(scope, id).await;
                (found.map(|model| model.artifact_uri), below.join("/"))
            }
            [_, run, "artifacts", below @ ..] => {
                let Ok(id) = run.parse() else {
                    return Ok(None);
                };
                let found = self.get_run(scope, id).await;
                (found.map(|run| run.artifact_uri), below.join("/"))
            }
            _ => return Ok(None),
        };
        let uri = match found {
            Err(TrackingError::NotFound { .. }) => return Ok(None),
            found => found?,
        };
        match ArtifactUri::parse(&uri)? {
            ArtifactUri::Foreign(uri) => Ok(Some((uri, ArtifactPath::parse(&below)?))),
            ArtifactUri::Own(_) | ArtifactUri::Run(..) | ArtifactUri::LoggedModel(..) => Ok(None),
        }
    }

    async fn list_foreign(
        &self,
        scope: &Scope,
        uri: &str,
        below: &ArtifactPath,
    ) -> Result<ArtifactListing, TrackingError> {
        let found = self
            .0
            .blobs
            .foreign_list(scope, uri, below.as_str())
            .await?;
        // A name that could not be asked for is not told either.
        let entries = found.into_iter().filter_map(|entry| {
            Some(ArtifactEntry {
                path: ArtifactPath::parse(&entry.name).ok()?,
                size: entry.size,
            })
        });
        Ok(ArtifactListing {
            entries: entries.collect(),
            is_cut: false,
        })
    }

    async fn foreign_file(
        &self,
        scope: &Scope,
        uri: &str,
        below: &ArtifactPath,
    ) -> Result<ArtifactFile, TrackingError> {
        let size = self
            .0
            .blobs
            .foreign_size(scope, uri, below.as_str())
            .await?;
        Ok(ArtifactFile {
            size,
            source: Source::Foreign {
                uri: uri.to_owned(),
                below: below.clone(),
            },
        })
    }

    /// What stands directly in a folder, each by its name there; of a file or of nothing, nothing.
    pub async fn artifact_list_place(
        &self,
        scope: &Scope,
        place: &ArtifactPlace,
    ) -> Result<ArtifactListing, TrackingError> {
        match place {
            ArtifactPlace::Own(folder) => {
                let mut listing = self.artifact_list(scope, folder).await?;
                if folder.is_root() {
                    return Ok(listing);
                }
                if listing.entries.is_empty()
                    && let Some((uri, below)) = self.elsewhere(scope, folder).await?
                {
                    return self.list_foreign(scope, &uri, &below).await;
                }
                let cut = folder.as_str().len() + 1;
                for entry in &mut listing.entries {
                    let name = entry.path.as_str().get(cut..).unwrap_or_default();
                    entry.path = ArtifactPath::parse(name)?;
                }
                Ok(listing)
            }
            ArtifactPlace::Foreign { uri, below } => self.list_foreign(scope, uri, below).await,
        }
    }

    /// The file at a place.
    pub async fn artifact_file(
        &self,
        scope: &Scope,
        place: &ArtifactPlace,
    ) -> Result<ArtifactFile, TrackingError> {
        match place {
            ArtifactPlace::Own(path) => {
                let blob = match self.artifact_blob(scope, path).await {
                    Err(error) if error.code() == ErrorCode::NotFound => {
                        return match self.elsewhere(scope, path).await? {
                            Some((uri, below)) => self.foreign_file(scope, &uri, &below).await,
                            None => Err(error),
                        };
                    }
                    blob => blob?,
                };
                Ok(ArtifactFile {
                    size: blob.size,
                    source: Source::Own(blob),
                })
            }
            ArtifactPlace::Foreign { uri, below } => self.foreign_file(scope, uri, below).await,
        }
    }

    /// Streams a part of a file.
    pub async fn artifact_file_range(
        &self,
        scope: &Scope,
        file: &ArtifactFile,
        range: std::ops::Range<u64>,
    ) -> Result<BlobBody, TrackingError> {
        match &file.source {
            Source::Own(blob) => self.artifact_range(blob, range).await,
            Source::Foreign { uri, below } => Ok(self
                .0
                .blobs
                .foreign_range(scope, uri, below.as_str(), range)
                .await?),
        }
    }

    /// Copies everything below a foreign place into a folder of this machine.
    pub(crate) async fn export_foreign(
        &self,
        scope: &Scope,
        place: ArtifactPlace,
        dest: &Path,
    ) -> Result<u64, TrackingError> {
        let mut count = 0;
        let mut folders = vec![(place, dest.to_owned())];
        while let Some((place, dest)) = folders.pop() {
            for entry in self.artifact_list_place(scope, &place).await?.entries {
                let (below, target) = (place.join(&entry.path), dest.join(entry.path.as_str()));
                if entry.size.is_none() {
                    folders.push((below, target));
                    continue;
                }
                let file = self.artifact_file(scope, &below).await?;
                let body = self
                    .artifact_file_range(scope, &file, 0..file.size())
                    .await?;
                write(body, &target).await?;
                count += 1;
            }
        }
        Ok(count)
    }
}

async fn write(mut body: BlobBody, target: &Path) -> Result<(), TrackingError> {
    let error = |source| TrackingError::Export {
        path: target.display().to_string(),
        source,
    };
    if let Some(folder) = target.parent() {
        tokio::fs::create_dir_all(folder).await.map_err(error)?;
    }
    let mut file = tokio::fs::File::create(target).await.map_err(error)?;
    while let Some(chunk) = body.try_next().await? {
        file.write_all(&chunk).await.map_err(error)?;
    }
    file.flush().await.map_err(error)
}
