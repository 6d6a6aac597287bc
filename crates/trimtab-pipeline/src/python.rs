//! Which Python the stages find: `python` on their PATH is the chosen one.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The Python for a folder: `TRIMTAB_PYTHON`, or the `.venv` of the folder or of one around it. `None` leaves PATH
/// as it is.
pub fn find_python(folder: &Path) -> Option<PathBuf> {
    if let Some(named) = env::var_os("TRIMTAB_PYTHON").filter(|named| !named.is_empty()) {
        return Some(named.into());
    }
    if env::var_os("VIRTUAL_ENV").is_some() {
        return None;
    }
    let folder = std::path::absolute(folder).ok()?;
    folder
        .ancestors()
        .map(|ancestor| ancestor.join(".venv/bin/python"))
        .find(|python| python.exists())
}

/// The variables that make `python` mean this one.
pub(crate) fn variables(python: Option<&Path>) -> Vec<(String, String)> {
    let Some(folder) = python
        .and_then(|python| std::path::absolute(python).ok())
        .and_then(|python| python.parent().map(Path::to_owned))
    else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let rest = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.clone()).chain(env::split_paths(&rest));
    if let Some(path) = env::join_paths(folders)
        .ok()
        .and_then(|path| path.into_string().ok())
    {
        found.push(("PATH".to_owned(), path));
    }
    if let Some(home) = folder
        .parent()
        .filter(|home| home.join("pyvenv.cfg").exists())
    {
        found.push(("VIRTUAL_ENV".to_owned(), home.display().to_string()));
    }
    found
}
