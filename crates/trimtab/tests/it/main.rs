//! The real binary: what it says, how it starts and how it stops.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test fails the test"
)]

mod backup;
#[cfg(target_os = "linux")]
mod cost;
mod crash;
#[cfg(target_os = "linux")]
mod disk;
mod gc;
mod kill;
mod pyfunc;
mod record;
mod replay;
mod s3;
mod says;
mod server;
mod transfer;

use std::{
    path::Path,
    process::{Command, Output},
};

/// The binary with an environment of its own: no variable of the developer's machine changes what it says.
fn trimtab(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trimtab"));
    command
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("PATH", std::env::var("PATH").unwrap_or_default());
    command
}

fn run(folder: &Path, words: &[&str]) -> Output {
    trimtab(folder).args(words).output().unwrap()
}
