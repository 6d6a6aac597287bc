//! Trees of files at the source: listed, and read as a stream.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use serde::Deserialize;
use tokio_util::io::ReaderStream;
use trimtab_blob::{S3, S3Location};

use crate::{Peer, TransferError, peer::path_text, place::Tree, source::mark};

/// How much of a file is read at once.
const PART: usize = 256 << 10;
/// How deep folders may lie in each other.
const DEPTH: usize = 64;

/// A file of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeFile {
    /// Its path below the tree's root.
    pub(crate) path: String,
    pub(crate) size: u64,
    /// When it last changed, where that is known.
    changed_ms: u128,
}

/// What a tree holds.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) files: Vec<TreeFile>,
    /// What cannot come, with the reason.
    pub(crate) skipped: Vec<String>,
}

impl Listing {
    /// How the tree is.
    pub(crate) fn mark(&self) -> String {
        let rows: Vec<_> = self
            .files
            .iter()
            .map(|file| (&file.path, file.size, file.changed_ms.to_string()))
            .collect();
        mark(&rows)
    }
}

/// What trees are read by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'r> {
    /// The server that hands files out, where the source is one.
    pub(crate) peer: Option<&'r Peer>,
    /// Objects, as this process may read them.
    pub(crate) s3: Option<&'r S3>,
}

/// Lists a tree; one that is not there is empty.
pub(crate) async fn list(reader: Reader<'_>, tree: &Tree) -> Result<Listing, TransferError> {
    let mut listing = match (tree, reader.peer) {
        (Tree::S3(location), _) => match reader.s3 {
            Some(s3) => list_s3(s3, location).await?,
            None => Listing::default(),
        },
        (Tree::Folder(folder), _) => {
            let folder = folder.clone();
            tokio::task::spawn_blocking(move || list_folder(&folder))
                .await
                .unwrap_or_default()
        }
        (_, Some(peer)) => list_served(peer, tree).await?,
        (_, None) => Listing::default(),
    };
    listing.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(listing)
}

async fn list_s3(s3: &S3, location: &S3Location) -> Result<Listing, TransferError> {
    let files = s3.files(location).await?.into_iter().map(|file| TreeFile {
        path: file.path,
        size: file.size,
        changed_ms: u128::try_from(file.changed_ms).unwrap_or(0),
    });
    Ok(Listing {
        files: files.collect(),
        skipped: Vec::new(),
    })
}

fn list_folder(folder: &Path) -> Listing {
    let mut listing = Listing::default();
    for entry in walkdir::WalkDir::new(folder).max_depth(DEPTH) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let is_absent = error.depth() == 0
                    && error
                        .io_error()
                        .is_some_and(|error| error.kind() == io::ErrorKind::NotFound);
                if !is_absent {
                    listing.skipped.push(error.to_string());
                }
                continue;
            }
        };
        let path = entry.path();
        if entry.file_type().is_symlink() {
            listing.skipped.push(format!(
                "{}: a symbolic link is not followed",
                path.display()
            ));
            continue;
        }
        if !entry.file_type().is_file() {
            continue;
        }
        let Some(name) = path.strip_prefix(folder).ok().and_then(Path::to_str) else {
            listing
                .skipped
                .push(format!("{}: its name is no UTF-8", path.display()));
            continue;
        };
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        listing.files.push(TreeFile {
            path: name.to_owned(),
            size: metadata.len(),
            changed_ms: metadata
                .modified()
                .ok()
                .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
                .map_or(0, |since| since.as_millis()),
        });
    }
    listing
}

#[derive(Debug, Default, Deserialize)]
struct Page {
    #[serde(default)]
    files: Vec<Entry>,
    #[serde(default)]
    next_page_token: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    path: String,
    #[serde(default)]
    is_dir: bool,
    #[serde(default)]
    file_size: Option<serde_json::Value>,
}

async fn list_served(peer: &Peer, tree: &Tree) -> Result<Listing, TransferError> {
    let mut listing = Listing::default();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let mut token = None;
        loop {
            let page = list_page(peer, tree, &folder, token.as_deref()).await?;
            for entry in page.files {
                // The proxy names what is in the folder, the others the whole path.
                let path = match tree {
                    Tree::Proxied(_) if !folder.is_empty() => format!("{folder}/{}", entry.path),
                    Tree::Proxied(_)
                    | Tree::OfRun(_)
                    | Tree::OfModel(_)
                    | Tree::Folder(_)
                    | Tree::S3(_) => entry.path,
                };
                if entry.is_dir {
                    if path.split('/').count() < DEPTH {
                        folders.push(path);
                    }
                    continue;
                }
                let size = entry.file_size.unwrap_or_default();
                let size = size
                    .as_u64()
                    .or_else(|| size.as_str()?.parse().ok())
                    .unwrap_or_default();
                listing.files.push(TreeFile {
                    path,
                    size,
                    changed_ms: 0,
                });
            }
            match page.next_page_token.filter(|token| !token.is_empty()) {
                Some(next) => token = Some(next),
                None => break,
            }
        }
    }
    Ok(listing)
}

async fn list_page(
    peer: &Peer,
    tree: &Tree,
    folder: &str,
    token: Option<&str>,
) -> Result<Page, TransferError> {
    let token = token.unwrap_or_default();
    let answer = match tree {
        Tree::Proxied(root) => {
            let path = join(root, folder);
            peer.get("/api/2.0/mlflow-artifacts/artifacts", &[("path", &path)])
                .await
        }
        Tree::OfRun(id) => {
            peer.get(
                "/api/2.0/mlflow/artifacts/list",
                &[("run_id", id), ("path", folder), ("page_token", token)],
            )
            .await
        }
        Tree::OfModel(id) => {
            peer.get(
                &format!("/api/2.0/mlflow/logged-models/{id}/artifacts/directories"),
                &[("artifact_directory_path", folder), ("page_token", token)],
            )
            .await
        }
        Tree::Folder(_) | Tree::S3(_) => Ok(Page::default()),
    };
    match answer {
        // A folder that was never written to is not there on some stores.
        Err(TransferError::Refused { status: 404, .. }) => Ok(Page::default()),
        answer => answer,
    }
}

fn join(root: &str, path: &str) -> String {
    if path.is_empty() {
        root.to_owned()
    } else {
        format!("{root}/{path}")
    }
}

/// The content of a file.
pub(crate) type Content = BoxStream<'static, io::Result<Bytes>>;

/// Opens a file of a tree.
pub(crate) async fn open(
    reader: Reader<'_>,
    tree: &Tree,
    path: &str,
) -> Result<Content, TransferError> {
    let peer = match (tree, reader.peer) {
        (Tree::S3(root), _) => {
            let (Some(s3), Some(location)) = (reader.s3, root.below(path)) else {
                return Ok(futures::stream::empty().boxed());
            };
            let body = s3.read(&location, None).await?;
            return Ok(body.map_err(io::Error::other).boxed());
        }
        (Tree::Folder(folder), _) => {
            let path: PathBuf = folder.join(path);
            let file = tokio::fs::File::open(&path)
                .await
                .map_err(TransferError::file(&path))?;
            return Ok(ReaderStream::with_capacity(file, PART).boxed());
        }
        (_, Some(peer)) => peer,
        (_, None) => return Ok(futures::stream::empty().boxed()),
    };
    Ok(match tree {
        Tree::Proxied(root) => {
            let path = path_text(&join(root, path));
            peer.bytes(&format!("/api/2.0/mlflow-artifacts/artifacts/{path}"), &[])
                .await?
                .boxed()
        }
        Tree::OfModel(id) => peer
            .bytes(
                &format!("/ajax-api/2.0/mlflow/logged-models/{id}/artifacts/files"),
                &[("artifact_file_path", path)],
            )
            .await?
            .boxed(),
        Tree::OfRun(id) => peer
            .bytes("/get-artifact", &[("path", path), ("run_uuid", id)])
            .await?
            .boxed(),
        Tree::Folder(_) | Tree::S3(_) => futures::stream::empty().boxed(),
    })
}

/// Hashes what flows through.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hashed(Arc<Mutex<(blake3::Hasher, u64)>>);

impl Hashed {
    /// The same stream, which is hashed while it is read.
    pub(crate) fn through(&self, content: Content) -> Content {
        let this = self.clone();
        content
            .inspect(move |part| {
                if let Ok(part) = part {
                    let mut state = this.0.lock().unwrap_or_else(PoisonError::into_inner);
                    state.0.update(part);
                    state.1 += part.len() as u64;
                }
            })
            .boxed()
    }

    /// BLAKE3 and length of what has flowed.
    pub(crate) fn finish(&self) -> (String, u64) {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (state.0.finalize().to_hex().to_string(), state.1)
    }
}
