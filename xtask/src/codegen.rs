//! `cargo xtask codegen`: the reference of the command line, from what the binary itself says of its commands.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::shell;
use crate::workplace::{PROFILE, Workplace};

pub(crate) fn run(place: &Workplace, words: &[String]) -> Result<()> {
    shell::run(shell::cargo(place).args([
        "build",
        "--quiet",
        "--profile",
        PROFILE,
        "--workspace",
        "--bins",
    ]))?;
    if words.iter().any(|word| word == "--check") {
        return check(place);
    }
    let file = file(place);
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&file, reference(place)?)?;
    println!("wrote {}", file.display());
    Ok(())
}

/// Whether the committed reference is what the binary says.
pub(crate) fn check(place: &Workplace) -> Result<()> {
    let kept = std::fs::read_to_string(file(place)).context("cannot read the CLI reference")?;
    if kept != reference(place)? {
        bail!(
            "docs/reference/cli.md is not what the binary says\nhint: run `cargo xtask codegen` and commit the file"
        );
    }
    println!("docs/reference/cli.md is what the binary says");
    Ok(())
}

fn file(place: &Workplace) -> PathBuf {
    place.root.join("docs/reference/cli.md")
}

fn reference(place: &Workplace) -> Result<String> {
    let mut text = "# Command line\n\n\
        Written by `cargo xtask codegen` from the binary's own help; a test compares the two.\n"
        .to_owned();
    section(place, &mut Vec::new(), &mut text)?;
    Ok(text)
}

/// The help of one command, then of each command below it.
fn section(place: &Workplace, words: &mut Vec<String>, text: &mut String) -> Result<()> {
    let help = shell::capture(
        Command::new(place.binary("trimtab"))
            .current_dir(std::env::temp_dir())
            .args(words.iter())
            .arg("--help")
            .env("COLUMNS", "100")
            .env("NO_COLOR", "1"),
    )?;
    let depth = "#".repeat((words.len() + 2).min(5));
    let title = std::iter::once("trimtab")
        .chain(words.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join(" ");
    let _ = write!(text, "\n{depth} `{title}`\n\n```text\n");
    for line in help.trim_end().lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push_str("```\n");
    for name in commands(&help) {
        words.push(name);
        section(place, words, text)?;
        words.pop();
    }
    Ok(())
}

/// The names under `Commands:`.
fn commands(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.trim().is_empty())
        .filter_map(|line| {
            let name = line.strip_prefix("  ")?;
            let name = name.split_whitespace().next()?;
            // Deeper lines go on with a description.
            (!line.starts_with("   ") && name != "help").then(|| name.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_from_the_help() {
        let help = "A loop\n\nUsage: trimtab COMMAND\n\nCommands:\n  server  Start\n  data    Versions\n          of data\n  help    Print\n\nOptions:\n  -h  Help\n";
        assert_eq!(commands(help), ["server", "data"]);
        assert!(commands("Usage: x\n\nOptions:\n  -h\n").is_empty());
    }
}
