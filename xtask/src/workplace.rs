//! Where things are: the repository's root, the target folder, the Python environment.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The profile that everything but a release is built with.
pub(crate) const PROFILE: &str = "ci";

#[derive(Debug)]
pub(crate) struct Workplace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
}

impl Workplace {
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask has no parent folder")?
            .to_path_buf();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => root.join(folder),
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// A binary of ours as profile `ci` builds it.
    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        self.target.join(PROFILE).join(name)
    }

    /// The Python of `.venv`, made by `cargo xtask setup`.
    pub(crate) fn python(&self) -> PathBuf {
        self.root.join(".venv/bin/python")
    }

    /// Marks of what was done already, and small tools.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.target.join("xtask")
    }

    /// Where tests leave what a person may want to look at.
    pub(crate) fn test_output(&self) -> PathBuf {
        self.target.join("test-output")
    }
}
