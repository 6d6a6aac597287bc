//! The workspace's crates and the arrows between them, as `cargo metadata` says.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::shell;
use crate::workplace::Workplace;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    /// Every direct dependency, of the build and of the tests too, ours and others'.
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Used by tests, examples and benches only.
    pub(crate) is_dev: bool,
}

/// The crates of the workspace, sorted by name.
pub(crate) fn packages(place: &Workplace) -> Result<Vec<Package>> {
    let text = shell::capture(shell::cargo(place).args([
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
    ]))?;
    parse(&text)
}

fn parse(text: &str) -> Result<Vec<Package>> {
    let value: Value = serde_json::from_str(text).context("cargo metadata wrote no JSON")?;
    let mut packages = value["packages"]
        .as_array()
        .context("cargo metadata names no packages")?
        .iter()
        .map(package)
        .collect::<Option<Vec<_>>>()
        .context("cargo metadata has a package without name or path")?;
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(packages)
}

fn package(value: &Value) -> Option<Package> {
    let manifest = Path::new(value["manifest_path"].as_str()?);
    let dependencies = value["dependencies"]
        .as_array()?
        .iter()
        .filter_map(|dependency| {
            Some(Dependency {
                name: dependency["name"].as_str()?.to_owned(),
                is_dev: dependency["kind"].as_str() == Some("dev"),
            })
        })
        .collect();
    Some(Package {
        name: value["name"].as_str()?.to_owned(),
        folder: manifest.parent()?.to_path_buf(),
        dependencies,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_and_their_arrows_are_read() {
        let text = r#"{"packages": [{"name": "b", "manifest_path": "/r/crates/b/Cargo.toml", "dependencies": [
            {"name": "a", "kind": null}, {"name": "t", "kind": "dev"}]}]}"#;
        let packages = parse(text).unwrap();
        assert_eq!(packages.len(), 1);
        assert_eq!(packages[0].folder, Path::new("/r/crates/b"));
        assert!(!packages[0].dependencies[0].is_dev);
        assert!(packages[0].dependencies[1].is_dev);
    }
}
