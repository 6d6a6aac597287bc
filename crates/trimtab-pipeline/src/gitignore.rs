//! Outputs that the cache keeps are none of git's business: `/name` in the `.gitignore` beside each.

use std::{fs, io, path::Path};

use trimtab_dvc::write_atomically;

use crate::PipelineError;

/// Adds a path to the `.gitignore` of its folder, if the folder is in a git repository and git does not ignore the
/// path yet.
pub(crate) fn add(path: &Path) -> Result<(), PipelineError> {
    let (Some(folder), Some(name)) = (
        path.parent(),
        path.file_name().and_then(|name| name.to_str()),
    ) else {
        return Ok(());
    };
    let is_in_git = folder
        .ancestors()
        .any(|ancestor| ancestor.join(".git").exists());
    if !is_in_git || is_ignored(folder, name) {
        return Ok(());
    }
    let file = folder.join(".gitignore");
    let mut text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(PipelineError::file("read", &file)(error)),
    };
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.extend(["/", &escaped(name), "\n"]);
    write_atomically(&file, text.as_bytes())?;
    Ok(())
}

fn is_ignored(folder: &Path, name: &str) -> bool {
    let asked = std::process::Command::new("git")
        .args(["check-ignore", "--quiet", "--no-index", "--", name])
        .current_dir(folder)
        .stdin(std::process::Stdio::null())
        .output();
    asked.is_ok_and(|answer| answer.status.success())
}

/// Characters that mean something in a pattern are escaped, as DVC does.
fn escaped(name: &str) -> String {
    let mut out = String::new();
    for character in name.chars() {
        if matches!(character, '\\' | '!' | '*' | '[' | ']' | '#' | '?') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}
