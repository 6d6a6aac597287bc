//! The store: streaming in, ranges out, references.

use std::{
    error::Error,
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use trimtab_db::{Db, DbError, Lane, Tx};
use trimtab_types::{Clock, Duration, Scope};

use crate::{
    BlobBody, BlobError, Pin, S3,
    files::{self, Writing, blocking},
    pin::Pins,
    signed::Signer,
    sql,
};

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

/// A content that is safe but that no row names yet: in a synced file, or, when it is small, in memory on its way into
/// the transaction that will name it. See [`BlobStore::stage`]. Dropped unkept, its file goes.
#[derive(Debug)]
pub struct Staged {
    blob: BlobRef,
    path: Option<PathBuf>,
    content: Option<Bytes>,
    /// Whether a transaction was given it: then only that transaction's end says whether its file goes.
    is_given: AtomicBool,
}

impl Staged {
    pub(crate) fn in_file(blob: BlobRef, path: PathBuf) -> Self {
        Self {
            blob,
            path: Some(path),
            content: None,
            is_given: AtomicBool::new(false),
        }
    }

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
        if let Some(path) = &self.path
            && !self.is_given.load(Ordering::Relaxed)
        {
            files::remove(path);
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
    db: Db,
    clock: Clock,
    pins: Arc<Pins>,
    signer: Signer,
    s3: Option<S3>,
}

const INCOMING: &str = "incoming";
/// What is no larger is kept in its row: one commit, and no file to sync.
const SMALL: usize = 32 << 10;
/// How many files a sweep asks the database about at once.
const STEP: usize = 500;

impl BlobStore {
    /// Opens (and makes) the folder; what an interrupted upload left is removed.
    pub async fn open(dir: &Path, db: Db, clock: Clock) -> Result<Self, BlobError> {
        Self::open_with(dir, db, clock, None).await
    }

    /// The same, with a way to read foreign locations in S3.
    pub async fn open_with(
        dir: &Path,
        db: Db,
        clock: Clock,
        s3: Option<S3>,
    ) -> Result<Self, BlobError> {
        let dir = dir.to_owned();
        let (root, signer) = blocking("open the blob folder", move || {
            let incoming = dir.join(INCOMING);
            match std::fs::remove_dir_all(&incoming) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            std::fs::create_dir_all(&incoming)?;
            let root = std::fs::canonicalize(dir)?;
            let signer = Signer::open(&root)?;
            Ok((root, signer))
        })
        .await?;
        Ok(Self(Arc::new(Inner {
            root,
            db,
            clock,
            pins: Arc::default(),
            signer,
            s3,
        })))
    }

    pub(crate) fn root(&self) -> &Path {
        &self.0.root
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn s3(&self) -> Option<&S3> {
        self.0.s3.as_ref()
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    fn path(&self, key: &str) -> PathBuf {
        self.0.root.join(key)
    }

    /// A new key, where its bytes arrive, and where they go then.
    pub(crate) fn new_place(&self) -> (String, PathBuf, PathBuf) {
        let name = uuid::Uuid::now_v7().simple().to_string();
        // The last digits of a UUIDv7 are random: they spread the files over 256 folders.
        let key = format!("{}/{name}", &name[30..]);
        let target = self.path(&key);
        (key, self.0.root.join(INCOMING).join(name), target)
    }

    /// While it lives, no file of the store goes.
    pub fn pin(&self) -> Pin {
        self.0.pins.pin()
    }

    /// The text with a code that only this store can make, in letters that a URL takes.
    pub fn sign(&self, text: &str) -> String {
        self.0.signer.sign(text)
    }

    /// The text that this store once signed.
    pub fn signed(&self, signed: &str) -> Option<String> {
        self.0.signer.open_text(signed)
    }

    /// Takes a stream in, hashed, without a reference yet; [`BlobStore::keep`] gives it one inside the caller's own
    /// transaction. What is not small is on disk and synced then.
    pub async fn stage<S, E>(&self, stream: S) -> Result<Staged, BlobError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let stream = stream.map(|chunk| {
            chunk.map_err(|source| BlobError::Source {
                source: source.into(),
            })
        });
        let mut stream = std::pin::pin!(stream);
        let mut first = Vec::new();
        let mut size = 0;
        while size <= SMALL {
            let Some(chunk) = stream.next().await else {
                return Ok(small(&first, size));
            };
            let chunk = chunk?;
            size += chunk.len();
            first.push(chunk);
        }
        let (key, temporary, target) = self.new_place();
        let writing = blocking("make a blob's file", move || Writing::begin(temporary)).await?;
        let writing = files::write_stream(writing, first, &mut stream).await?;
        let of_target = target.clone();
        let (blake3, size) = blocking("sync a blob", move || writing.finish(&of_target)).await?;
        Ok(Staged::in_file(BlobRef { key, blake3, size }, target))
    }

    /// Refers to a staged content, inside the caller's transaction. Equal content is kept once: the answer then names
    /// the earlier copy. Call [`BlobStore::settle`] after the commit. When the transaction is undone, or its commit is
    /// in doubt, the file stays until a sweep: a row must never name a file that is gone. It may be called again with the
    /// same content when a transaction is run again ([`Db::write_again`]); those that change several contents do so in the
    /// order of their hashes.
    pub fn keep(&self, tx: &mut Tx<'_>, scope: &Scope, staged: &Staged) -> Result<Kept, DbError> {
        staged.is_given.store(true, Ordering::Relaxed);
        let blob = sql::keep(
            tx,
            &scope.workspace,
            &staged.blob,
            staged.content.as_deref(),
            &scope.principal.name,
            self.0.clock.wall(),
        )?;
        let file = staged.path.clone();
        let surplus = file.filter(|_| blob.key != staged.blob.key);
        Ok(Kept { blob, surplus })
    }

    /// After the commit of [`BlobStore::keep`]: removes the copy that was not needed.
    pub fn settle(&self, kept: Kept) -> BlobRef {
        if let Some(path) = &kept.surplus {
            files::remove(path);
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

    /// Removes the file of a key that no row names any more; while the store is pinned, later.
    pub fn remove_file(&self, key: &str) {
        self.0.pins.remove(self.path(key));
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
            .write_again(Lane::Bulk, move |tx| this.keep(tx, &scope, &staged))
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
            .write_again(Lane::Bulk, move |tx| sql::release(tx, &workspace, &hash))
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
        if sql::is_row(&blob.key) {
            let content = self.content(blob).await?;
            // A row's content is at most `SMALL` bytes.
            let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(content.len());
            let piece = content.slice(place(range.start)..place(range.end));
            let once = futures::stream::once(std::future::ready(Ok(piece)));
            return Ok(BlobBody::new(size, once.boxed()));
        }
        let chunks = files::read_range(self.path(&blob.key), range).await?;
        Ok(BlobBody::new(size, chunks.boxed()))
    }

    async fn content(&self, blob: &BlobRef) -> Result<Bytes, BlobError> {
        let key = blob.key.clone();
        let content = self.0.db.read(move |tx| sql::content(tx, &key)).await?;
        content.map(Bytes::from).ok_or_else(|| BlobError::NotFound {
            hash: blob.blake3.clone(),
        })
    }

    /// Bytes that can still be written where the files are, and bytes there in all; `None` where the system does not say.
    pub fn room(&self) -> Option<(u64, u64)> {
        let found = nix::sys::statvfs::statvfs(&self.0.root).ok()?;
        let block = found.fragment_size();
        Some((block * found.blocks_available(), block * found.blocks()))
    }

    /// Whether the database names files and the folder has none of the first ones: they belong to two servers.
    pub async fn is_foreign(&self) -> Result<bool, BlobError> {
        const LOOKED_AT: u32 = 3;
        let this = self.clone();
        let named = self
            .0
            .db
            .read(move |tx| this.files_after(tx, "", LOOKED_AT))
            .await?;
        let is_here = |blob: &BlobRef| self.local_path(blob).is_some_and(|path| path.exists());
        Ok(!named.is_empty() && !named.iter().any(is_here))
    }

    /// The content's file, where it has one (a small one has not). Read only: the bytes are shared.
    pub fn local_path(&self, blob: &BlobRef) -> Option<PathBuf> {
        (!sql::is_row(&blob.key)).then(|| self.path(&blob.key))
    }

    /// The contents that are files, in the order of their keys, as a backup lists them: after a key, at most so many.
    pub fn files_after(
        &self,
        tx: &mut Tx<'_>,
        key: &str,
        limit: u32,
    ) -> Result<Vec<BlobRef>, DbError> {
        sql::files_after(tx, key, limit)
    }

    /// Removes files that no row names and that are older than an hour (younger ones may be on their way to a row),
    /// and parts of uploads that were given up; answers how many. While the store is pinned, nothing.
    pub async fn sweep(&self) -> Result<u64, BlobError> {
        if self.0.pins.is_pinned() {
            return Ok(0);
        }
        let young = self.0.clock.wall() - Duration::from_hours(1);
        let micros = u64::try_from(young.as_micros()).unwrap_or(0);
        let young = std::time::UNIX_EPOCH + std::time::Duration::from_micros(micros);
        let mut removed = self.sweep_parts().await?;
        let root = self.0.root.clone();
        let shards = blocking("list the blobs", move || shards(&root)).await?;
        for shard in shards {
            let folder = self.0.root.join(&shard);
            let old = blocking("list the blobs", move || old_files(&folder, young)).await?;
            for names in old.chunks(STEP) {
                let keys: Vec<String> =
                    names.iter().map(|name| format!("{shard}/{name}")).collect();
                let asked = keys.clone();
                let known = self.0.db.read(move |tx| sql::known(tx, &asked)).await?;
                for key in keys.iter().filter(|key| !known.contains(key)) {
                    self.remove_file(key);
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }
}

fn small(chunks: &[Bytes], size: usize) -> Staged {
    let content = if let [only] = chunks {
        only.clone()
    } else {
        let mut all = BytesMut::with_capacity(size);
        for chunk in chunks {
            all.extend_from_slice(chunk);
        }
        all.freeze()
    };
    Staged {
        blob: BlobRef {
            key: format!("row/{}", uuid::Uuid::now_v7().simple()),
            blake3: blake3::hash(&content).to_hex().to_string(),
            size: size as u64,
        },
        path: None,
        content: Some(content),
        is_given: AtomicBool::new(false),
    }
}

/// The folders of files, each named by two hexadecimal digits, and uploads under way.
fn shards(root: &Path) -> io::Result<Vec<String>> {
    let mut shards = Vec::new();
    for entry in std::fs::read_dir(root)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let is_shard = name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_shard || name == INCOMING {
            shards.push(name);
        }
    }
    Ok(shards)
}

fn old_files(folder: &Path, young: std::time::SystemTime) -> io::Result<Vec<String>> {
    let mut old = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        match entry.metadata() {
            Ok(about) if about.modified()? < young => {
                old.push(entry.file_name().to_string_lossy().into_owned());
            }
            // It went while we looked.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(old)
}
