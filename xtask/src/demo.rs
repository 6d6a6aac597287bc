//! `cargo xtask demo`: the release binary, from nothing, and `trimtab demo`.

use std::process::Command;

use anyhow::Result;

use crate::workplace::Workplace;
use crate::{setup, shell, ui};

pub(crate) fn run(place: &Workplace, words: &[String]) -> Result<()> {
    setup::run(place, setup::For::Demo)?;
    ui::run(place)?;
    shell::run(shell::cargo(place).args(["build", "--release", "--package", "trimtab"]))?;
    shell::run(
        Command::new(place.target.join("release/trimtab"))
            .current_dir(&place.root)
            .env("TRIMTAB_PYTHON", place.python())
            .arg("demo")
            .args(words),
    )
}
