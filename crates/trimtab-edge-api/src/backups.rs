//! Backups: a copy of the database at one moment, and every file that it names held still until it is fetched.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use trimtab_db::{Db, DbError, Dialect, Row};
use trimtab_edge::Failure;
use trimtab_events::{EventLog, Hold};
use trimtab_tracking::{BlobPin, Tracking};
use trimtab_types::{Clock, Duration, ErrorCode, RunId, Time};

/// A backup that nobody fetched from for so long is over.
const PATIENCE: Duration = Duration::from_secs(600);
/// The name of a PostgreSQL database's copy in a backup; that of a SQLite one is its name in the data folder.
pub const POSTGRES_COPY: &str = "trimtab.pgcopy";
/// Folders whose files never change once they have their name.
const FINAL: &[&str] = &["dvc-cache"];

/// The backups of one data folder; cheap to clone.
#[derive(Debug, Clone)]
pub struct Backups(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    clock: Clock,
    open: Mutex<Option<Open>>,
}

/// The one that is being fetched.
#[derive(Debug)]
struct Open {
    id: String,
    folder: PathBuf,
    files: HashMap<String, (PathBuf, u64)>,
    used_at: Time,
    _held: (BlobPin, Hold),
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupFile {
    /// Its path in a data folder.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// BLAKE3 of its content, where that is known.
    pub blake3: Option<String>,
    /// Whether a file of that path never changes.
    pub is_final: bool,
    place: PathBuf,
}

/// A backup, begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// Its id.
    pub id: String,
    /// All that was acknowledged before is in it.
    pub at: Time,
    /// Its files.
    pub files: Vec<BackupFile>,
}

fn failed(doing: &'static str) -> impl Fn(io::Error) -> Failure {
    move |error| Failure::new(ErrorCode::Unavailable, format!("cannot {doing}: {error}"))
}

async fn blocking<T: Send + 'static>(
    doing: &'static str,
    run: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(run)
        .await
        .map_err(io::Error::other)
        .and_then(|answer| answer)
        .map_err(failed(doing))
}

impl Backups {
    /// The backups of a data folder; what an earlier process left of one is removed.
    pub fn open(folder: PathBuf, clock: Clock) -> Self {
        // Copies that nobody can fetch any more: if they cannot be removed now, the next backup tries again.
        let _ = std::fs::remove_dir_all(folder.join("backups"));
        Self(Arc::new(Inner {
            folder,
            clock,
            open: Mutex::default(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Open>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Copies the database, lists every file, and holds them all.
    pub async fn begin(
        &self,
        db: &Db,
        tracking: &Tracking,
        events: &EventLog,
    ) -> Result<Begun, Failure> {
        self.forget_idle();
        let under_way = self.lock().as_ref().map(|open| open.id.clone());
        if let Some(other) = under_way {
            return Err(Failure::new(
                ErrorCode::Conflict,
                format!("the backup {other} is under way"),
            )
            .hint("wait for its end; one that nobody fetches from is over after ten minutes"));
        }
        let id = RunId::new().to_string();
        let at = self.0.clock.wall();
        // Nothing that the copy names can go from here on.
        let held = (tracking.pin_files(), events.hold());
        let folder = self.0.folder.join("backups").join(&id);
        let made = folder.clone();
        blocking("make a folder for the backup", move || {
            std::fs::create_dir_all(made)
        })
        .await?;
        let files = match self.copy(db, &folder).await {
            Ok(files) => files,
            Err(failure) => {
                let _ = tokio::fs::remove_dir_all(&folder).await;
                return Err(failure);
            }
        };
        let by_path = files
            .iter()
            .map(|file| (file.path.clone(), (file.place.clone(), file.size)))
            .collect();
        let made = Open {
            id: id.clone(),
            folder,
            files: by_path,
            used_at: self.0.clock.wall(),
            _held: held,
        };
        // Two may have come this far at once.
        let surplus = {
            let mut open = self.lock();
            if open.is_some() {
                Some(made)
            } else {
                *open = Some(made);
                None
            }
        };
        if surplus.is_some() {
            close(surplus);
            return Err(Failure::new(ErrorCode::Conflict, "a backup is under way"));
        }
        Ok(Begun { id, at, files })
    }

    async fn copy(&self, db: &Db, folder: &Path) -> Result<Vec<BackupFile>, Failure> {
        let name = match db.dialect() {
            Dialect::Sqlite => "trimtab.db",
            Dialect::Postgres => POSTGRES_COPY,
        };
        let copy = folder.join(name);
        // `row/` sorts after every shard, whose names are hexadecimal.
        let listing = "SELECT key, hash, size FROM blob WHERE key < 'g' ORDER BY key";
        let rows = db.snapshot_to(&copy, listing, Vec::new()).await?;
        let blobs = blobs_of(&rows, &self.0.folder.join("blobs"))?;
        let root = self.0.folder.clone();
        blocking("list the data folder", move || {
            let mut files = vec![one(name, copy, false)?];
            let format = root.join("FORMAT");
            if format.is_file() {
                files.push(one("FORMAT", format, false)?);
            }
            // The count of accepted events is read before the events: no event can seem lost.
            let mut events = walk(&root, "events", |path| !path.starts_with("events/wal/"))?;
            events.sort_by_key(|file| !file.path.ends_with("/accepted"));
            files.extend(events);
            for folder in FINAL {
                files.extend(walk(&root, folder, |_| true)?);
            }
            files.extend(blobs);
            Ok(files)
        })
        .await
    }

    /// Where a file of a backup is, and how many of its bytes belong to it.
    pub fn file(&self, id: &str, path: &str) -> Result<(PathBuf, u64), Failure> {
        let mut open = self.lock();
        let found = open.as_mut().filter(|open| open.id == id).and_then(|open| {
            open.used_at = self.0.clock.wall();
            open.files.get(path).cloned()
        });
        found.ok_or_else(|| Failure::not_found(format!("the backup {id} has no file `{path}`")))
    }

    /// Lets everything go again.
    pub fn end(&self, id: &str) {
        let mut open = self.lock();
        if open.as_ref().is_some_and(|open| open.id == id) {
            close(open.take());
        }
    }

    /// Ends a backup that nobody fetches from any more.
    pub fn forget_idle(&self) {
        let oldest = self.0.clock.wall() - PATIENCE;
        let mut open = self.lock();
        if open.as_ref().is_some_and(|open| open.used_at < oldest) {
            close(open.take());
        }
    }
}

fn close(open: Option<Open>) {
    let Some(open) = open else { return };
    if let Err(error) = std::fs::remove_dir_all(&open.folder) {
        tracing::warn!(%error, "a backup's copy of the database is left to the next start");
    }
}

fn one(path: &str, place: PathBuf, is_final: bool) -> io::Result<BackupFile> {
    Ok(BackupFile {
        path: path.to_owned(),
        size: std::fs::metadata(&place)?.len(),
        blake3: None,
        is_final,
        place,
    })
}

/// Every file below a folder of the data folder; symbolic links are left out, as nothing of ours is one.
fn walk(root: &Path, folder: &str, is_final: fn(&str) -> bool) -> io::Result<Vec<BackupFile>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(root.join(&folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let path = format!("{folder}/{name}");
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && !name.ends_with(".tmp") {
                match one(&path, entry.path(), is_final(&path)) {
                    // It got its lasting name while we looked, and is listed, or copied, under that one.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    file => files.push(file?),
                }
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// The files of contents that the copy names: key, BLAKE3 and size of each.
fn blobs_of(rows: &[Row], folder: &Path) -> Result<Vec<BackupFile>, DbError> {
    rows.iter()
        .map(|row| {
            let key: String = row.get(0)?;
            Ok(BackupFile {
                path: format!("blobs/{key}"),
                size: row.get(2)?,
                blake3: Some(row.get(1)?),
                is_final: true,
                place: folder.join(&key),
            })
        })
        .collect()
}
