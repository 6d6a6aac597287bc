//! System shared memory: regions that a caller on this machine registers, to hand tensors over without sending them.
//!
//! Off unless the configuration says otherwise: whoever registers a region makes the server read and write a file of
//! `/dev/shm` that any process of the same user may own. Regions are read and written as files, not mapped: one copy is
//! what a tensor costs anyway, and a file that its owner cuts off meanwhile is an error, not a signal.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use nix::fcntl::OFlag;
use trimtab_edge::Failure;
use trimtab_types::{ErrorCode, Scope, WorkspaceId};

use crate::MAX_BODY;

/// Regions that a workspace may register.
const MAX_REGIONS: usize = 1_024;

/// The regions of every workspace; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Memory(Option<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    /// Where the system keeps named shared memory.
    folder: PathBuf,
    regions: Mutex<HashMap<(WorkspaceId, String), Region>>,
}

#[derive(Debug, Clone)]
struct Region {
    status: RegionStatus,
    file: Arc<File>,
}

/// A region as its status tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegionStatus {
    pub(crate) name: String,
    pub(crate) key: String,
    pub(crate) offset: u64,
    pub(crate) byte_size: u64,
}

/// A part of a region that holds one tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) region: String,
    pub(crate) offset: u64,
    pub(crate) byte_size: u64,
}

/// The regions of one caller's workspace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Regions<'a> {
    pub(crate) memory: &'a Memory,
    pub(crate) scope: &'a Scope,
}

impl Regions<'_> {
    /// The bytes of a tensor.
    pub(crate) fn read(self, place: &Place) -> Result<Bytes, Failure> {
        self.memory.read(self.scope, place)
    }
}

impl Memory {
    /// No region can be registered.
    pub(crate) fn off() -> Self {
        Self(None)
    }

    /// Regions of this folder can be registered.
    pub(crate) fn of(folder: &Path) -> Self {
        Self(Some(Arc::new(Shared {
            folder: folder.to_owned(),
            regions: Mutex::default(),
        })))
    }

    /// Whether regions can be registered.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The workspace's regions by name, or the one of that name.
    pub(crate) fn status(
        &self,
        scope: &Scope,
        name: Option<&str>,
    ) -> Result<Vec<RegionStatus>, Failure> {
        let Some(shared) = &self.0 else {
            return match name {
                None => Ok(Vec::new()),
                Some(name) => Err(unknown(name)),
            };
        };
        if let Some(name) = name {
            return Ok(vec![shared.region(scope, name)?.status]);
        }
        let regions = shared.lock();
        let mut found: Vec<RegionStatus> = regions
            .iter()
            .filter(|((workspace, _), _)| *workspace == scope.workspace)
            .map(|(_, region)| region.status.clone())
            .collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Registers a region under a name that is free.
    pub(crate) fn register(&self, scope: &Scope, status: RegionStatus) -> Result<(), Failure> {
        let shared = self.shared()?;
        let refused = |field: &str, reason: String| {
            Failure::invalid(field, format!("region `{}`: {reason}", status.name))
        };
        if status.name.is_empty() {
            return Err(Failure::invalid("name", "a region needs a name"));
        }
        let file = status.key.strip_prefix('/').unwrap_or(&status.key);
        let is_one_name =
            !file.is_empty() && !matches!(file, "." | "..") && !file.contains(['/', '\0']);
        if !is_one_name {
            return Err(refused(
                "key",
                format!("`{}` is no key of shared memory", status.key),
            ));
        }
        let end = status.offset.checked_add(status.byte_size);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            // A link could lead anywhere; a pipe would wait for its other end.
            .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
            .open(shared.folder.join(file))
            .map_err(|error| refused("key", format!("`{}`: {error}", status.key)))?;
        let metadata = file
            .metadata()
            .map_err(|error| refused("key", error.to_string()))?;
        if !metadata.is_file() {
            return Err(refused("key", format!("`{}` is no file", status.key)));
        }
        if status.byte_size == 0 || end.is_none_or(|end| end > metadata.len()) {
            return Err(refused(
                "byte_size",
                format!(
                    "{} bytes from {} on are not within the {} bytes of `{}`",
                    status.byte_size,
                    status.offset,
                    metadata.len(),
                    status.key
                ),
            ));
        }
        let mut regions = shared.lock();
        let own = regions
            .keys()
            .filter(|(workspace, _)| *workspace == scope.workspace);
        if own.count() >= MAX_REGIONS {
            return Err(Failure::new(
                ErrorCode::Limited { retry_after: None },
                format!("the workspace has {MAX_REGIONS} regions, which is the most"),
            )
            .hint("unregister those that are not used"));
        }
        let key = (scope.workspace.clone(), status.name.clone());
        if regions.contains_key(&key) {
            return Err(Failure::new(
                ErrorCode::AlreadyExists,
                format!("region `{}` is registered already", status.name),
            ));
        }
        let region = Region {
            status,
            file: Arc::new(file),
        };
        regions.insert(key, region);
        Ok(())
    }

    /// Forgets a region, or all of the workspace; one that is not there is forgotten already.
    pub(crate) fn unregister(&self, scope: &Scope, name: Option<&str>) {
        if let Some(shared) = &self.0 {
            shared.lock().retain(|(workspace, of), _| {
                *workspace != scope.workspace || name.is_some_and(|name| name != of)
            });
        }
    }

    /// The bytes of a tensor.
    fn read(&self, scope: &Scope, place: &Place) -> Result<Bytes, Failure> {
        let region = self.shared()?.region(scope, &place.region)?;
        let (from, length) = place.within(&region.status)?;
        // Room is made for what is there: the file may have been cut off since.
        let there = region.file.metadata().map_or(0, |metadata| metadata.len());
        if from.saturating_add(length as u64) > there {
            return Err(place.failed("it was cut off"));
        }
        let mut bytes = vec![0; length];
        region
            .file
            .read_exact_at(&mut bytes, from)
            .map_err(|error| place.failed(&error.to_string()))?;
        Ok(bytes.into())
    }

    /// Puts a tensor's bytes in place.
    pub(crate) fn write(&self, scope: &Scope, place: &Place, bytes: &[u8]) -> Result<(), Failure> {
        let region = self.shared()?.region(scope, &place.region)?;
        let (from, room) = place.within(&region.status)?;
        if bytes.len() > room {
            return Err(place.failed(&format!("the output has {} bytes", bytes.len())));
        }
        // A file that was cut off must not grow again by our hand.
        let there = region.file.metadata().map_or(0, |metadata| metadata.len());
        if from.saturating_add(bytes.len() as u64) > there {
            return Err(place.failed("it was cut off"));
        }
        region
            .file
            .write_all_at(bytes, from)
            .map_err(|error| place.failed(&error.to_string()))
    }

    fn shared(&self) -> Result<&Shared, Failure> {
        self.0.as_deref().ok_or_else(|| {
            Failure::new(
                ErrorCode::Unsupported,
                "system shared memory is switched off on this server",
            )
            .hint("set `shared_memory = true` in trimtab.toml where every process of this user is trusted")
        })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<(WorkspaceId, String), Region>> {
        self.regions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn region(&self, scope: &Scope, name: &str) -> Result<Region, Failure> {
        let key = (scope.workspace.clone(), name.to_owned());
        self.lock().get(&key).cloned().ok_or_else(|| unknown(name))
    }
}

impl Place {
    /// Where it begins in the file, and how long it is.
    fn within(&self, region: &RegionStatus) -> Result<(u64, usize), Failure> {
        let end = self.offset.checked_add(self.byte_size);
        if end.is_none_or(|end| end > region.byte_size) {
            return Err(self.failed(&format!("the region has {} bytes", region.byte_size)));
        }
        match usize::try_from(self.byte_size) {
            Ok(length) if length <= MAX_BODY => Ok((region.offset + self.offset, length)),
            _ => Err(self.failed(&format!("a tensor has at most {MAX_BODY} bytes"))),
        }
    }

    fn failed(&self, reason: &str) -> Failure {
        Failure::invalid(
            "shared_memory_region",
            format!(
                "{} bytes from {} on of region `{}`: {reason}",
                self.byte_size, self.offset, self.region
            ),
        )
    }
}

fn unknown(name: &str) -> Failure {
    Failure::not_found(format!("there is no shared memory region `{name}`"))
}

/// The refusal of all that concerns memory of GPUs.
pub(crate) fn no_cuda() -> Failure {
    Failure::new(
        ErrorCode::Unsupported,
        "CUDA shared memory is not supported: models read their inputs from main memory",
    )
    .hint("send tensors in binary form, or register system shared memory")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn status(key: &str, offset: u64, byte_size: u64) -> RegionStatus {
        RegionStatus {
            name: "r".to_owned(),
            key: key.to_owned(),
            offset,
            byte_size,
        }
    }

    fn place(offset: u64, byte_size: u64) -> Place {
        Place {
            region: "r".to_owned(),
            offset,
            byte_size,
        }
    }

    #[test]
    fn tensors_go_through_a_region_and_stay_within_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        fs::write(&file, b"0123456789").unwrap();
        let (memory, scope) = (Memory::of(folder.path()), Scope::local());
        memory.register(&scope, status("/key", 2, 6)).unwrap();
        assert_eq!(memory.read(&scope, &place(1, 3)).unwrap(), "345");
        memory.write(&scope, &place(4, 2), b"x").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"012345x789");
        for (offset, size) in [(0, 7), (5, 2), (u64::MAX, 1), (1, u64::MAX)] {
            let refused = memory.read(&scope, &place(offset, size)).unwrap_err();
            assert!(
                refused.message.contains("the region has 6 bytes"),
                "{refused:?}"
            );
        }
        let refused = memory.write(&scope, &place(0, 2), b"abc").unwrap_err();
        assert!(refused.message.contains("the output has 3 bytes"));
        // Another workspace has regions of its own.
        let other = Scope {
            workspace: WorkspaceId::new("other").unwrap(),
            ..scope.clone()
        };
        assert_eq!(
            memory.read(&other, &place(0, 1)).unwrap_err().code,
            ErrorCode::NotFound
        );
        memory.register(&other, status("key", 0, 10)).unwrap();
        let taken = memory.register(&scope, status("key", 0, 1)).unwrap_err();
        assert_eq!(taken.code, ErrorCode::AlreadyExists);
        // The owner cuts the file off: nothing is read, and nothing grows.
        fs::write(&file, b"01").unwrap();
        assert!(
            memory
                .read(&scope, &place(0, 1))
                .unwrap_err()
                .message
                .contains("cut off")
        );
        assert!(memory.write(&scope, &place(0, 1), b"x").is_err());
        assert_eq!(fs::read(&file).unwrap().len(), 2);
        memory.unregister(&scope, None);
        assert!(memory.status(&scope, None).unwrap().is_empty());
        assert_eq!(memory.status(&other, Some("r")).unwrap()[0].byte_size, 10);
    }

    #[test]
    fn what_is_no_region_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("shm");
        fs::create_dir_all(inside.join("folder")).unwrap();
        fs::write(folder.path().join("secret"), b"0123").unwrap();
        fs::write(inside.join("key"), b"0123").unwrap();
        std::os::unix::fs::symlink("../secret", inside.join("link")).unwrap();
        let (memory, scope) = (Memory::of(&inside), Scope::local());
        for (key, offset, size) in [
            ("../secret", 0, 1),
            ("/../secret", 0, 1),
            ("..", 0, 1),
            ("link", 0, 1),
            ("folder", 0, 1),
            ("none", 0, 1),
            ("", 0, 1),
            ("k\0y", 0, 1),
            ("key", 0, 5),
            ("key", 4, 1),
            ("key", u64::MAX, 2),
            ("key", 0, 0),
        ] {
            let refused = memory.register(&scope, status(key, offset, size));
            assert!(
                matches!(refused.unwrap_err().code, ErrorCode::Invalid { .. }),
                "{key}"
            );
        }
        let off = Memory::off()
            .register(&scope, status("key", 0, 1))
            .unwrap_err();
        assert_eq!(off.code, ErrorCode::Unsupported);
        assert!(off.hint.unwrap().contains("shared_memory = true"));
    }
}
