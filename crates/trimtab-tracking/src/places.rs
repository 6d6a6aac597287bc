//! Where artifacts are: in our own tree, or in a location that an import named and that is only read.

use std::path::Path;

use futures::TryStreamExt;
use tokio::io::AsyncWriteExt;
use trimtab_blob::{BlobBody, BlobRef};
use trimtab_types::{Coded, ErrorCode, Scope};

use crate::{
    ArtifactEntry, ArtifactListing, ArtifactPath, ArtifactUri, Tracking, TrackingError,
    references::{self, Reference},
};

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

    /// Where a path of our own tree lies, when its files are in another store.
    async fn reference(
        &self,
        scope: &Scope,
        path: &ArtifactPath,
    ) -> Result<Option<Reference>, TrackingError> {
        let (workspace, path) = (scope.workspace.clone(), path.clone());
        self.db()
            .read(move |tx| references::find(tx, &workspace, &path))
            .await
    }

    /// What stands in a folder of our own tree: our files, those of the store that the folder refers to, and the folders on
    /// the way to references below it. Of one name, ours counts.
    async fn list_own(
        &self,
        scope: &Scope,
        folder: &ArtifactPath,
    ) -> Result<ArtifactListing, TrackingError> {
        let mut listing = self.artifact_list(scope, folder).await?;
        if !folder.is_root() {
            let cut = folder.as_str().len() + 1;
            for entry in &mut listing.entries {
                let name = entry.path.as_str().get(cut..).unwrap_or_default();
                entry.path = ArtifactPath::parse(name)?;
            }
        }
        let (workspace, of_query) = (scope.workspace.clone(), folder.clone());
        let (reference, names) = self
            .db()
            .read(move |tx| {
                let reference = references::find(tx, &workspace, &of_query)?;
                let names = references::names(tx, &workspace, &of_query)?;
                Ok::<_, TrackingError>((reference, names))
            })
            .await?;
        let mut found = Vec::new();
        if let Some(Reference { uri, below }) = reference {
            found = self.list_foreign(scope, &uri, &below).await?.entries;
        }
        for name in names {
            found.push(ArtifactEntry {
                path: ArtifactPath::parse(&name)?,
                size: None,
            });
        }
        if !found.is_empty() {
            listing.entries.extend(found);
            // Stable: ours stand before the others of their name.
            listing.entries.sort_by(|a, b| a.path.cmp(&b.path));
            listing.entries.dedup_by(|a, b| a.path == b.path);
        }
        Ok(listing)
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
            ArtifactPlace::Own(folder) => self.list_own(scope, folder).await,
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
                        return match self.reference(scope, path).await? {
                            Some(found) => self
                                .foreign_file(scope, &found.uri, &found.below)
                                .await
                                // Who asked knows our path, not where it leads.
                                .map_err(|other| match other.code() {
                                    ErrorCode::NotFound => error,
                                    _ => other,
                                }),
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

    /// Whether some of the files below a path of our own tree are in another store.
    pub(crate) async fn has_references(
        &self,
        scope: &Scope,
        path: &ArtifactPath,
    ) -> Result<bool, TrackingError> {
        let (workspace, path) = (scope.workspace.clone(), path.clone());
        self.db()
            .read(move |tx| {
                Ok(references::find(tx, &workspace, &path)?.is_some()
                    || !references::names(tx, &workspace, &path)?.is_empty())
            })
            .await
    }

    /// Copies everything below a place into a folder of this machine, file by file.
    pub(crate) async fn export_place(
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
