//! `cargo xtask bench`: builds the release binary and the measuring program, and runs it.

use anyhow::Result;

use crate::postgres::Postgres;
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
    let mut command = std::process::Command::new(place.target.join("release/trimtab-bench"));
    command
        .current_dir(&place.root)
        .env("TRIMTAB_PYTHON", place.python())
        .env("TRIMTAB_BIN", place.target.join("release/trimtab"))
        .args(words);
    if !words.iter().any(|word| word == "--postgres") {
        return shell::run(&mut command);
    }
    let postgres = Postgres::start_durable(place)?;
    for name in ["trimtab", "mlflow"] {
        postgres.create_database(name)?;
    }
    shell::run(command.env("TRIMTAB_BENCH_POSTGRES", postgres.server_url()))
}
