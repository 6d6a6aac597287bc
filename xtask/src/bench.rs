//! `cargo xtask bench`: builds the release binary and the measuring program, and runs it.

use anyhow::Result;

use crate::workplace::Workplace;
use crate::{setup, shell, ui};

pub(crate) fn run(place: &Workplace, words: &[String]) -> Result<()> {
    setup::run(place, setup::For::Demo)?;
    ui::run(place)?;
    shell::run(shell::cargo(place).args([
        "build",
        "--release",
        "--package",
        "trimtab",
        "--package",
        "trimtab-bench",
    ]))?;
    shell::run(
        std::process::Command::new(place.target.join("release/trimtab-bench"))
            .current_dir(&place.root)
            .env("TRIMTAB_PYTHON", place.python())
            .env("TRIMTAB_BIN", place.target.join("release/trimtab"))
            .args(words),
    )
}
