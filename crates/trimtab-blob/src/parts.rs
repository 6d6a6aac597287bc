//! Contents that come in parts, each a file of its own until the last is there. What is known about an upload is in
//! its folder: `parts/UPLOAD/NUMBER-HASH`.

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use futures::Stream;

use crate::{
    BlobError, BlobRef, BlobStore, Staged,
    files::{self, Writing, blocking},
};

const PARTS: &str = "parts";
/// How long an upload may take; its parts are removed when nothing has come for so long.
pub(crate) const LIFE: Duration = Duration::from_hours(24);

fn is_name(upload: &str) -> bool {
    upload.len() == 32 && upload.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn not_found(upload: &str) -> BlobError {
    BlobError::NotFound {
        hash: format!(
            "parts of upload {}",
            upload.chars().take(64).collect::<String>()
        ),
    }
}

/// The file of each part, by number; a part that was sent twice counts as it was sent last.
fn find(folder: &Path) -> io::Result<Vec<(u32, String, PathBuf)>> {
    let mut found: Vec<(u32, String, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((number, hash)) = name.split_once('-') else {
            continue;
        };
        if let Ok(number) = number.parse() {
            found.push((number, hash.to_owned(), entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

impl BlobStore {
    fn upload_folder(&self, upload: &str) -> Result<PathBuf, BlobError> {
        if is_name(upload) {
            Ok(self.root().join(PARTS).join(upload))
        } else {
            Err(not_found(upload))
        }
    }

    /// Begins a content that comes in parts; answers the upload's name.
    pub async fn begin_parts(&self) -> Result<String, BlobError> {
        let upload = uuid::Uuid::now_v7().simple().to_string();
        let folder = self.upload_folder(&upload)?;
        blocking("make an upload's folder", move || {
            std::fs::create_dir_all(folder)
        })
        .await?;
        Ok(upload)
    }

    /// Takes one part, in place of one of the same number; answers its hash.
    pub async fn put_part<S>(
        &self,
        upload: &str,
        number: u32,
        stream: S,
    ) -> Result<String, BlobError>
    where
        S: Stream<Item = Result<Bytes, BlobError>> + Send,
    {
        let folder = self.upload_folder(upload)?;
        let temporary = folder.join(format!("{}.new", uuid::Uuid::now_v7().simple()));
        let begun = blocking("make a part's file", move || {
            match Writing::begin(temporary) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                begun => begun.map(Some),
            }
        })
        .await?;
        let writing = begun.ok_or_else(|| not_found(upload))?;
        let mut stream = std::pin::pin!(stream);
        let writing = files::write_stream(writing, Vec::new(), &mut stream).await?;
        blocking("sync a part", move || {
            let target = folder.join("arrived");
            let mut arrived = target.clone();
            arrived.set_extension(uuid::Uuid::now_v7().simple().to_string());
            let (hash, _) = writing.finish(&arrived)?;
            let name = format!("{number:05}-{hash}");
            for (known, known_hash, path) in find(&folder)? {
                if known == number && known_hash != hash {
                    std::fs::remove_file(path)?;
                }
            }
            std::fs::rename(&arrived, folder.join(name))?;
            files::sync_folder(&folder)?;
            Ok(hash)
        })
        .await
    }

    /// Puts the parts together, in the order of their numbers, which must be `1..` without a gap; where a hash is
    /// given for one, it must be that part's.
    pub async fn join_parts(
        &self,
        upload: &str,
        wanted: Vec<(u32, Option<String>)>,
    ) -> Result<Staged, BlobError> {
        let folder = self.upload_folder(upload)?;
        let (key, temporary, target) = self.new_place();
        let of_target = target.clone();
        let joined = blocking("put an upload together", move || {
            let found = match find(&folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Err(None)),
                found => found?,
            };
            let is_whole = found.len() == wanted.len()
                && found
                    .iter()
                    .zip(&wanted)
                    .zip(1..)
                    .all(|((found, wanted), place)| {
                        found.0 == place
                            && wanted.0 == place
                            && wanted.1.as_ref().is_none_or(|hash| *hash == found.1)
                    });
            if !is_whole {
                let numbers: Vec<u32> = found.iter().map(|part| part.0).collect();
                return Ok(Err(Some(numbers)));
            }
            let mut writing = Writing::begin(temporary)?;
            for (_, _, path) in &found {
                writing.append(path)?;
            }
            writing.finish(&of_target).map(Ok)
        })
        .await?;
        match joined {
            Ok((blake3, size)) => Ok(Staged::in_file(BlobRef { key, blake3, size }, target)),
            Err(None) => Err(not_found(upload)),
            Err(Some(numbers)) => Err(BlobError::Parts { numbers }),
        }
    }

    /// Forgets an upload; one that is not there is forgotten already.
    pub async fn drop_parts(&self, upload: &str) -> Result<(), BlobError> {
        let Ok(folder) = self.upload_folder(upload) else {
            return Ok(());
        };
        blocking(
            "remove an upload's parts",
            move || match std::fs::remove_dir_all(folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                Ok(()) | Err(_) => Ok(()),
            },
        )
        .await
    }

    /// Removes uploads that nothing came for since their life ran out.
    pub(crate) async fn sweep_parts(&self) -> Result<u64, BlobError> {
        let folder = self.root().join(PARTS);
        let now = u64::try_from(self.clock().wall().as_micros()).unwrap_or(0);
        let oldest = UNIX_EPOCH + Duration::from_micros(now).saturating_sub(LIFE);
        blocking("remove old uploads", move || {
            let mut removed = 0;
            let entries = match std::fs::read_dir(folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                if entry.metadata()?.modified()? < oldest {
                    std::fs::remove_dir_all(entry.path())?;
                    removed += 1;
                }
            }
            Ok(removed)
        })
        .await
    }
}
