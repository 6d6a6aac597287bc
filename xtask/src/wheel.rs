//! `cargo xtask wheel`: a Python wheel that carries the binary.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::workplace::Workplace;
use crate::{setup, shell, ui};

/// Used where `.venv` has no maturin.
const MATURIN: &str = "maturin==1.16.0";

pub(crate) fn run(place: &Workplace, words: &[String]) -> Result<()> {
    let profile = match words {
        [] => "dist",
        [flag, profile] if flag == "--profile" => profile,
        _ => bail!("usage: cargo xtask wheel [--profile NAME]"),
    };
    ui::run(place)?;
    let wheel = build(place, profile)?;
    let megabytes = wheel.metadata()?.len() as f64 / 1e6;
    println!("{} ({megabytes:.1} MB)", wheel.display());
    Ok(())
}

/// Builds the wheel and returns its path.
pub(crate) fn build(place: &Workplace, profile: &str) -> Result<PathBuf> {
    let out = place.target.join("wheels").join(profile);
    if out.exists() {
        std::fs::remove_dir_all(&out)?;
    }
    shell::run(
        maturin(place)?
            .current_dir(&place.root)
            .args([
                "build",
                "--quiet",
                "--locked",
                "--profile",
                profile,
                "--out",
            ])
            .arg(&out)
            .env("CARGO_TARGET_DIR", &place.target),
    )?;
    let wheel = std::fs::read_dir(&out)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|end| end == "whl"));
    wheel.with_context(|| format!("maturin left no wheel in {}", out.display()))
}

fn maturin(place: &Workplace) -> Result<Command> {
    let installed = place.root.join(".venv/bin/maturin");
    if installed.is_file() {
        return Ok(Command::new(installed));
    }
    let mut command = Command::new(setup::uv(place)?);
    command.args(["tool", "run", "--quiet", "--from", MATURIN, "maturin"]);
    Ok(command)
}
