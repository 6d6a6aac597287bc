//! Lock files: they pin what is installed, and name no registry's address, so that they work behind any mirror.
//! `Cargo.lock` is as cargo writes it.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::files;
use crate::workplace::Workplace;

pub(super) fn check(place: &Workplace, files: &[String]) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for file in files {
        let name = file.rsplit('/').next().unwrap_or(file);
        if name == "Cargo.lock" {
            let text = std::fs::read_to_string(place.root.join(file))
                .with_context(|| format!("cannot read {file}"))?;
            problems.extend(second_versions(&text));
        }
        let is_npm = name == "package-lock.json";
        let is_python = name.starts_with("requirements") && files::ends_in(name, "txt");
        if !is_npm && !is_python {
            continue;
        }
        let text = std::fs::read_to_string(place.root.join(file))
            .with_context(|| format!("cannot read {file}"))?;
        let found = if is_npm {
            npm(&text)?
        } else {
            requirements(&text)
        };
        problems.extend(
            found
                .into_iter()
                .map(|problem| format!("{file}: {problem}")),
        );
    }
    Ok(problems)
}

/// Crates whose two versions could not exchange a value.
const ONE_VERSION: &[&str] = &[
    "arrow",
    "arrow-array",
    "arrow-schema",
    "parquet",
    "object_store",
];

/// Second versions of crates that may have only one.
fn second_versions(text: &str) -> Vec<String> {
    ONE_VERSION
        .iter()
        .filter_map(|name| {
            let entry = format!("name = \"{name}\"\n");
            let count = text.matches(entry.as_str()).count();
            (count > 1).then(|| {
                format!("Cargo.lock: {count} versions of `{name}`; it is set once in the workspace")
            })
        })
        .collect()
}

/// Packages of a `package-lock.json` that name where they were downloaded.
fn npm(text: &str) -> Result<Vec<String>> {
    let value: Value = serde_json::from_str(text).context("package-lock.json is no JSON")?;
    let mut problems = Vec::new();
    for (name, package) in value["packages"].as_object().into_iter().flatten() {
        if package.get("resolved").is_some() {
            problems.push(format!(
                "`{name}` names a registry's address; set omit-lockfile-registry-resolved=true in ui/.npmrc and lock again"
            ));
        }
        let is_ours = name.is_empty() || package.get("link").is_some();
        if !is_ours && package.get("integrity").is_none() {
            problems.push(format!("`{name}` has no integrity hash"));
        }
    }
    Ok(problems)
}

/// Requirements without a pinned version or a hash, and addresses of indexes.
fn requirements(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for line in text.replace("\\\n", " ").lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.contains("://") || line.starts_with("--index") || line.starts_with("--extra") {
            problems.push(format!("an address: `{}`", head(line)));
        } else if !line.contains("==") || !line.contains("--hash=sha256:") {
            problems.push(format!("no pinned version with hashes: `{}`", head(line)));
        }
    }
    problems
}

fn head(line: &str) -> &str {
    line.split_whitespace().next().unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_address_in_an_npm_lock_is_found() {
        let text = r#"{"packages": {
            "": {"name": "ui"},
            "node_modules/good": {"version": "1.0.0", "integrity": "sha512-x", "funding": {"url": "https://example.org"}},
            "node_modules/bad": {"version": "1.0.0", "integrity": "sha512-x", "resolved": "https://registry.example/bad.tgz"},
            "node_modules/bare": {"version": "1.0.0"}}}"#;
        let problems = npm(text).unwrap();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("`node_modules/bad` names"));
        assert!(problems[1].starts_with("`node_modules/bare` has no"));
    }

    #[test]
    fn arrow_has_one_version() {
        let one = "[[package]]\nname = \"arrow\"\nversion = \"59.0.0\"\n";
        assert!(second_versions(one).is_empty());
        let two = format!("{one}[[package]]\nname = \"arrow\"\nversion = \"58.0.0\"\n");
        assert_eq!(
            second_versions(&two),
            ["Cargo.lock: 2 versions of `arrow`; it is set once in the workspace"]
        );
    }

    #[test]
    fn requirements_are_pinned_and_hashed() {
        let good = "# made by uv\nnumpy==2.0.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n    # via pandas\n";
        assert!(requirements(good).is_empty());
        assert_eq!(
            requirements(
                "--index-url https://pypi.example/simple\nnumpy==2.0.0\nscipy>=1 --hash=sha256:aa\n"
            ),
            [
                "an address: `--index-url`",
                "no pinned version with hashes: `numpy==2.0.0`",
                "no pinned version with hashes: `scipy>=1`"
            ]
        );
    }
}
