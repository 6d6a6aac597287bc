//! Stamps: a file beside the product that holds a digest of what it was made from, so that doing nothing is quick.

use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::workplace::Workplace;

#[derive(Debug)]
pub(crate) struct Stamp {
    file: PathBuf,
    digest: String,
}

impl Stamp {
    /// A stamp over the contents of files, and of folders with all that is in them.
    pub(crate) fn of(place: &Workplace, name: &str, inputs: &[PathBuf]) -> Result<Self> {
        let mut hasher = DefaultHasher::new();
        for input in inputs {
            feed(&mut hasher, input)?;
        }
        Ok(Self {
            file: place.scratch().join(format!("{name}.stamp")),
            digest: format!("{:016x}", hasher.finish()),
        })
    }

    pub(crate) fn is_fresh(&self) -> bool {
        std::fs::read_to_string(&self.file).is_ok_and(|kept| kept == self.digest)
    }

    pub(crate) fn save(&self) -> Result<()> {
        if let Some(folder) = self.file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&self.file, &self.digest)
            .with_context(|| format!("cannot write {}", self.file.display()))
    }
}

fn feed(hasher: &mut DefaultHasher, path: &Path) -> Result<()> {
    if path.is_dir() {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(path)
            .with_context(|| format!("cannot list {}", path.display()))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        entries.sort();
        for entry in entries {
            feed(hasher, &entry)?;
        }
    } else if path.is_file() {
        let contents =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        hasher.write(path.to_string_lossy().as_bytes());
        hasher.write_u8(0);
        hasher.write(&contents);
        hasher.write_usize(contents.len());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_makes_the_stamp_stale() {
        let root = crate::files::temporary_folder("stamp").unwrap();
        let place = Workplace {
            root: root.clone(),
            target: root.join("target"),
        };
        let input = root.join("inputs");
        std::fs::create_dir_all(input.join("deep")).unwrap();
        std::fs::write(input.join("deep/a"), "1").unwrap();
        let stamp = || Stamp::of(&place, "x", std::slice::from_ref(&input)).unwrap();
        assert!(!stamp().is_fresh());
        stamp().save().unwrap();
        assert!(stamp().is_fresh());
        std::fs::write(input.join("deep/a"), "2").unwrap();
        assert!(!stamp().is_fresh());
        std::fs::remove_dir_all(root).unwrap();
    }
}
