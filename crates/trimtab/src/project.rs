//! A project on disk: its trimtab.yaml and the commit that the server will work from.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde_json::{Value, json};

/// A project folder inside a git repository.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    /// The repository's root.
    pub(crate) repository: PathBuf,
    /// The project's folder below it, `.` for the root itself.
    pub(crate) subfolder: String,
    /// The commit that executions use.
    pub(crate) commit: String,
    /// The text of trimtab.yaml.
    pub(crate) spec: String,
}

impl Project {
    /// Reads a project. Its trimtab.yaml comes from the folder; its code from the commit.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let spec_path = folder.join("trimtab.yaml");
        let spec = std::fs::read_to_string(&spec_path)
            .with_context(|| format!("cannot read {}", spec_path.display()))?;
        let folder = folder
            .canonicalize()
            .with_context(|| format!("cannot find {}", folder.display()))?;
        let Ok(root) = git(&folder, &["rev-parse", "--show-toplevel"]) else {
            bail!(
                "{} is not in a git repository; the server works from a recorded commit (hint: git init && git add -A && git commit -m start)",
                folder.display()
            );
        };
        let repository = PathBuf::from(root).canonicalize()?;
        let commit = git(&folder, &["rev-parse", "HEAD"]).with_context(|| {
            format!(
                "{} has no commit yet (hint: git commit)",
                repository.display()
            )
        })?;
        let below = folder
            .strip_prefix(&repository)
            .context("the project lies outside its repository")?;
        let subfolder = if below.as_os_str().is_empty() {
            ".".to_owned()
        } else {
            below.to_string_lossy().into_owned()
        };
        Ok(Self {
            repository,
            subfolder,
            commit,
            spec,
        })
    }

    /// A warning where files differ from the commit: what the server runs is the commit.
    pub(crate) fn uncommitted(&self) -> Option<String> {
        let folder = self.repository.join(&self.subfolder);
        let said = git(
            &folder,
            &["status", "--porcelain", "--untracked-files=no", "."],
        )
        .ok()?;
        let files: Vec<&str> = said
            .lines()
            .filter_map(|line| line.split_whitespace().last())
            .filter(|file| !file.ends_with("trimtab.yaml"))
            .collect();
        let first = files.first()?;
        let more = match files.len() {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        let commit = self.commit.get(..8).unwrap_or(&self.commit);
        Some(format!(
            "warning: {first}{more} has changes that are not committed; stages run from commit {commit}"
        ))
    }

    /// The body of `POST /api/v1/apply`.
    pub(crate) fn apply_request(&self) -> Value {
        json!({
            "project": { "git": self.repository, "subfolder": self.subfolder, "commit": self.commit },
            "spec": self.spec,
        })
    }
}

fn git(folder: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output()
        .context("git cannot be run")?;
    if !output.status.success() {
        bail!(
            "git {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
