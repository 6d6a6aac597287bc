//! A project as a user has it: a git repository with a pipeline of one quick stage.

use std::{fs, path::Path, process::Command};

const FILES: [(&str, &str); 5] = [
    ("trimtab.yaml", include_str!("trimtab.yaml")),
    ("dvc.yaml", include_str!("dvc.yaml")),
    ("params.yaml", include_str!("params.yaml")),
    ("train.py", include_str!("train.py")),
    (".gitignore", "/data\n/model\n"),
];

/// Writes and commits it; the trigger waits so long between two starts.
pub(super) fn write(folder: &Path, cooldown: &str) {
    fs::create_dir_all(folder).unwrap();
    for (name, text) in FILES {
        let text = text.replace("cooldown: 3d", &format!("cooldown: {cooldown}"));
        fs::write(folder.join(name), text).unwrap();
    }
    let identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
    git(folder, &["init", "--quiet"]);
    git(folder, &["add", "--all"]);
    git(
        folder,
        &[&identity[..], &["commit", "--quiet", "--message", "start"]].concat(),
    );
}

fn git(folder: &Path, words: &[&str]) {
    let done = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(words)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}
