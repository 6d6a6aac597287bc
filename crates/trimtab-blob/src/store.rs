//! The store: streaming in, ranges out, references.

use std::{
    error::Error,
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt};
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, local::LocalFileSystem};
use tokio::io::AsyncWriteExt;
use trimtab_db::{Db, DbError, Lane, Tx};
use trimtab_types::{Clock, Scope};

use crate::{BlobBody, BlobError, sql};

/// A stored content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobRef {
    /// Where it is; random, and shared by equal contents of a workspace.
    pub key: String,
    /// BLAKE3 of the content, 64 hex digits.
    pub blake3: String,
    /// Number of bytes.
    pub size: u64,
}

/// A content that is safely on disk but that no row names yet: see [`BlobStore::stage`]. Dropped unkept, its file goes.
#[derive(Debug)]
pub struct Staged {
    blob: BlobRef,
    path: Option<PathBuf>,
}

impl Staged {
    /// Number of bytes.
    pub fn size(&self) -> u64 {
        self.blob.size
    }

    /// BLAKE3 of the content, 64 hex digits.
    pub fn blake3(&self) -> &str {
        &self.blob.blake3
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            remove(&path);
        }
    }
}

/// A content that has its reference, before its transaction is known to have committed.
#[derive(Debug)]
pub struct Kept {
    blob: BlobRef,
    surplus: Option<PathBuf>,
}

impl Kept {
    /// What the reference names.
    pub fn blob(&self) -> &BlobRef {
        &self.blob
    }
}

/// The blobs of one data folder; cheap to clone.
#[derive(Debug, Clone)]
pub struct BlobStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    objects: LocalFileSystem,
    db: Db,
    clock: Clock,
}

const INCOMING: &str = "incoming";

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "a blob's file could not be removed; the next sweep tries again");
    }
}

fn io_error(doing: &'static str) -> impl Fn(io::Error) -> BlobError {
    move |source| BlobError::Io { doing, source }
}

fn store_error(doing: &'static str) -> impl Fn(object_store::Error) -> BlobError {
    move |source| BlobError::Store { doing, source }
}

impl BlobStore {
    /// Opens (and makes) the folder; what an interrupted upload left is removed.
    pub async fn open(dir: &Path, db: Db, clock: Clock) -> Result<Self, BlobError> {
        let incoming = dir.join(INCOMING);
        match tokio::fs::remove_dir_all(&incoming).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io_error("clear the folder of interrupted uploads")(error));
            }
            Ok(()) | Err(_) => {}
        }
        tokio::fs::create_dir_all(&incoming)
            .await
            .map_err(io_error("make the blob folder"))?;
        let root = tokio::fs::canonicalize(dir)
            .await
            .map_err(io_error("open the blob folder"))?;
        let objects =
            LocalFileSystem::new_with_prefix(&root).map_err(store_error("open the blob folder"))?;
        Ok(Self(Arc::new(Inner {
            root,
            objects,
            db,
            clock,
        })))
    }

    fn path(&self, key: &str) -> PathBuf {
        self.0.root.join(key)
    }

    /// Takes a stream to disk, hashed and synced, without a reference yet; [`BlobStore::keep`] gives it one inside
    /// the caller's own transaction.
    pub async fn stage<S, E>(&self, stream: S) -> Result<Staged, BlobError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let name = uuid::Uuid::now_v7().simple().to_string();
        // The last digits of a UUIDv7 are random: they spread the files over 256 folders.
        let shard = name[30..].to_owned();
        let temporary = self.0.root.join(INCOMING).join(&name);
        let mut staged = Staged {
            blob: BlobRef {
                key: format!("{shard}/{name}"),
                blake3: String::new(),
                size: 0,
            },
            path: Some(temporary.clone()),
        };
        let mut file = tokio::fs::File::create_new(&temporary)
            .await
            .map_err(io_error("make a blob's file"))?;
        let mut hasher = blake3::Hasher::new();
        let mut stream = std::pin::pin!(stream);
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|source| BlobError::Source {
                source: source.into(),
            })?;
            hasher.update(&chunk);
            staged.blob.size += chunk.len() as u64;
            file.write_all(&chunk)
                .await
                .map_err(io_error("write a blob"))?;
        }
        file.flush().await.map_err(io_error("write a blob"))?;
        file.sync_all().await.map_err(io_error("sync a blob"))?;
        drop(file);
        let target = self.path(&staged.blob.key);
        let folder = self.0.root.join(&shard);
        tokio::fs::create_dir_all(&folder)
            .await
            .map_err(io_error("make a blob's folder"))?;
        tokio::fs::rename(&temporary, &target)
            .await
            .map_err(io_error("name a blob"))?;
        staged.path = Some(target);
        let synced = tokio::fs::File::open(&folder)
            .await
            .map_err(io_error("sync a blob's folder"))?;
        synced
            .sync_all()
            .await
            .map_err(io_error("sync a blob's folder"))?;
        staged.blob.blake3 = hasher.finalize().to_hex().to_string();
        Ok(staged)
    }

    /// Refers to a staged content, inside the caller's transaction. Equal content is kept once: the answer then names
    /// the earlier copy. Call [`BlobStore::settle`] after the commit. When the transaction is undone, or its commit is
    /// in doubt, the file stays until a sweep: a row must never name a file that is gone.
    pub fn keep(
        &self,
        tx: &mut Tx<'_>,
        scope: &Scope,
        mut staged: Staged,
    ) -> Result<Kept, DbError> {
        let blob = sql::keep(
            tx,
            &scope.workspace,
            &staged.blob,
            &scope.principal.name,
            self.0.clock.wall(),
        )?;
        let file = staged.path.take();
        let surplus = file.filter(|_| blob.key != staged.blob.key);
        Ok(Kept { blob, surplus })
    }

    /// After the commit of [`BlobStore::keep`]: removes the copy that was not needed.
    pub fn settle(&self, kept: Kept) -> BlobRef {
        if let Some(path) = &kept.surplus {
            remove(path);
        }
        kept.blob
    }

    /// Gives one reference back inside the caller's transaction; a key in the answer goes to
    /// [`BlobStore::remove_file`] after the commit.
    pub fn release_in(
        &self,
        tx: &mut Tx<'_>,
        scope: &Scope,
        hash: &str,
    ) -> Result<Option<String>, DbError> {
        sql::release(tx, &scope.workspace, hash)
    }

    /// Removes the file of a key that no row names any more.
    pub fn remove_file(&self, key: &str) {
        remove(&self.path(key));
    }

    /// Stores a stream and refers to it once.
    pub async fn put<S, E>(&self, scope: &Scope, stream: S) -> Result<BlobRef, BlobError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let staged = self.stage(stream).await?;
        let (this, scope) = (self.clone(), scope.clone());
        let kept = self
            .0
            .db
            .write(Lane::Bulk, move |tx| this.keep(tx, &scope, staged))
            .await?;
        Ok(self.settle(kept))
    }

    /// Stores bytes that are in memory and refers to them once.
    pub async fn put_bytes(&self, scope: &Scope, bytes: Bytes) -> Result<BlobRef, BlobError> {
        self.put(
            scope,
            futures::stream::once(std::future::ready(Ok::<_, io::Error>(bytes))),
        )
        .await
    }

    /// Gives one reference back; the last one removes the content.
    pub async fn release(&self, scope: &Scope, hash: &str) -> Result<(), BlobError> {
        let (workspace, hash) = (scope.workspace.clone(), hash.to_owned());
        let key = self
            .0
            .db
            .write(Lane::Bulk, move |tx| sql::release(tx, &workspace, &hash))
            .await?;
        if let Some(key) = key {
            self.remove_file(&key);
        }
        Ok(())
    }

    /// The content with this hash, where the workspace has it.
    pub async fn find(&self, scope: &Scope, hash: &str) -> Result<BlobRef, BlobError> {
        let (workspace, wanted) = (scope.workspace.clone(), hash.to_owned());
        self.0
            .db
            .read(move |tx| sql::find(tx, &workspace, &wanted))
            .await?
            .ok_or_else(|| BlobError::NotFound {
                hash: hash.to_owned(),
            })
    }

    /// Streams a content.
    pub async fn get(&self, blob: &BlobRef) -> Result<BlobBody, BlobError> {
        self.get_range(blob, 0..blob.size).await
    }

    /// Streams a part of a content.
    pub async fn get_range(
        &self,
        blob: &BlobRef,
        range: Range<u64>,
    ) -> Result<BlobBody, BlobError> {
        if range.start > range.end || range.end > blob.size {
            return Err(BlobError::Range {
                start: range.start,
                end: range.end,
                size: blob.size,
            });
        }
        let size = range.end - range.start;
        if size == 0 {
            return Ok(BlobBody::new(0, futures::stream::empty().boxed()));
        }
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        let result = self
            .0
            .objects
            .get_opts(&object_store::path::Path::from(blob.key.as_str()), options)
            .await
            .map_err(store_error("read a blob"))?;
        let chunks = result.into_stream().map_err(store_error("read a blob"));
        Ok(BlobBody::new(size, chunks.boxed()))
    }

    /// The content's file, where the store is a local folder. Read only: the bytes are shared.
    pub fn local_path(&self, blob: &BlobRef) -> Option<PathBuf> {
        Some(self.path(&blob.key))
    }

    /// Removes files that no row names and that are older than an hour (younger ones may be on their way to a row);
    /// answers how many.
    pub async fn sweep(&self) -> Result<u64, BlobError> {
        let young = self.0.clock.wall() - trimtab_types::Duration::from_hours(1);
        let mut listed = self.0.objects.list(None);
        let mut removed = 0;
        while let Some(object) = listed
            .try_next()
            .await
            .map_err(store_error("list the blobs"))?
        {
            if object.last_modified.timestamp_micros() > young.as_micros() {
                continue;
            }
            let key = object.location.to_string();
            let asked = key.clone();
            let is_known = self.0.db.read(move |tx| sql::knows_key(tx, &asked)).await?;
            if !is_known {
                self.0
                    .objects
                    .delete(&object.location)
                    .await
                    .map_err(store_error("remove an unused blob"))?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}
