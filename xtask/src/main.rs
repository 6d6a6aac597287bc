//! The repository's own commands, in place of shell scripts: set-up, builds, checks, tests, packages.
//!
//! It knows nothing of Trimtab's crates but what `cargo metadata` says, and builds in seconds.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task runner talks to a person"
)]

mod apt;
mod background;
mod bench;
mod changed;
mod check;
mod codegen;
mod counts;
mod demo;
mod files;
mod floors;
mod metadata;
mod phases;
mod postgres;
mod setup;
mod shell;
mod stamp;
mod test;
mod tools;
mod ui;
mod wheel;
mod workplace;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::workplace::Workplace;

const HELP: &str = "\
Usage: cargo xtask COMMAND

  setup    install or name what the build and the tests need; make `.venv` and `ui/node_modules`
  ui       build the console into ui/dist (skipped when nothing changed)
  demo     build the release binary and run `trimtab demo`; further words go to it
  check    formatting, lints, floors, unit tests of what changed
  test     every test, with a real PostgreSQL, the real mlflow client and Chromium; `test NAME…` runs those phases only
  floors   check the arrows between crates, file lengths and lock files
  codegen  write the generated reference under docs/reference (`--check` only compares)
  wheel    build a Python wheel that carries the binary (`--profile NAME`, default dist)
  bench    measure the release binary and write bench/results
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&words) {
        Ok(true) => ExitCode::SUCCESS,
        // The tests said so themselves, and their sum is to be the last line.
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a command; false when it ran to its end and what it looked at is not in order.
fn dispatch(words: &[String]) -> Result<bool> {
    let (command, rest) = match words.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", [].as_slice()),
    };
    let place = Workplace::find()?;
    match command {
        "setup" => setup::run(&place, setup::For::Everything),
        "ui" => ui::run(&place),
        "demo" => demo::run(&place, rest),
        "check" => return Ok(check::run(&place)),
        "test" => return test::run(&place, rest),
        "floors" => floors::run(&place),
        "codegen" => codegen::run(&place, rest),
        "wheel" => wheel::run(&place, rest),
        "bench" => bench::run(&place, rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => bail!("no command `{other}`\n\n{HELP}"),
    }?;
    Ok(true)
}
