//! Files and crates that stay small, and one way to lay out modules.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use crate::files;
use crate::workplace::Workplace;

const FILE_LINES: usize = 600;
const CRATE_LINES: usize = 12_000;

pub(super) fn check(place: &Workplace, files: &[String]) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut crates: BTreeMap<String, usize> = BTreeMap::new();
    for file in files {
        if file.ends_with("/mod.rs") {
            problems.push(format!("{file}: name the module's file after the module"));
        }
        if !files::ends_in(file, "rs") {
            if is_manifest(file) {
                let text = read(place, file)?;
                if !inherits_lints(&text) {
                    problems.push(format!(
                        "{file}: say `[lints] workspace = true`, so that one set of lints holds"
                    ));
                }
            }
            continue;
        }
        if is_test(file) {
            continue;
        }
        let lines = lines_outside_tests(&read(place, file)?);
        if lines > FILE_LINES {
            problems.push(format!(
                "{file}: {lines} lines outside tests, {FILE_LINES} at most; look for the seam"
            ));
        }
        if let Some((name, _)) = file
            .strip_prefix("crates/")
            .and_then(|rest| rest.split_once('/'))
        {
            *crates.entry(name.to_owned()).or_default() += lines;
        }
    }
    for (name, lines) in crates {
        if lines > CRATE_LINES {
            problems.push(format!(
                "crates/{name}: {lines} lines outside tests, {CRATE_LINES} at most; split it"
            ));
        }
    }
    Ok(problems)
}

fn read(place: &Workplace, file: &str) -> Result<String> {
    std::fs::read_to_string(place.root.join(file)).with_context(|| format!("cannot read {file}"))
}

fn is_manifest(file: &str) -> bool {
    file.ends_with("/Cargo.toml")
        && (["crates/", "bench/", "xtask/"]
            .iter()
            .any(|top| file.starts_with(top)))
}

fn inherits_lints(manifest: &str) -> bool {
    manifest
        .split_once("[lints]")
        .is_some_and(|(_, rest)| rest.trim_start().starts_with("workspace = true"))
}

/// Files that hold nothing but tests, benches or examples.
fn is_test(file: &str) -> bool {
    file.ends_with("/tests.rs")
        || ["/tests/", "/benches/", "/examples/"]
            .iter()
            .any(|folder| file.contains(folder))
}

/// Lines up to an inline test module, which by the house's custom is the last thing in a file.
fn lines_outside_tests(text: &str) -> usize {
    let mut count = 0;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let opens_tests = line == "#[cfg(test)]"
            && lines
                .peek()
                .is_some_and(|next| next.starts_with("mod ") && next.ends_with('{'));
        if opens_tests {
            return count;
        }
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place_with(files: &[(&str, String)]) -> (Workplace, Vec<String>) {
        let root = crate::files::temporary_folder("sizes").unwrap();
        for (name, text) in files {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let names = files.iter().map(|(name, _)| (*name).to_owned()).collect();
        let target = root.join("target");
        (Workplace { root, target }, names)
    }

    fn check_files(files: &[(&str, String)]) -> Vec<String> {
        let (place, names) = place_with(files);
        let problems = check(&place, &names).unwrap();
        std::fs::remove_dir_all(place.root).unwrap();
        problems
    }

    #[test]
    fn a_long_file_is_named_with_its_length() {
        assert_eq!(
            check_files(&[
                ("crates/a/src/long.rs", "x\n".repeat(601)),
                ("crates/a/src/right.rs", "x\n".repeat(600)),
            ]),
            ["crates/a/src/long.rs: 601 lines outside tests, 600 at most; look for the seam"]
        );
    }

    #[test]
    fn tests_may_be_long() {
        let inline = format!(
            "{}#[cfg(test)]\nmod tests {{\n{}}}\n",
            "x\n".repeat(600),
            "y\n".repeat(500)
        );
        assert!(
            check_files(&[
                ("crates/a/src/a.rs", inline),
                ("crates/a/src/a/tests.rs", "x\n".repeat(900)),
                ("crates/a/tests/it/main.rs", "x\n".repeat(900)),
            ])
            .is_empty()
        );
    }

    #[test]
    fn a_test_attribute_on_one_item_does_not_end_the_count() {
        assert_eq!(lines_outside_tests("a\n#[cfg(test)]\nuse b;\nc\n"), 4);
    }

    #[test]
    fn a_crate_has_a_bound_too() {
        let files: Vec<(String, String)> = (0..21)
            .map(|n| (format!("crates/a/src/f{n}.rs"), "x\n".repeat(600)))
            .collect();
        let files: Vec<(&str, String)> = files
            .iter()
            .map(|(name, text)| (name.as_str(), text.clone()))
            .collect();
        assert_eq!(
            check_files(&files),
            ["crates/a: 12600 lines outside tests, 12000 at most; split it"]
        );
    }

    #[test]
    fn no_mod_rs_and_the_lints_of_the_workspace() {
        let problems = check_files(&[
            ("crates/a/src/b/mod.rs", "x\n".to_owned()),
            ("crates/a/Cargo.toml", "[package]\n".to_owned()),
            (
                "crates/b/Cargo.toml",
                "[lints]\nworkspace = true\n".to_owned(),
            ),
        ]);
        assert_eq!(problems.len(), 2, "{problems:?}");
    }
}
