//! The Python environments of models: made from the model's own files, named by their content, shared.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use serde::Deserialize;

use crate::InferError;

/// The largest file of requirements that is read.
const MAX_FILE: u64 = 1 << 20;
/// The last lines of a failed command that an error shows.
const SHOWN_LINES: usize = 12;
/// What `uv` and `pip` are told by the machine: indexes, proxies, caches.
const PASSED: &[&str] = &[
    "ALL_PROXY",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "NO_PROXY",
    "PATH",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Where models find their Python.
#[derive(Debug, Clone)]
pub struct PythonEnvironments {
    folder: PathBuf,
    interpreter: Option<PathBuf>,
    uv: Option<PathBuf>,
    /// One environment is made at a time, so that two models with the same one do not make it twice.
    making: Arc<Mutex<()>>,
}

/// What an environment is made of.
#[derive(Debug, PartialEq, Eq)]
struct Recipe {
    /// Such as `3.11.7`; the machine's own where it is not said.
    python: Option<String>,
    /// Lines of a requirements file.
    requirements: Vec<String>,
}

#[derive(Deserialize)]
struct PythonEnv {
    #[serde(default)]
    python: Option<String>,
    #[serde(default)]
    build_dependencies: Vec<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

#[derive(Deserialize)]
struct Conda {
    #[serde(default)]
    dependencies: Vec<CondaDependency>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum CondaDependency {
    Package(String),
    Pip {
        #[serde(default)]
        pip: Vec<String>,
    },
}

impl PythonEnvironments {
    /// Environments kept in `folder`. An `interpreter` is used in place of all of them; `uv` names the program that
    /// makes them, where it is not on the PATH.
    pub fn new(folder: PathBuf, interpreter: Option<PathBuf>, uv: Option<PathBuf>) -> Self {
        Self {
            folder,
            interpreter,
            uv,
            making: Arc::default(),
        }
    }

    /// The interpreter for a model; makes its environment where it is not there yet. Blocks, for minutes at worst.
    pub fn python_of(&self, model: &Path) -> Result<PathBuf, InferError> {
        if let Some(interpreter) = &self.interpreter {
            return Ok(interpreter.clone());
        }
        let failed = |reason: String| InferError::Environment {
            model: model.to_owned(),
            reason,
        };
        let recipe = Recipe::read(model).map_err(failed)?;
        let place = self.folder.join(recipe.key());
        let python = place.join("bin/python");
        let _one = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if !python.is_file() {
            self.make(&recipe, &place, model).map_err(failed)?;
        }
        Ok(python)
    }

    /// Makes it under another name, so that what has its name is whole.
    fn make(&self, recipe: &Recipe, place: &Path, model: &Path) -> Result<(), String> {
        let told = |error: io::Error| format!("{}: {error}", self.folder.display());
        fs::create_dir_all(&self.folder).map_err(told)?;
        let unfinished = tempfile::Builder::new()
            .prefix("unfinished-")
            .tempdir_in(&self.folder)
            .map_err(told)?;
        let target = unfinished.path().join("env");
        let file = unfinished.path().join("requirements.txt");
        fs::write(&file, recipe.requirements.join("\n")).map_err(told)?;
        tracing::info!(target: "model", model = %model.display(), environment = %place.display(), "an environment is made for a model");
        let python = target.join("bin/python");
        // Wheels and constraints that stand in the model's own folder are named from there.
        let command = |program: &Path| {
            let mut command = Command::new(program);
            command.current_dir(model);
            command
        };
        match self.uv() {
            Some(uv) => {
                let mut venv = command(&uv);
                venv.args(["venv", "--quiet", "--relocatable", "--no-project"]);
                if let Some(version) = &recipe.python {
                    // Pickles hold within a minor version.
                    venv.arg("--python").arg(minor(version));
                }
                run(venv.arg(&target))?;
                if !recipe.requirements.is_empty() {
                    let mut install = command(&uv);
                    install.args(["pip", "install", "--quiet", "--python"]);
                    run(install.arg(&python).arg("-r").arg(&file))?;
                }
            }
            None => {
                let version = recipe.python.as_deref().map(minor);
                let machine =
                    version.map_or_else(|| "python3".to_owned(), |v| format!("python{v}"));
                run(command(Path::new(&machine))
                    .args(["-m", "venv"])
                    .arg(&target))
                .map_err(|error| format!("there is no `uv` on the PATH, and {error}"))?;
                if !recipe.requirements.is_empty() {
                    let mut install = command(&python);
                    install.args(["-m", "pip", "install", "--quiet", "-r"]);
                    run(install.arg(&file))?;
                }
            }
        }
        match fs::rename(&target, place) {
            Err(_) if place.join("bin/python").is_file() => Ok(()),
            renamed => renamed.map_err(told),
        }
    }

    fn uv(&self) -> Option<PathBuf> {
        if self.uv.is_some() {
            return self.uv.clone();
        }
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path)
            .map(|folder| folder.join("uv"))
            .find(|program| program.is_file())
    }
}

impl Recipe {
    /// From `python_env.yaml` and what it refers to, `conda.yaml`, or `requirements.txt` alone.
    fn read(model: &Path) -> Result<Self, String> {
        if let Some(text) = text(&model.join("python_env.yaml"))? {
            let env: PythonEnv =
                serde_saphyr::from_str(&text).map_err(|e| format!("`python_env.yaml`: {e}"))?;
            let mut requirements = env.build_dependencies;
            for line in env.dependencies {
                match line.strip_prefix("-r") {
                    Some(file) => requirements.extend(included(model, file.trim())?),
                    None => requirements.push(line),
                }
            }
            return Ok(Self {
                python: env.python,
                requirements,
            });
        }
        if let Some(text) = text(&model.join("conda.yaml"))? {
            let conda: Conda =
                serde_saphyr::from_str(&text).map_err(|e| format!("`conda.yaml`: {e}"))?;
            let mut recipe = Self {
                python: None,
                requirements: Vec::new(),
            };
            for dependency in conda.dependencies {
                match dependency {
                    CondaDependency::Pip { pip } => recipe.requirements.extend(pip),
                    CondaDependency::Package(package) => {
                        if let Some(version) = package.strip_prefix("python=") {
                            recipe.python = Some(version.trim_start_matches('=').to_owned());
                        }
                    }
                }
            }
            return Ok(recipe);
        }
        Ok(Self {
            python: None,
            requirements: included(model, "requirements.txt")?,
        })
    }

    /// The same files, the same environment.
    fn key(&self) -> String {
        let mut hash = blake3::Hasher::new();
        for part in [std::env::consts::OS, std::env::consts::ARCH]
            .into_iter()
            .chain(self.python.as_deref().map(minor))
            .chain(self.requirements.iter().map(String::as_str))
        {
            hash.update(part.trim().as_bytes());
            hash.update(b"\n");
        }
        hash.finalize().to_hex()[..32].to_owned()
    }
}

/// The lines of a requirements file in the model's folder.
fn included(model: &Path, file: &str) -> Result<Vec<String>, String> {
    let is_inside = Path::new(file)
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_)));
    if !is_inside {
        return Err(format!(
            "it refers to `{file}`, which is outside its folder"
        ));
    }
    let text = text(&model.join(file))?
        .ok_or_else(|| format!("it has no `{file}`, so nobody knows which packages it needs"))?;
    Ok(text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(ToOwned::to_owned)
        .collect())
}

fn text(file: &Path) -> Result<Option<String>, String> {
    match fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Ok(found) if found.len() > MAX_FILE => {
            return Err(format!("{} has {} bytes", file.display(), found.len()));
        }
        Ok(_) | Err(_) => {}
    }
    fs::read_to_string(file)
        .map(Some)
        .map_err(|error| format!("{}: {error}", file.display()))
}

/// `3.11` of `3.11.7`.
fn minor(version: &str) -> &str {
    match version.match_indices('.').nth(1) {
        Some((at, _)) => &version[..at],
        None => version,
    }
}

/// Runs a command; the error is the end of what it said.
fn run(command: &mut Command) -> Result<(), String> {
    command.env_clear().stdin(Stdio::null());
    for (name, value) in std::env::vars_os() {
        let is_passed = name.to_str().is_some_and(|name| {
            PASSED.contains(&name) || name.starts_with("UV_") || name.starts_with("PIP_")
        });
        if is_passed {
            command.env(name, value);
        }
    }
    let shown = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("`{shown}` cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.trim().lines().collect();
    let from = lines.len().saturating_sub(SHOWN_LINES);
    Err(format!("`{shown}` failed: {}", lines[from..].join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(files: &[(&str, &str)]) -> Result<Recipe, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Recipe::read(folder.path())
    }

    #[test]
    fn what_mlflow_writes_is_read_and_the_same_content_is_the_same_environment() {
        let requirements = ("requirements.txt", "mlflow==3.17.2\nnumpy==2.1.0\n");
        let env = (
            "python_env.yaml",
            "python: 3.11.7\nbuild_dependencies:\n- pip==24.0\ndependencies:\n- -r requirements.txt\n",
        );
        let conda = (
            "conda.yaml",
            "channels:\n- conda-forge\ndependencies:\n- python=3.11.7\n- pip<=24.0\n- pip:\n  - mlflow==3.17.2\n  - numpy==2.1.0\nname: mlflow-env\n",
        );
        let read = recipe(&[requirements, env, conda]).unwrap();
        assert_eq!(read.python.as_deref(), Some("3.11.7"));
        assert_eq!(
            read.requirements,
            ["pip==24.0", "mlflow==3.17.2", "numpy==2.1.0"]
        );
        let other = recipe(&[conda]).unwrap();
        assert_eq!(other.requirements, ["mlflow==3.17.2", "numpy==2.1.0"]);
        assert_eq!(other.python.as_deref(), Some("3.11.7"));
        assert_eq!(read.key(), recipe(&[requirements, env]).unwrap().key());
        assert_ne!(read.key(), other.key());
        assert_eq!(recipe(&[requirements]).unwrap().python, None);
        assert_eq!(minor("3.11.7"), "3.11");
        assert_eq!(minor("3.11"), "3.11");
    }

    #[test]
    fn a_model_that_names_no_packages_or_foreign_files_is_refused() {
        assert!(recipe(&[]).unwrap_err().contains("no `requirements.txt`"));
        let outside = "dependencies:\n- -r ../../etc/passwd\n";
        let refused = recipe(&[("python_env.yaml", outside)]).unwrap_err();
        assert!(refused.contains("outside its folder"), "{refused}");
    }
}
