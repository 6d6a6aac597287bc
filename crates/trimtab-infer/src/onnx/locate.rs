//! Where an ONNX Runtime library may lie.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The variable that names the library's file, as ONNX Runtime's other bindings have it.
const VARIABLE: &str = "ORT_DYLIB_PATH";

/// What was found, and what was looked at without success.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    pub(super) libraries: Vec<PathBuf>,
    pub(super) looked_at: Vec<String>,
}

/// The library that a person named: then nothing else is tried.
pub(super) fn named(configured: Option<&Path>) -> Option<PathBuf> {
    let path = configured.map(Path::to_owned).or_else(|| {
        env::var_os(VARIABLE)
            .filter(|v| !v.is_empty())
            .map(Into::into)
    })?;
    if path.is_dir() {
        return Some(library_in(&path).unwrap_or(path));
    }
    Some(path)
}

/// The libraries in the Python environments in sight, nearest first.
pub(super) fn candidates() -> Candidates {
    let mut found = Candidates::default();
    found
        .looked_at
        .push(format!("the variable {VARIABLE} (not set)"));
    let mut seen: Vec<PathBuf> = Vec::new();
    for (origin, prefix) in prefixes() {
        let Some(prefix) = prefix else {
            found.looked_at.push(format!("{origin} (there is none)"));
            continue;
        };
        if seen.contains(&prefix) {
            continue;
        }
        let libraries: Vec<PathBuf> = site_packages(&prefix)
            .iter()
            .filter_map(|site| library_in(&site.join("onnxruntime").join("capi")))
            .collect();
        if libraries.is_empty() {
            found.looked_at.push(format!(
                "{origin} {} (has no onnxruntime wheel)",
                prefix.display()
            ));
        }
        found.libraries.extend(libraries);
        seen.push(prefix);
    }
    found
}

/// Python environments: what to call them, and their root.
fn prefixes() -> Vec<(&'static str, Option<PathBuf>)> {
    // In a virtual environment `bin/python` is a link out of it, so its folder counts, not its target's.
    let of_python = |python: &Path| Some(python.parent()?.parent()?.to_owned());
    let mut prefixes = vec![
        (
            "the environment of TRIMTAB_PYTHON",
            env::var_os("TRIMTAB_PYTHON").and_then(|python| of_python(Path::new(&python))),
        ),
        (
            "the environment VIRTUAL_ENV",
            env::var_os("VIRTUAL_ENV").map(PathBuf::from),
        ),
        (
            "the folder .venv here or above",
            env::current_dir().ok().and_then(|here| venv_above(&here)),
        ),
    ];
    // `pip install trimtab[onnx]` puts this binary and the wheel into one environment.
    if let Some(prefix) = env::current_exe().ok().as_deref().and_then(of_python) {
        prefixes.push(("the environment of this binary", Some(prefix)));
    }
    for python in pythons_on_path() {
        prefixes.push(("the Python in", of_python(&python)));
        if let Ok(real) = python.canonicalize() {
            prefixes.push(("the Python in", of_python(&real)));
        }
    }
    prefixes
}

fn venv_above(here: &Path) -> Option<PathBuf> {
    here.ancestors()
        .map(|folder| folder.join(".venv"))
        .find(|venv| venv.is_dir())
}

fn pythons_on_path() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .flat_map(|folder| [folder.join("python3"), folder.join("python")])
        .filter(|python| python.is_file())
        .take(8)
        .collect()
}

/// The folders below a prefix that hold installed packages.
fn site_packages(prefix: &Path) -> Vec<PathBuf> {
    let mut sites = vec![prefix.join("Lib").join("site-packages")];
    for lib in ["lib", "lib64", "local/lib"] {
        let Ok(entries) = fs::read_dir(prefix.join(lib)) else {
            continue;
        };
        let mut versions: Vec<PathBuf> = entries
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("python3"))
            .map(|entry| entry.path())
            .collect();
        versions.sort();
        for version in versions {
            sites.push(version.join("site-packages"));
            sites.push(version.join("dist-packages"));
        }
    }
    sites
}

/// The library in a wheel's folder: its name carries a version.
fn library_in(folder: &Path) -> Option<PathBuf> {
    let mut libraries: Vec<PathBuf> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(is_library)
        })
        .collect();
    libraries.sort();
    libraries.pop()
}

fn is_library(name: &str) -> bool {
    let is_unix =
        name.starts_with("libonnxruntime.") && (name.contains(".so") || name.ends_with(".dylib"));
    is_unix || name == "onnxruntime.dll"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheel_is_found_below_a_prefix_and_its_providers_are_not_taken_for_it() {
        let prefix = tempfile::tempdir().unwrap();
        let capi = prefix
            .path()
            .join("lib/python3.11/site-packages/onnxruntime/capi");
        fs::create_dir_all(&capi).unwrap();
        for name in [
            "libonnxruntime_providers_shared.so",
            "libonnxruntime.so.1.32.0",
            "onnxruntime_pybind11_state.so",
        ] {
            fs::write(capi.join(name), b"").unwrap();
        }
        let found: Vec<PathBuf> = site_packages(prefix.path())
            .iter()
            .filter_map(|site| library_in(&site.join("onnxruntime/capi")))
            .collect();
        assert_eq!(found, [capi.join("libonnxruntime.so.1.32.0")]);
        assert_eq!(named(Some(&capi)), Some(found[0].clone()));
    }
}
