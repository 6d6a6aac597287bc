//! `cargo xtask setup`: everything that a build, a demo or a test needs, or one message with all that is missing.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::stamp::Stamp;
use crate::tools::{self, Missing};
use crate::workplace::Workplace;
use crate::{apt, shell, ui};

/// The version of `uv` that is installed where none is found.
const UV: &str = "uv==0.13.9";

/// What the set-up is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// A build and a run: no browser, no database server.
    Demo,
    /// Every test.
    Everything,
}

pub(crate) fn run(place: &Workplace, purpose: For) -> Result<()> {
    let mut missing = missing(place, purpose);
    let packages: Vec<&str> = missing.iter().filter_map(|one| one.package).collect();
    if !packages.is_empty() && apt::is_usable() {
        apt::install(&packages)?;
        missing = self::missing(place, purpose);
    }
    if !missing.is_empty() {
        bail!("{}", list(&missing));
    }
    python_environment(place)?;
    ui::install(place)
}

fn missing(place: &Workplace, purpose: For) -> Vec<Missing> {
    let mut results = vec![
        tools::program(&["git"], "install git (Debian: `apt-get install git`)"),
        tools::program(&["make"], "install make (Debian: `apt-get install make`)"),
        tools::program(
            &["cc"],
            "install a C compiler (Debian: `apt-get install gcc libc6-dev`)",
        ),
        tools::node(),
        tools::program(&["npm"], "install npm, which comes with Node.js"),
        tools::python(),
        tools::uv_or_pip(place),
    ];
    if purpose == For::Everything {
        results.push(tools::chromium());
        results.push(tools::postgres());
    }
    results.into_iter().filter_map(Result::err).collect()
}

fn list(missing: &[Missing]) -> String {
    let mut text = "this machine lacks what Trimtab is built or tested with:\n".to_owned();
    for one in missing {
        let _ = writeln!(text, "  {}: {}", one.what, one.how);
    }
    let packages: Vec<&str> = missing.iter().filter_map(|one| one.package).collect();
    if !packages.is_empty() {
        let _ = write!(
            text,
            "hint: as root on Debian `cargo xtask setup` installs {} by itself",
            packages.join(" and ")
        );
    }
    text.trim_end().to_owned()
}

/// `.venv` from the locked requirements, made anew only when they change.
fn python_environment(place: &Workplace) -> Result<()> {
    let requirements = place.root.join("python/requirements.txt");
    if !requirements.is_file() {
        return Ok(());
    }
    let stamp = Stamp::of(place, "venv", std::slice::from_ref(&requirements))?;
    if stamp.is_fresh() && place.python().is_file() {
        return Ok(());
    }
    println!("making .venv from python/requirements.txt");
    let uv = uv(place)?;
    if !place.python().is_file() {
        let python = tools::python().map_err(|missing| anyhow::anyhow!(list(&[missing])))?;
        shell::run_quietly(
            Command::new(&uv)
                .current_dir(&place.root)
                .args(["venv", "--quiet", "--allow-existing", "--python"])
                .arg(python)
                .arg(".venv"),
        )?;
    }
    shell::run_quietly(
        Command::new(&uv)
            .current_dir(&place.root)
            .args([
                "pip",
                "sync",
                "--quiet",
                "--compile-bytecode",
                "--require-hashes",
                "--python",
            ])
            .arg(place.python())
            .arg(&requirements),
    )?;
    stamp.save()
}

/// `uv`, installed by pip into the target folder when it is not on `PATH`.
pub(crate) fn uv(place: &Workplace) -> Result<std::path::PathBuf> {
    if let Some(uv) = tools::uv(place) {
        return Ok(uv);
    }
    let python = tools::python().map_err(|missing| anyhow::anyhow!(list(&[missing])))?;
    println!("installing {UV} by pip");
    // `--target` keeps clear of the system's own environment, which Debian forbids pip to change.
    shell::run_quietly(
        Command::new(python)
            .args(["-m", "pip", "install", "--quiet", "--no-input", "--target"])
            .arg(place.scratch().join("uv"))
            .arg(UV),
    )
    .context("pip could not install uv; install it by hand and run this again")?;
    tools::uv(place).context("pip installed uv, but it does not run")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_missing_is_told_at_once() {
        let text = list(&[
            Missing {
                what: "Python 3.11".to_owned(),
                package: None,
                how: "install Python",
            },
            Missing {
                what: "chromium".to_owned(),
                package: Some("chromium"),
                how: "install Chromium",
            },
        ]);
        assert_eq!(
            text,
            "this machine lacks what Trimtab is built or tested with:\n  \
             Python 3.11: install Python\n  \
             chromium: install Chromium\n\
             hint: as root on Debian `cargo xtask setup` installs chromium by itself"
        );
    }
}
