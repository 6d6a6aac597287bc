//! The console: its packages and its build, each skipped when nothing changed.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::shell;
use crate::stamp::Stamp;
use crate::workplace::Workplace;

/// `npm ci`, when the lock file changed.
pub(crate) fn install(place: &Workplace) -> Result<()> {
    let ui = place.root.join("ui");
    if !ui.join("package-lock.json").is_file() {
        return Ok(());
    }
    let stamp = Stamp::of(
        place,
        "npm",
        &[ui.join("package.json"), ui.join("package-lock.json")],
    )?;
    if stamp.is_fresh() && ui.join("node_modules").is_dir() {
        return Ok(());
    }
    println!("installing the console's packages by npm");
    shell::run_quietly(npm(place).args(["ci", "--no-audit", "--no-fund"]))?;
    stamp.save()
}

/// Builds `ui/dist`, when its sources changed.
pub(crate) fn run(place: &Workplace) -> Result<()> {
    let ui = place.root.join("ui");
    if !ui.join("package-lock.json").is_file() {
        return Ok(());
    }
    install(place)?;
    let stamp = Stamp::of(place, "ui", &inputs(place)?)?;
    if stamp.is_fresh() && ui.join("dist/index.html").is_file() {
        return Ok(());
    }
    println!("building the console");
    // Its last line says how much a browser loads; the list of files before it is no news.
    let output = shell::capture(npm(place).args(["run", "--silent", "build"]))?;
    println!("{}", output.trim_end().lines().last().unwrap_or_default());
    stamp.save()
}

pub(crate) fn npm(place: &Workplace) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(place.root.join("ui"));
    command
}

fn inputs(place: &Workplace) -> Result<Vec<PathBuf>> {
    let ui = place.root.join("ui");
    let mut inputs = Vec::new();
    for entry in std::fs::read_dir(&ui).with_context(|| format!("cannot list {}", ui.display()))? {
        let path = entry?.path();
        let made = path
            .file_name()
            .is_some_and(|name| name == "dist" || name == "node_modules" || name == "test-output");
        if !made {
            inputs.push(path);
        }
    }
    inputs.push(place.root.join("docs/reference/openapi.json"));
    inputs.sort();
    Ok(inputs)
}
