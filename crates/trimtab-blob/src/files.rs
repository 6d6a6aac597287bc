//! The files of the store: written under a temporary name and renamed, read in large pieces. A blocking thread is
//! held for one piece at a time, so that a slow sender or reader keeps none.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};

use crate::BlobError;

/// How much goes to or comes from the disk at once.
pub(crate) const PIECE: usize = 1 << 20;

pub(crate) fn io_error(doing: &'static str) -> impl Fn(io::Error) -> BlobError {
    move |source| BlobError::Io { doing, source }
}

/// Runs something that touches the disk.
pub(crate) async fn blocking<T: Send + 'static>(
    doing: &'static str,
    run: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, BlobError> {
    tokio::task::spawn_blocking(run)
        .await
        .map_err(io::Error::other)
        .and_then(|answer| answer)
        .map_err(io_error(doing))
}

pub(crate) fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "a blob's file could not be removed; the next sweep tries again");
    }
}

/// Syncs a folder, so that the names in it are safe.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// A file that is being written, hashed on the way. Dropped unfinished, it goes.
#[derive(Debug)]
pub(crate) struct Writing {
    file: Option<File>,
    path: PathBuf,
    hasher: blake3::Hasher,
    size: u64,
}

impl Drop for Writing {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            remove(&self.path);
        }
    }
}

impl Writing {
    pub(crate) fn begin(path: PathBuf) -> io::Result<Self> {
        Ok(Self {
            file: Some(File::create_new(&path)?),
            path,
            hasher: blake3::Hasher::new(),
            size: 0,
        })
    }

    pub(crate) fn write(&mut self, chunks: &[Bytes]) -> io::Result<()> {
        let file = self.file.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        for chunk in chunks {
            self.hasher.update(chunk);
            file.write_all(chunk)?;
            self.size += chunk.len() as u64;
        }
        Ok(())
    }

    /// Takes over a whole file.
    pub(crate) fn append(&mut self, from: &Path) -> io::Result<()> {
        let mut from = File::open(from)?;
        let file = self.file.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut buffer = vec![0; PIECE];
        loop {
            let read = from.read(&mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            self.hasher.update(&buffer[..read]);
            file.write_all(&buffer[..read])?;
            self.size += read as u64;
        }
    }

    /// Syncs it and gives it its name; answers its hash and its size.
    pub(crate) fn finish(mut self, target: &Path) -> io::Result<(String, u64)> {
        let hash = self.hasher.finalize().to_hex().to_string();
        let file = self.file.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        file.sync_all()?;
        let folder = target.parent().ok_or(io::ErrorKind::InvalidInput)?;
        std::fs::create_dir_all(folder)?;
        std::fs::rename(&self.path, target)?;
        // From here on the file is the target's, not ours to remove.
        self.file = None;
        sync_folder(folder)?;
        Ok((hash, self.size))
    }
}

/// Takes a stream into a file: while one piece is written, the next one is received.
pub(crate) async fn write_stream<S>(
    mut writing: Writing,
    first: Vec<Bytes>,
    stream: &mut S,
) -> Result<Writing, BlobError>
where
    S: Stream<Item = Result<Bytes, BlobError>> + Unpin + Send,
{
    let mut waiting = first;
    loop {
        let chunks = std::mem::take(&mut waiting);
        let written = blocking("write a blob", move || {
            writing.write(&chunks)?;
            Ok(writing)
        });
        let mut written = std::pin::pin!(written);
        let mut size = 0;
        let mut is_over = false;
        let mut back = None;
        while size < PIECE && !is_over {
            tokio::select! {
                biased;
                chunk = stream.next() => match chunk {
                    Some(chunk) => {
                        let chunk = chunk?;
                        size += chunk.len();
                        waiting.push(chunk);
                    }
                    None => is_over = true,
                },
                done = &mut written, if back.is_none() => back = Some(done?),
            }
        }
        writing = match back {
            Some(writing) => writing,
            None => written.await?,
        };
        if is_over && waiting.is_empty() {
            return Ok(writing);
        }
    }
}

/// Streams a range of a file.
pub(crate) async fn read_range(
    path: PathBuf,
    range: Range<u64>,
) -> Result<impl Stream<Item = Result<Bytes, BlobError>> + Send + 'static, BlobError> {
    let start = range.start;
    let file = blocking("read a blob", move || {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(start))?;
        Ok(file)
    })
    .await?;
    let left = range.end - range.start;
    Ok(futures::stream::try_unfold(
        (file, left),
        |(file, left)| async move {
            if left == 0 {
                return Ok(None);
            }
            let (file, piece) = blocking("read a blob", move || {
                let size = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
                let mut buffer = BytesMut::zeroed(size);
                let mut file = file;
                file.read_exact(&mut buffer)?;
                Ok((file, buffer.freeze()))
            })
            .await?;
            let left = left - piece.len() as u64;
            Ok(Some((piece, (file, left))))
        },
    ))
}
