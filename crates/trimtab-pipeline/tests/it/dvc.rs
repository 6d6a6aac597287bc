//! Against what DVC 3.67.1 itself wrote: `golden/make.sh` ran it on `golden/project`, and here we run on the same.
//! With `TRIMTAB_DVC` naming a `dvc`, the two also take turns on one repository.

use std::{
    fmt::Write,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use trimtab_pipeline::{ExecutionStatus, ReproOptions, StageStatus, repro};

use crate::support::git;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/golden")
        .join(name)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

fn files(folder: &Path, prefix: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.join(prefix))
        .unwrap()
        .map(Result::unwrap)
    {
        let path = format!("{prefix}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(folder, &path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn project() -> (tempfile::TempDir, PathBuf) {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path().join("project");
    copy(&golden("project"), &root);
    git(&root, &["init", "-q"]);
    (temporary, root)
}

fn statuses(root: &Path) -> Vec<StageStatus> {
    let report = repro(root, &[], ReproOptions::default(), &|_| {}).unwrap();
    assert_eq!(report.status, ExecutionStatus::Succeeded, "{report:?}");
    report.stages.iter().map(|stage| stage.status).collect()
}

#[test]
fn every_file_is_as_dvc_writes_it() {
    let (_temporary, root) = project();
    fs::create_dir(root.join(".dvc")).unwrap();
    statuses(&root);
    let read = |path: PathBuf| fs::read_to_string(path).unwrap();
    assert_eq!(read(root.join("dvc.lock")), read(golden("dvc.lock")));
    let cache = root.join(".dvc/cache");
    let objects = files(&cache, "files");
    assert_eq!(objects.join("\n") + "\n", read(golden("objects.txt")));
    for object in objects {
        assert_eq!(
            fs::metadata(cache.join(&object))
                .unwrap()
                .permissions()
                .mode()
                & 0o777,
            0o444,
            "{object}"
        );
    }
    let mut runs = String::new();
    for run in files(&cache, "runs") {
        write!(runs, "# {run}\n{}", read(cache.join(&run))).unwrap();
    }
    assert_eq!(runs, read(golden("runs.txt")));
    let mut ignores = String::new();
    for file in [".gitignore", "sub/.gitignore"] {
        write!(ignores, "# {file}\n{}", read(root.join(file))).unwrap();
    }
    assert_eq!(ignores, read(golden("ignores.txt")));
}

#[test]
fn what_dvc_did_need_not_be_done_again() {
    let (_temporary, root) = project();
    fs::copy(golden("dvc.lock"), root.join("dvc.lock")).unwrap();
    statuses(&root);
    assert!(
        statuses(&root)
            .iter()
            .all(|status| *status == StageStatus::Skipped)
    );
    assert_eq!(
        fs::read(root.join("dvc.lock")).unwrap(),
        fs::read(golden("dvc.lock")).unwrap()
    );
}

#[test]
#[ignore = "needs a dvc, named by TRIMTAB_DVC"]
fn the_two_take_turns() {
    let dvc = std::env::var_os("TRIMTAB_DVC").expect("TRIMTAB_DVC names no dvc");
    let (_temporary, root) = project();
    let dvc = |arguments: &[&str]| {
        let output = Command::new(&dvc)
            .args(arguments)
            .current_dir(&root)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    };
    dvc(&["init", "-q"]);
    statuses(&root);
    assert!(dvc(&["status"]).contains("up to date"));
    assert!(dvc(&["repro"]).contains("didn't change") && dvc(&["diff"]).is_empty());
    // DVC changes, we follow without running; we change back, DVC follows from our run cache.
    fs::write(root.join("other.json"), "{\"depth\": 4}").unwrap();
    dvc(&["repro"]);
    assert!(
        statuses(&root)
            .iter()
            .all(|status| *status == StageStatus::Skipped)
    );
    fs::write(root.join("data/in/one"), "changed\n").unwrap();
    assert!(statuses(&root).contains(&StageStatus::Ran));
    assert!(dvc(&["status"]).contains("up to date"));
    fs::write(root.join("data/in/one"), "1\n").unwrap();
    assert!(dvc(&["repro"]).contains("is cached"));
    assert!(
        statuses(&root)
            .iter()
            .all(|status| *status == StageStatus::Skipped)
    );
}
