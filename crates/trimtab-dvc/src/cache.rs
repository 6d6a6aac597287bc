//! Outputs by content, in DVC's layout: `files/md5/ab/cdef…`, mode 0444 set last, so that an object that can be seen
//! and trusted is whole even after a power cut.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::{
    Digest, DvcError, Manifest, ManifestEntry,
    hash::{folder_digest, hash_and_copy, hash_file, walk},
};

const PROTECTED: u32 = 0o444;

/// How a file of the cache comes into the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LinkType {
    /// A copy; it shares the cache's blocks where the file system can.
    #[default]
    Copy,
    /// A second name for the same, read-only file.
    Hardlink,
    /// A link to the read-only file.
    Symlink,
}

/// A cache of contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    root: PathBuf,
    links: LinkType,
}

impl Cache {
    /// The cache in this folder, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>, links: LinkType) -> Self {
        Self {
            root: root.into(),
            links,
        }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where an object is, or would be.
    pub fn object(&self, md5: &str) -> PathBuf {
        let (folder, name) = md5.split_at_checked(2).unwrap_or((md5, ""));
        self.root.join("files").join("md5").join(folder).join(name)
    }

    /// Keeps a file or folder by content: files first, a folder's manifest last.
    pub fn add(&self, path: &Path) -> Result<Digest, DvcError> {
        let metadata = fs::metadata(path).map_err(DvcError::file("read", path))?;
        if !metadata.is_dir() {
            return self.add_file(path);
        }
        let mut size = 0;
        let mut entries = Vec::new();
        for (relpath, file) in walk(path)? {
            let digest = self.add_file(&file)?;
            size += digest.size;
            entries.push(ManifestEntry {
                relpath,
                md5: digest.md5,
            });
        }
        let manifest = Manifest::new(entries);
        let digest = folder_digest(&manifest, size);
        self.put(&digest.md5, |file| file.write_all(&manifest.bytes()))?;
        Ok(digest)
    }

    fn add_file(&self, path: &Path) -> Result<Digest, DvcError> {
        let mut temporary = self.temporary()?;
        let digest = hash_and_copy(path, temporary.as_file_mut())?;
        self.keep(temporary, &digest.md5)?;
        Ok(digest)
    }

    fn put(
        &self,
        md5: &str,
        write: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> Result<(), DvcError> {
        if self.is_kept(md5) {
            return Ok(());
        }
        let mut temporary = self.temporary()?;
        write(temporary.as_file_mut()).map_err(DvcError::file("write", temporary.path()))?;
        self.keep(temporary, md5)
    }

    fn temporary(&self) -> Result<tempfile::NamedTempFile, DvcError> {
        let folder = self.root.join("trimtab-tmp");
        fs::create_dir_all(&folder).map_err(DvcError::file("make", &folder))?;
        tempfile::NamedTempFile::new_in(&folder).map_err(DvcError::file("write in", &folder))
    }

    fn keep(&self, temporary: tempfile::NamedTempFile, md5: &str) -> Result<(), DvcError> {
        if self.is_kept(md5) {
            return Ok(());
        }
        let object = self.object(md5);
        let folder = object.parent().unwrap_or(&self.root);
        let failed = || DvcError::file("write", &object);
        temporary.as_file().sync_all().map_err(failed())?;
        fs::create_dir_all(folder).map_err(DvcError::file("make", folder))?;
        temporary
            .persist(&object)
            .map_err(|error| failed()(error.error))?;
        sync_folder(folder).map_err(failed())?;
        fs::set_permissions(&object, Permissions::from_mode(PROTECTED)).map_err(failed())
    }

    /// Whether an object is there and whole. Mode 0444 says so; any other mode makes us look, and mend or remove it.
    fn is_kept(&self, md5: &str) -> bool {
        let object = self.object(md5);
        let Ok(metadata) = fs::symlink_metadata(&object) else {
            return false;
        };
        if metadata.permissions().mode() & 0o777 == PROTECTED {
            return true;
        }
        let is_whole =
            hash_file(&object).is_ok_and(|digest| digest.md5 == md5.trim_end_matches(".dir"));
        let mended = if is_whole {
            fs::set_permissions(&object, Permissions::from_mode(PROTECTED))
        } else {
            fs::remove_file(&object)
        };
        if let Err(error) = mended {
            tracing::warn!(object = %object.display(), %error, "cannot mend a cached object");
        }
        is_whole
    }

    /// Whether everything of this content is here: of a folder the manifest and every file.
    pub fn contains(&self, md5: &str) -> bool {
        if !self.is_kept(md5) {
            return false;
        }
        if !md5.ends_with(".dir") {
            return true;
        }
        self.manifest(md5).is_ok_and(|manifest| {
            manifest
                .entries()
                .iter()
                .all(|entry| self.is_kept(&entry.md5))
        })
    }

    fn manifest(&self, md5: &str) -> Result<Manifest, DvcError> {
        let object = self.object(md5);
        let bytes = fs::read(&object).map_err(DvcError::file("read", &object))?;
        Manifest::parse(&bytes).ok_or_else(|| DvcError::Damaged {
            md5: md5.to_owned(),
        })
    }

    /// Puts a content at a path, in place of what is there.
    pub fn checkout(&self, md5: &str, is_executable: bool, to: &Path) -> Result<(), DvcError> {
        if !self.contains(md5) {
            return Err(DvcError::NotCached {
                path: to.display().to_string(),
                md5: md5.to_owned(),
            });
        }
        remove(to)?;
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(DvcError::file("make", folder))?;
        }
        if !md5.ends_with(".dir") {
            return self.link(md5, is_executable, to);
        }
        fs::create_dir_all(to).map_err(DvcError::file("make", to))?;
        for entry in self.manifest(md5)?.entries() {
            let file = to.join(&entry.relpath);
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder).map_err(DvcError::file("make", folder))?;
            }
            self.link(&entry.md5, false, &file)?;
        }
        Ok(())
    }

    fn link(&self, md5: &str, is_executable: bool, to: &Path) -> Result<(), DvcError> {
        let object = self.object(md5);
        let linked = match self.links {
            LinkType::Copy => false,
            LinkType::Hardlink => fs::hard_link(&object, to).is_ok(),
            LinkType::Symlink => std::os::unix::fs::symlink(&object, to).is_ok(),
        };
        if linked {
            return Ok(());
        }
        let copy = || -> io::Result<()> {
            let mode = if is_executable { 0o777 } else { 0o666 };
            let mut target = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(mode)
                .open(to)?;
            io::copy(&mut File::open(&object)?, &mut target)?;
            Ok(())
        };
        copy().map_err(DvcError::file("write", to))
    }
}

/// Removes a file, link or folder, if it is there.
pub fn remove(path: &Path) -> Result<(), DvcError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    removed.map_err(DvcError::file("remove", path))
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Writes a file so that a reader, and a power cut, see the old or the new content and nothing between.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<(), DvcError> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let write = || -> io::Result<()> {
        let mut temporary = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)?;
        if let Ok(metadata) = fs::metadata(path) {
            temporary
                .as_file()
                .set_permissions(metadata.permissions())?;
        }
        temporary.write_all(content)?;
        temporary.as_file().sync_all()?;
        temporary.persist(path).map_err(|error| error.error)?;
        sync_folder(folder)
    };
    write().map_err(DvcError::file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_goes_in_comes_out() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"), LinkType::Copy);
        let data = folder.path().join("data");
        fs::create_dir_all(data.join("a")).unwrap();
        fs::write(data.join("a/z"), "foo").unwrap();
        fs::write(data.join("b"), "").unwrap();
        let digest = cache.add(&data).unwrap();
        assert_eq!(
            (digest.size, digest.nfiles, digest.is_folder()),
            (3, Some(2), true)
        );
        assert_eq!(
            mode(&cache.object("acbd18db4cc2f85cedef654fccc4a4d8")),
            0o444
        );
        let copy = folder.path().join("copy");
        fs::create_dir_all(copy.join("old")).unwrap();
        cache.checkout(&digest.md5, false, &copy).unwrap();
        assert_eq!(fs::read_to_string(copy.join("a/z")).unwrap(), "foo");
        assert!(!copy.join("old").exists() && mode(&copy.join("b")) & 0o200 != 0);
        assert_eq!(crate::hash_path(&copy).unwrap().0, digest);
        assert_eq!(
            fs::read_dir(cache.root().join("trimtab-tmp"))
                .unwrap()
                .count(),
            0
        );

        let linking = Cache::new(cache.root(), LinkType::Hardlink);
        linking.checkout(&digest.md5, false, &copy).unwrap();
        assert_eq!(mode(&copy.join("b")), 0o444);
    }

    #[test]
    fn a_damaged_object_is_found_out_and_a_whole_one_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"), LinkType::Copy);
        let file = folder.path().join("file");
        fs::write(&file, "foo").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
        let digest = cache.add(&file).unwrap();
        assert!(digest.is_executable);
        let object = cache.object(&digest.md5);
        fs::set_permissions(&object, Permissions::from_mode(0o644)).unwrap();
        assert!(cache.contains(&digest.md5));
        assert_eq!(mode(&object), 0o444);
        fs::set_permissions(&object, Permissions::from_mode(0o644)).unwrap();
        fs::write(&object, "fo").unwrap();
        assert!(!cache.contains(&digest.md5) && !object.exists());
        assert!(matches!(
            cache.checkout(&digest.md5, true, &file),
            Err(DvcError::NotCached { .. })
        ));
        assert_eq!(fs::read_to_string(&file).unwrap(), "foo");
        cache.add(&file).unwrap();
        cache
            .checkout(&digest.md5, true, &folder.path().join("again"))
            .unwrap();
        assert!(mode(&folder.path().join("again")) & 0o100 != 0);
    }

    #[test]
    fn a_folder_whose_file_is_missing_is_not_contained() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"), LinkType::Copy);
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::write(data.join("a"), "foo").unwrap();
        let digest = cache.add(&data).unwrap();
        fs::remove_file(cache.object("acbd18db4cc2f85cedef654fccc4a4d8")).unwrap();
        assert!(!cache.contains(&digest.md5));
    }
}
