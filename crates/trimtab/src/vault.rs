//! What a backup is on disk: `files/` holds what never changes and is shared by every backup into this folder,
//! `snapshots/ID/` what changes, and `MANIFEST.json`, written last, says which of them make the backup.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::told::{Exit, Told};

/// The layout that this program writes and reads.
const LAYOUT: u32 = 1;
const MANIFEST: &str = "MANIFEST.json";
const PIECE: usize = 1 << 20;

/// What a backup is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    layout: u32,
    /// The backup's id.
    pub(crate) id: String,
    /// All that was acknowledged before is in it; RFC 3339.
    pub(crate) begun_at: String,
    /// Which Trimtab the server was.
    pub(crate) version: String,
    /// Its files.
    pub(crate) files: Vec<Entry>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Its path in a data folder.
    pub(crate) path: String,
    /// Its bytes.
    pub(crate) size: u64,
    /// BLAKE3 of its content.
    pub(crate) blake3: String,
    /// Whether it is shared by backups.
    pub(crate) is_final: bool,
}

impl Manifest {
    pub(crate) fn new(id: String, begun_at: String, version: String) -> Self {
        Self {
            layout: LAYOUT,
            id,
            begun_at,
            version,
            files: Vec::new(),
        }
    }
}

/// A folder of backups that this process holds.
#[derive(Debug)]
pub(crate) struct Vault {
    folder: PathBuf,
    _lock: File,
}

fn failed<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce() -> String + 'a {
    move || format!("cannot {doing} {}", path.display())
}

/// A path of a manifest or of a server's list, which must stay inside the folder.
pub(crate) fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && !path.contains(['\\', '\0'])
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

impl Vault {
    /// Opens a folder for backups, made when it is not there; one that holds anything else is refused.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        let is_new = !folder.join("files").is_dir();
        if is_new && fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(Told::new(
                Exit::Usage,
                format!("{} holds something that is no backup", folder.display()),
            )
            .hint("name a new folder, or one with an earlier backup")
            .into());
        }
        for name in ["files", "snapshots"] {
            let folder = folder.join(name);
            fs::create_dir_all(&folder).with_context(failed("make", &folder))?;
        }
        let place = folder.join("LOCK");
        let lock = File::create(&place).with_context(failed("write", &place))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                folder: folder.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(Told::new(
                Exit::Failed,
                format!("another backup into {} is under way", folder.display()),
            )
            .into()),
            Err(TryLockError::Error(error)) => Err(error).with_context(failed("lock", &place)),
        }
    }

    /// The last backup, if there is one.
    pub(crate) fn manifest(&self) -> anyhow::Result<Option<Manifest>> {
        read_manifest(&self.folder)
    }

    /// Where a file of a backup is.
    pub(crate) fn place(&self, id: &str, entry_path: &str, is_final: bool) -> PathBuf {
        place(&self.folder, id, entry_path, is_final)
    }

    /// Makes the backup the folder's, and removes what belonged to earlier ones alone.
    pub(crate) fn finish(&self, manifest: &Manifest) -> anyhow::Result<u64> {
        let place = self.folder.join(MANIFEST);
        let write = || -> io::Result<()> {
            sync_folders(&self.folder)?;
            let temporary = self.folder.join("MANIFEST.new");
            let mut file = File::create(&temporary)?;
            file.write_all(&serde_json::to_vec_pretty(manifest)?)?;
            file.sync_all()?;
            fs::rename(&temporary, &place)?;
            File::open(&self.folder)?.sync_all()
        };
        write().with_context(failed("write", &place))?;
        self.prune(manifest)
            .with_context(failed("clear", &self.folder))
    }

    fn prune(&self, manifest: &Manifest) -> io::Result<u64> {
        let wanted: std::collections::HashSet<&str> = manifest
            .files
            .iter()
            .filter(|entry| entry.is_final)
            .map(|entry| entry.path.as_str())
            .collect();
        for entry in fs::read_dir(self.folder.join("snapshots"))? {
            let entry = entry?;
            if entry.file_name().to_str() != Some(&manifest.id) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        let root = self.folder.join("files");
        let mut removed = 0;
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let name = path.strip_prefix(&root).ok().and_then(Path::to_str);
                if !name.is_some_and(|name| wanted.contains(name)) {
                    fs::remove_file(&path)?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }
}

/// Syncs every folder, so that each name in them is safe before the manifest names it.
fn sync_folders(root: &Path) -> io::Result<()> {
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
        File::open(&folder)?.sync_all()?;
    }
    Ok(())
}

/// The last backup in a folder.
pub(crate) fn read_manifest(folder: &Path) -> anyhow::Result<Option<Manifest>> {
    let place = folder.join(MANIFEST);
    let text = match fs::read(&place) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(failed("read", &place)),
    };
    let manifest: Manifest = serde_json::from_slice(&text).with_context(failed("read", &place))?;
    if manifest.layout > LAYOUT {
        return Err(Told::new(
            Exit::Failed,
            format!(
                "the backup in {} was made by a newer Trimtab",
                folder.display()
            ),
        )
        .hint(format!("it was made with Trimtab {}", manifest.version))
        .into());
    }
    let odd = manifest
        .files
        .iter()
        .map(|entry| &entry.path)
        .chain([&manifest.id])
        .find(|path| !is_inside(path));
    if let Some(odd) = odd {
        return Err(Told::new(Exit::Refused, format!("the backup names the file `{odd}`")).into());
    }
    Ok(Some(manifest))
}

/// Where a file of a backup is.
pub(crate) fn place(folder: &Path, id: &str, path: &str, is_final: bool) -> PathBuf {
    if is_final {
        folder.join("files").join(path)
    } else {
        folder.join("snapshots").join(id).join(path)
    }
}

/// Copies a file, synced and under a temporary name until it is whole; answers the hash of what was copied.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<(String, u64)> {
    let mut from = File::open(from)?;
    let mut writing = Writing::begin(to)?;
    let mut buffer = vec![0; PIECE];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return writing.finish();
        }
        writing.write(&buffer[..read])?;
    }
}

/// A file on its way; see [`copy`].
#[derive(Debug)]
pub(crate) struct Writing {
    file: File,
    temporary: PathBuf,
    target: PathBuf,
    hasher: blake3::Hasher,
    size: u64,
}

impl Writing {
    pub(crate) fn begin(target: &Path) -> io::Result<Self> {
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut name = target.as_os_str().to_owned();
        name.push(".new");
        let temporary = PathBuf::from(name);
        Ok(Self {
            file: File::create(&temporary)?,
            temporary,
            target: target.to_owned(),
            hasher: blake3::Hasher::new(),
            size: 0,
        })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    pub(crate) fn finish(self) -> io::Result<(String, u64)> {
        self.file.sync_all()?;
        fs::rename(&self.temporary, &self.target)?;
        Ok((self.hasher.finalize().to_hex().to_string(), self.size))
    }
}
