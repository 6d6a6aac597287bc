//! Which crates changed since the branch left its upstream, and who uses them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::metadata::Package;
use crate::shell;
use crate::workplace::Workplace;

/// Files that differ from where the branch left its upstream, with those that are not committed yet.
pub(crate) fn files(place: &Workplace) -> Result<Vec<String>> {
    let base = ["@{upstream}", "origin/main", "origin/HEAD"]
        .iter()
        .find_map(|upstream| git(place, &["merge-base", "HEAD", upstream]).ok())
        .unwrap_or_else(|| "HEAD".to_owned());
    let mut names = git(place, &["diff", "--name-only", base.trim()])?;
    names.push_str(&git(
        place,
        &["ls-files", "--others", "--exclude-standard"],
    )?);
    Ok(names.lines().map(ToOwned::to_owned).collect())
}

fn git(place: &Workplace, arguments: &[&str]) -> Result<String> {
    shell::capture(Command::new("git").current_dir(&place.root).args(arguments))
}

/// The crates that hold any of these files, and every crate of ours that uses one of them.
pub(crate) fn crates(root: &Path, packages: &[Package], files: &[String]) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = packages
        .iter()
        .filter(|package| {
            files
                .iter()
                .any(|file| root.join(file).starts_with(&package.folder))
        })
        .map(|package| package.name.clone())
        .collect();
    loop {
        let users: Vec<String> = packages
            .iter()
            .filter(|package| !names.contains(&package.name))
            .filter(|package| {
                package
                    .dependencies
                    .iter()
                    .any(|dependency| names.contains(&dependency.name))
            })
            .map(|package| package.name.clone())
            .collect();
        if users.is_empty() {
            return names;
        }
        names.extend(users);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;

    #[test]
    fn users_of_a_changed_crate_are_tested_too() {
        let package = |name: &str, uses: &[&str]| Package {
            name: name.to_owned(),
            folder: format!("/r/crates/{name}").into(),
            dependencies: uses
                .iter()
                .map(|name| Dependency {
                    name: (*name).to_owned(),
                    is_dev: false,
                })
                .collect(),
        };
        let packages = [
            package("types", &[]),
            package("db", &["types"]),
            package("data", &["db"]),
            package("stats", &[]),
        ];
        let changed = |files: &[&str]| {
            let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
            crates(Path::new("/r"), &packages, &files)
                .into_iter()
                .collect::<Vec<_>>()
        };
        assert_eq!(changed(&["crates/db/src/lib.rs"]), ["data", "db"]);
        assert_eq!(changed(&["crates/stats/Cargo.toml"]), ["stats"]);
        assert!(changed(&["README.md", "crates/db-other/x"]).is_empty());
    }
}
