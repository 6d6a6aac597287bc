//! `repro` in a folder.

use std::{fs, path::Path, sync::Mutex};

use trimtab_pipeline::{
    CancellationToken, ExecutionStatus, PipelineError, ReproEvent, ReproOptions, ReproReport,
    StageStatus, repro,
};

use crate::support::{PIPELINE, git, write};

fn options(folder: &Path) -> ReproOptions {
    ReproOptions {
        env: vec![(
            "COUNT".to_owned(),
            folder.join("../count").display().to_string(),
        )],
        ..ReproOptions::default()
    }
}

fn folder() -> (tempfile::TempDir, std::path::PathBuf) {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path().join("project");
    write(
        &root,
        &[
            ("dvc.yaml", PIPELINE),
            ("raw.txt", "abc\n"),
            ("params.yaml", "model: {trees: 3}\n"),
        ],
    );
    (temporary, root)
}

fn run(root: &Path, targets: &[&str]) -> ReproReport {
    let targets: Vec<String> = targets.iter().map(|name| (*name).to_owned()).collect();
    repro(root, &targets, options(root), &|_| {}).unwrap()
}

fn statuses(report: &ReproReport) -> Vec<StageStatus> {
    report.stages.iter().map(|stage| stage.status).collect()
}

use StageStatus::{Ran, Skipped};

#[test]
fn only_what_changed_runs() {
    let (_temporary, root) = folder();
    git(&root, &["init", "-q"]);
    assert_eq!(statuses(&run(&root, &[])), [Ran, Ran]);
    assert_eq!(
        fs::read_to_string(root.join(".gitignore")).unwrap(),
        "/clean.txt\n/model\n"
    );
    let lock = fs::read_to_string(root.join("dvc.lock")).unwrap();
    assert_eq!(statuses(&run(&root, &[])), [Skipped, Skipped]);
    // A touch, a comment, another order of keys: no change.
    write(
        &root,
        &[
            ("raw.txt", "abc\n"),
            ("params.yaml", "# new\nmodel: {x: 1, trees: 3.0}\n"),
        ],
    );
    assert_eq!(statuses(&run(&root, &[])), [Skipped, Skipped]);
    write(&root, &[("params.yaml", "model: {trees: 4}\n")]);
    assert_eq!(statuses(&run(&root, &["prepare"])), [Skipped]);
    assert_eq!(statuses(&run(&root, &[])), [Skipped, Ran]);
    // Back: the run cache knows it.
    write(&root, &[("params.yaml", "model: {trees: 3}\n")]);
    let back = run(&root, &[]);
    assert_eq!(statuses(&back), [Skipped, Skipped]);
    assert!(back.stages[1].message.contains("earlier run"), "{back:?}");
    assert_eq!(fs::read_to_string(root.join("dvc.lock")).unwrap(), lock);
    // An output lost, and one spoilt.
    fs::remove_dir_all(root.join("model")).unwrap();
    write(&root, &[("clean.txt", "spoilt")]);
    assert_eq!(statuses(&run(&root, &[])), [Skipped, Skipped]);
    assert_eq!(fs::read_to_string(root.join("clean.txt")).unwrap(), "ABC\n");
    assert!(root.join("model/weights").exists());
    // Nothing in the cache either: only a run helps.
    fs::remove_dir_all(root.join("model")).unwrap();
    fs::remove_dir_all(root.join(".trimtab/cache")).unwrap();
    assert_eq!(statuses(&run(&root, &[])), [Skipped, Ran]);
    assert_eq!(
        git(&root, &["status", "--porcelain", "--ignored", ".trimtab"]),
        "!! .trimtab/"
    );
    let forced = repro(
        &root,
        &[],
        ReproOptions {
            force: true,
            ..options(&root)
        },
        &|_| {},
    )
    .unwrap();
    assert_eq!(statuses(&forced), [Ran, Ran]);
}

#[test]
fn frozen_always_and_persistent_do_what_they_say() {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path();
    write(
        root,
        &[
            ("in", "1"),
            (
                "dvc.yaml",
                "stages:\n  f: {cmd: 'cp in f', deps: [in], outs: [f]}\n  a: {cmd: 'echo x >> log', outs: [{log: {persist: true}}], always_changed: true}\n",
            ),
        ],
    );
    assert_eq!(statuses(&run(root, &[])), [Ran, Ran]);
    let yaml = fs::read_to_string(root.join("dvc.yaml"))
        .unwrap()
        .replace("outs: [f]}", "outs: [f], frozen: true}");
    write(root, &[("dvc.yaml", &yaml), ("in", "2")]);
    assert_eq!(statuses(&run(root, &[])), [Skipped, Ran]);
    assert_eq!(fs::read_to_string(root.join("log")).unwrap(), "x\nx\n");
    fs::remove_file(root.join("f")).unwrap();
    assert_eq!(statuses(&run(root, &["f"])), [Skipped]);
    assert_eq!(fs::read_to_string(root.join("f")).unwrap(), "1");
}

#[test]
fn events_tell_what_happens_and_a_cancelled_run_says_so() {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path();
    write(
        root,
        &[(
            "dvc.yaml",
            "stages:\n  a: {cmd: 'touch a; sleep 1000', outs: [a]}\n  b: {cmd: touch b, outs: [b]}\n",
        )],
    );
    let cancel = CancellationToken::new();
    let events = Mutex::new(Vec::new());
    let report = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !root.join("a").exists() {
                std::thread::yield_now();
            }
            cancel.cancel();
        });
        repro(
            root,
            &[],
            ReproOptions {
                cancel: cancel.clone(),
                ..options(root)
            },
            &|event| events.lock().unwrap().push(event),
        )
        .unwrap()
    });
    assert_eq!(report.status, ExecutionStatus::Cancelled);
    let events = events.into_inner().unwrap();
    assert_eq!(
        events[0],
        ReproEvent::Planned {
            stages: vec!["a".to_owned(), "b".to_owned()]
        }
    );
    assert!(
        matches!(&events[1], ReproEvent::Started { stage, reason } if stage == "a" && reason == "it has not run yet")
    );
    assert!(
        matches!(&events[2], ReproEvent::Ended(result) if result.message.contains("cancelled"))
    );
    assert_eq!(events.len(), 3);
}

#[test]
fn errors_name_what_is_wrong() {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path();
    let error = |text: Option<&str>| {
        if let Some(text) = text {
            write(root, &[("dvc.yaml", text)]);
        }
        repro(root, &[], ReproOptions::default(), &|_| {})
            .unwrap_err()
            .to_string()
    };
    assert!(error(None).contains("cannot read"));
    assert!(error(Some("stages: [\n")).contains("dvc.yaml:"));
    write(root, &[("dvc.lock", "<<<<<<< ours\n")]);
    assert!(error(Some("stages:\n  a: {cmd: x}\n")).contains("dvc.lock"));
    fs::remove_file(root.join("dvc.lock")).unwrap();
    let held = fs::File::create(root.join(".trimtab/repro.lock")).unwrap();
    held.lock().unwrap();
    assert!(matches!(
        repro(root, &[], ReproOptions::default(), &|_| {}),
        Err(PipelineError::Busy { .. })
    ));
    drop(held);
    assert!(repro(&root.join("none"), &[], ReproOptions::default(), &|_| {}).is_err());
}
