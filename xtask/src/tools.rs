//! The programs that are not ours: how each is found, and how a person gets it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell;
use crate::workplace::Workplace;

/// A program that is missing: its name, the Debian package that brings it, and what to do elsewhere.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) what: String,
    pub(crate) package: Option<&'static str>,
    pub(crate) how: &'static str,
}

/// A program that must be there, by any of its names.
pub(crate) fn program(names: &[&str], how: &'static str) -> Result<PathBuf, Missing> {
    names
        .iter()
        .find_map(|name| shell::which(name))
        .ok_or_else(|| Missing {
            what: names[0].to_owned(),
            package: None,
            how,
        })
}

/// Node.js 20 or newer.
pub(crate) fn node() -> Result<PathBuf, Missing> {
    let how = "install Node.js 20 or newer (with npm) from https://nodejs.org";
    let node = program(&["node"], how)?;
    let version = shell::capture(Command::new(&node).arg("--version")).unwrap_or_default();
    match numbers(&version).first() {
        Some(major) if *major >= 20 => Ok(node),
        _ => Err(Missing {
            what: format!("Node.js 20 (found {})", version.trim()),
            package: None,
            how,
        }),
    }
}

/// Python 3.11 or newer; 3.11 first, as the locked requirements were made for it.
pub(crate) fn python() -> Result<PathBuf, Missing> {
    let how = "install Python 3.11 with pip (Debian 12: `apt-get install python3 python3-pip`)";
    let mut found = Vec::new();
    for name in ["python3.11", "python3", "python"] {
        let Some(path) = shell::which(name) else {
            continue;
        };
        let version = shell::capture(Command::new(&path).arg("--version")).unwrap_or_default();
        match numbers(&version).as_slice() {
            [3, minor, ..] if *minor >= 11 => return Ok(path),
            _ => found.push(version.trim().to_owned()),
        }
    }
    Err(Missing {
        what: if found.is_empty() {
            "Python 3.11".to_owned()
        } else {
            format!("Python 3.11 (found {})", found.join(", "))
        },
        package: None,
        how,
    })
}

/// Chromium, or a browser built from it; `TRIMTAB_CHROMIUM` names another.
pub(crate) fn chromium() -> Result<PathBuf, Missing> {
    if let Some(path) = std::env::var_os("TRIMTAB_CHROMIUM").map(PathBuf::from)
        && path.is_file()
    {
        return Ok(path);
    }
    program(
        &[
            "chromium",
            "chromium-browser",
            "google-chrome",
            "google-chrome-stable",
        ],
        "install Chromium (Debian: `apt-get install chromium`), or set TRIMTAB_CHROMIUM to its path",
    )
    .map_err(|missing| Missing {
        package: Some("chromium"),
        ..missing
    })
}

/// The folder that has PostgreSQL's server programs, which Debian keeps off `PATH`.
pub(crate) fn postgres() -> Result<PathBuf, Missing> {
    let on_path = shell::which("initdb")
        .and_then(|initdb| initdb.canonicalize().ok())
        .and_then(|initdb| initdb.parent().map(Path::to_path_buf));
    if let Some(folder) = on_path
        && folder.join("postgres").is_file()
    {
        return Ok(folder);
    }
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_string_lossy().parse().ok()?;
            let folder = entry.path().join("bin");
            folder.join("initdb").is_file().then_some((version, folder))
        })
        .collect();
    versions.sort();
    versions.pop().map(|(_, folder)| folder).ok_or(Missing {
        what: "PostgreSQL server".to_owned(),
        package: Some("postgresql"),
        how: "install a PostgreSQL server, 13 or newer (Debian: `apt-get install postgresql`); its `initdb` must be on PATH or under /usr/lib/postgresql",
    })
}

/// `uv`: on `PATH`, or where [`crate::setup`] put it.
pub(crate) fn uv(place: &Workplace) -> Option<PathBuf> {
    let ours = place.scratch().join("uv/bin/uv");
    if ours.is_file() {
        return Some(ours);
    }
    // A wrapper on PATH may be there without a uv behind it.
    shell::which("uv").filter(|uv| shell::capture(Command::new(uv).arg("--version")).is_ok())
}

/// `uv`, or the pip that brings it.
pub(crate) fn uv_or_pip(place: &Workplace) -> Result<PathBuf, Missing> {
    if let Some(uv) = uv(place) {
        return Ok(uv);
    }
    // Without a Python that is what is told.
    let Ok(python) = python() else {
        return Ok(PathBuf::new());
    };
    match shell::capture(Command::new(&python).args(["-m", "pip", "--version"])) {
        Ok(_) => Ok(python),
        Err(_) => Err(Missing {
            what: format!("pip of {}", python.display()),
            package: Some("python3-pip"),
            how: "install pip (Debian: `apt-get install python3-pip`), or uv itself",
        }),
    }
}

/// Whether `cargo nextest` is there; else tests run under `cargo test`.
pub(crate) fn has_nextest() -> bool {
    shell::which("cargo-nextest").is_some()
}

fn numbers(text: &str) -> Vec<u32> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter_map(|part| part.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_programs_print() {
        assert_eq!(numbers("v20.20.2\n"), [20, 20, 2]);
        assert_eq!(numbers("Python 3.11.7"), [3, 11, 7]);
        assert!(numbers("not found").is_empty());
    }

    #[test]
    fn a_missing_program_is_named_with_the_way_to_get_it() {
        let missing = program(&["no-such-program-anywhere"], "ask for it").unwrap_err();
        assert_eq!(missing.what, "no-such-program-anywhere");
        assert_eq!(missing.how, "ask for it");
    }
}
