//! `cargo xtask check`: what a person runs before every commit, under three minutes.

use anyhow::{Result, bail};

use crate::counts::Counts;
use crate::phases::Phases;
use crate::workplace::{PROFILE, Workplace};
use crate::{changed, floors, metadata, shell, tools, ui};

pub(crate) fn run(place: &Workplace) -> bool {
    let mut phases = Phases::default();
    phases.run("format", || format(place));
    phases.run("floors", || quiet(floors::run(place)));
    // The binary embeds the console, so lints need it too.
    phases.run("console", || quiet(ui::run(place)));
    phases.run("lints", || lints(place));
    phases.run("unit tests", || unit_tests(place));
    phases.finish()
}

pub(crate) fn format(place: &Workplace) -> Result<Counts> {
    quiet(shell::run(
        shell::cargo(place).args(["fmt", "--all", "--check"]),
    ))
}

pub(crate) fn lints(place: &Workplace) -> Result<Counts> {
    quiet(shell::run(shell::cargo(place).args([
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--profile",
        PROFILE,
        "--",
        "-D",
        "warnings",
    ])))
}

/// Unit tests of the crates that changed and of those that use them. The whole workspace is named in the build, so that
/// features, and with them the artifacts, are those of `cargo xtask test`.
fn unit_tests(place: &Workplace) -> Result<Counts> {
    let files = changed::files(place)?;
    let packages = metadata::packages(place)?;
    let crates = changed::crates(&place.root, &packages, &files);
    if crates.is_empty() {
        println!("no crate changed");
        return Ok(Counts::default());
    }
    println!("changed, or using what changed: {}", join(&crates, ", "));
    let mut command = shell::cargo(place);
    if tools::has_nextest() {
        let filter = crates
            .iter()
            .map(|name| format!("package(={name})"))
            .collect::<Vec<_>>()
            .join(" + ");
        command.args(["nextest", "run", "--cargo-profile", PROFILE]);
        command.args(["--workspace", "--lib", "--bins", "--no-tests", "pass"]);
        command.args(["--filterset", &filter]);
    } else {
        command.args([
            "test",
            "--profile",
            PROFILE,
            "--workspace",
            "--lib",
            "--bins",
        ]);
    }
    counted(shell::tee(&mut command)?)
}

/// The counts of a run of tests; a runner that failed without naming a failed test is an error.
pub(crate) fn counted((is_good, lines): (bool, Vec<String>)) -> Result<Counts> {
    let counts = Counts::of(&lines);
    if !is_good && counts.failed == 0 {
        bail!("the tests did not run to their end");
    }
    Ok(counts)
}

/// A step that counts no tests.
pub(crate) fn quiet(result: Result<()>) -> Result<Counts> {
    result.map(|()| Counts::default())
}

fn join(names: &std::collections::BTreeSet<String>, between: &str) -> String {
    names.iter().cloned().collect::<Vec<_>>().join(between)
}
