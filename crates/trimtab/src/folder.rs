//! The data folder: who may open it, and one process at a time.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use crate::told::{Exit, Told};

/// The version of the folder's layout that this program writes and reads.
const LAYOUT: u32 = 1;
const MAGIC: &str = "TRIMTAB-DATA";

/// Which clock the folder's history was made by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClockKind {
    /// The machine's.
    Live,
    /// One that moves by command.
    Replay,
}

impl ClockKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Replay => "replay",
        }
    }
}

/// A data folder that this process holds.
#[derive(Debug)]
pub(crate) struct DataFolder {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Released when this is dropped.
    _lock: File,
}

impl DataFolder {
    /// Opens a folder, made when it is not there, and holds it.
    pub(crate) fn open(path: &Path, clock: ClockKind) -> anyhow::Result<Self> {
        fs::create_dir_all(path).map_err(|error| unusable("make", path, &error))?;
        require_ours(path)?;
        let lock = hold(path)?;
        check_format(path, clock)?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// A folder inside it, made when it is not there.
    pub(crate) fn inside(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        fs::create_dir_all(&path).map_err(|error| unusable("make", &path, &error))?;
        Ok(path)
    }
}

/// A folder that holds other things is somebody's: ours would lie among them.
fn require_ours(path: &Path) -> anyhow::Result<()> {
    if path.join("FORMAT").exists() {
        return Ok(());
    }
    let error = |error| unusable("read", path, &error);
    for entry in fs::read_dir(path).map_err(error)? {
        let name = entry.map_err(error)?.file_name();
        // A first start that was interrupted; the root of a file system.
        if name != "LOCK" && name != "lost+found" {
            return Err(Told::new(
                Exit::Failed,
                format!(
                    "{} holds other files (`{}`) and is no data folder",
                    path.display(),
                    name.to_string_lossy()
                ),
            )
            .hint(format!(
                "choose an empty folder, or a new one: `--data-dir {}`",
                path.join("trimtab-data").display()
            ))
            .into());
        }
    }
    Ok(())
}

fn hold(path: &Path) -> anyhow::Result<File> {
    let place = path.join("LOCK");
    let mut lock = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&place)
        .map_err(|error| unusable("write in", path, &error))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = lock.read_to_string(&mut holder);
            let holder = match holder.trim() {
                "" => String::new(),
                pid => format!(" (process {pid})"),
            };
            return Err(Told::new(
                Exit::Failed,
                format!("the data folder {} is in use by another Trimtab{holder}", path.display()),
            )
            .hint("stop that one, talk to it instead (`--server`), or choose another folder with `--data-dir`")
            .into());
        }
        Err(TryLockError::Error(error)) => return Err(unusable("lock", &place, &error)),
    }
    let write = || -> io::Result<()> {
        lock.set_len(0)?;
        lock.rewind()?;
        write!(lock, "{}", std::process::id())?;
        lock.flush()
    };
    let mut write = write;
    write().map_err(|error| unusable("write in", path, &error))?;
    Ok(lock)
}

fn check_format(path: &Path, clock: ClockKind) -> anyhow::Result<()> {
    let place = path.join("FORMAT");
    let text = match fs::read_to_string(&place) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let text = format!(
                "{MAGIC} {LAYOUT}\nleast-version {}\nclock {}\n",
                env!("CARGO_PKG_VERSION"),
                clock.as_str()
            );
            return write_synced(path, &place, &text);
        }
        Err(error) => return Err(unusable("read", &place, &error)),
    };
    let mut words = text.split_whitespace();
    let (Some(MAGIC), Some(Ok(layout))) = (words.next(), words.next().map(str::parse::<u32>))
    else {
        return Err(Told::new(
            Exit::Failed,
            format!(
                "{} is not the FORMAT file of a data folder",
                place.display()
            ),
        )
        .hint("choose an empty folder with `--data-dir`")
        .into());
    };
    let value = |key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(key))
            .map(str::trim)
    };
    if layout > LAYOUT {
        let least = value("least-version ").unwrap_or("a newer version");
        return Err(Told::new(
            Exit::Failed,
            format!(
                "the data folder {} was made for Trimtab {least} or newer",
                path.display()
            ),
        )
        .hint(format!(
            "this is Trimtab {}: install the newer one",
            env!("CARGO_PKG_VERSION")
        ))
        .into());
    }
    let made_by = value("clock ").unwrap_or("live");
    if made_by != clock.as_str() {
        let (message, hint) = match clock {
            ClockKind::Replay => (
                "has served live traffic; the replay clock is refused on it",
                "choose a new folder with `--data-dir`",
            ),
            ClockKind::Live => (
                "holds a replay, whose clock stands in its history",
                "open it with `--clock replay`",
            ),
        };
        return Err(Told::new(
            Exit::Failed,
            format!("the data folder {} {message}", path.display()),
        )
        .hint(hint)
        .into());
    }
    Ok(())
}

/// Holds a folder to the database that its records are in: with another one, all of them would seem gone.
pub(crate) fn require_database(path: &Path, is_postgres: bool) -> anyhow::Result<()> {
    const LINE: &str = "database postgres";
    let place = path.join("FORMAT");
    let text = fs::read_to_string(&place).map_err(|error| unusable("read", &place, &error))?;
    let was_postgres = text.lines().any(|line| line == LINE);
    let (message, hint) = match (was_postgres, is_postgres) {
        (true, false) => (
            "belongs to a server whose records are in PostgreSQL",
            "name its database with `--database` (or TRIMTAB_DATABASE)",
        ),
        (false, true) if path.join("trimtab.db").exists() => (
            "holds its records in trimtab.db, and would begin empty in PostgreSQL",
            "leave `--database` out, or start a second server on a new folder and bring the records to it: `trimtab import mlflow http://FIRST --server http://SECOND`",
        ),
        (false, true) => return write_synced(path, &place, &format!("{text}{LINE}\n")),
        (true, true) | (false, false) => return Ok(()),
    };
    Err(Told::new(
        Exit::Failed,
        format!("the data folder {} {message}", path.display()),
    )
    .hint(hint)
    .into())
}

/// Temporary name, sync, rename: a kill in between leaves no half file.
fn write_synced(folder: &Path, place: &Path, text: &str) -> anyhow::Result<()> {
    let write = || -> io::Result<()> {
        let temporary = place.with_extension("new");
        let mut file = File::create(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, place)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|error| unusable("write in", folder, &error))
}

fn unusable(action: &str, path: &Path, error: &io::Error) -> anyhow::Error {
    let hint = match error.kind() {
        io::ErrorKind::StorageFull => "make room on the disk, then start again: nothing is lost",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "choose a folder that you may write to with `--data-dir`"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "that is a file; choose a folder with `--data-dir`"
        }
        _ => "choose another folder with `--data-dir`",
    };
    Told::new(
        Exit::Failed,
        format!("cannot {action} {}: {error}", path.display()),
    )
    .hint(hint)
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_other_files_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("LOCK"), "").unwrap();
        fs::write(folder.path().join("mlflow.db"), "").unwrap();
        let refused = DataFolder::open(folder.path(), ClockKind::Live).unwrap_err();
        assert!(refused.to_string().contains("`mlflow.db`"), "{refused}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        fs::remove_file(folder.path().join("mlflow.db")).unwrap();
        assert!(DataFolder::open(folder.path(), ClockKind::Live).is_ok());
    }

    #[test]
    fn a_folder_stays_with_its_database() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let data = DataFolder::open(&path, ClockKind::Live).unwrap();
        require_database(&path, false).unwrap();
        require_database(&path, true).unwrap();
        require_database(&path, true).unwrap();
        let refused = require_database(&path, false).unwrap_err();
        assert!(refused.to_string().contains("in PostgreSQL"), "{refused}");
        drop(data);
        DataFolder::open(&path, ClockKind::Live).unwrap();
        let path = folder.path().join("embedded");
        let _data = DataFolder::open(&path, ClockKind::Live).unwrap();
        fs::write(path.join("trimtab.db"), "").unwrap();
        let refused = require_database(&path, true).unwrap_err();
        assert!(refused.to_string().contains("trimtab.db"), "{refused}");
    }

    #[test]
    fn one_process_at_a_time_and_its_clock_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let first = DataFolder::open(&path, ClockKind::Live).unwrap();
        let refused = DataFolder::open(&path, ClockKind::Live)
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains(&format!("process {}", std::process::id())),
            "{refused}"
        );
        drop(first);
        let refused = DataFolder::open(&path, ClockKind::Replay).unwrap_err();
        assert!(refused.to_string().contains("live traffic"), "{refused}");
        DataFolder::open(&path, ClockKind::Live).unwrap();
    }

    #[test]
    fn newer_and_foreign_folders_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let format = folder.path().join("FORMAT");
        fs::write(&format, "TRIMTAB-DATA 99\nleast-version 7.0.0\n").unwrap();
        let refused = DataFolder::open(folder.path(), ClockKind::Live).unwrap_err();
        assert!(refused.to_string().contains("7.0.0"), "{refused}");
        fs::write(&format, "something else").unwrap();
        assert!(DataFolder::open(folder.path(), ClockKind::Live).is_err());
        assert!(DataFolder::open(&format, ClockKind::Live).is_err());
    }
}
