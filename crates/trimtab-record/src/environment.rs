//! The environment of a process: command, machine, interpreter, packages.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::{Deserialize, Serialize};

use crate::gpu;

/// The version of [`Environment`]'s JSON.
const VERSION: u32 = 1;
/// Variables that change what a training computes. No other is read: any may hold a secret.
const VARIABLES: [&str; 22] = [
    "CONDA_DEFAULT_ENV",
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "LANG",
    "LC_ALL",
    "LOCAL_RANK",
    "MASTER_ADDR",
    "MKL_NUM_THREADS",
    "NCCL_DEBUG",
    "NVIDIA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "PYTHONHASHSEED",
    "PYTHONPATH",
    "RANK",
    "SLURM_JOB_ID",
    "TF_DETERMINISTIC_OPS",
    "TZ",
    "VIRTUAL_ENV",
    "WORLD_SIZE",
    "XLA_FLAGS",
];
/// Asks an interpreter for itself and its packages; what it prints is JSON.
const ASK: &str = "import importlib.metadata as m, json, platform, sys
found = {d.metadata['Name']: d.version for d in m.distributions() if d.metadata['Name']}
print(json.dumps({'version': platform.python_version(), 'implementation': platform.python_implementation(), 'build': sys.version, 'executable': sys.executable, 'packages': [{'name': n, 'version': found[n]} for n in sorted(found, key=str.lower)]}))";

/// A package of an interpreter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The interpreter of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Python {
    /// Its version, such as `3.11.7`.
    pub version: String,
    /// `CPython` or another.
    pub implementation: String,
    /// How it was built.
    pub build: String,
    /// Where it is.
    pub executable: String,
    /// Its packages, by name.
    pub packages: Vec<Package>,
}

/// What a command ran in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Environment {
    version: u32,
    /// The command and its arguments.
    pub argv: Vec<String>,
    /// The folder that it ran in.
    pub cwd: PathBuf,
    /// The machine's name.
    pub host: String,
    /// The operating system's name and version.
    pub os: String,
    /// The kernel's name, version and architecture.
    pub kernel: String,
    /// The processor's model.
    pub cpu: String,
    /// How many cores this process may use.
    pub cores: usize,
    /// Memory of the machine, in bytes.
    pub memory_bytes: u64,
    /// The GPUs' models.
    pub gpus: Vec<String>,
    /// The interpreter, where the command names one.
    pub python: Option<Python>,
    /// Chosen environment variables that are set.
    pub variables: BTreeMap<String, String>,
}

impl Environment {
    /// Reads the environment that a command would have.
    pub fn read(argv: &[String], cwd: &Path) -> Self {
        let uname = nix::sys::utsname::uname().ok();
        let word = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
        let kernel = uname.as_ref().map(|name| {
            format!(
                "{} {} {}",
                word(name.sysname()),
                word(name.release()),
                word(name.machine())
            )
        });
        Self {
            version: VERSION,
            argv: without_secrets(argv),
            cwd: cwd.to_owned(),
            host: uname.map(|name| word(name.nodename())).unwrap_or_default(),
            os: field("/etc/os-release", "PRETTY_NAME=").unwrap_or_default(),
            kernel: kernel.unwrap_or_default(),
            cpu: field("/proc/cpuinfo", "model name").unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_bytes: memory(),
            gpus: gpu::gpus().into_iter().map(|gpu| gpu.name).collect(),
            python: interpreter(argv).and_then(|python| ask(&python, cwd)),
            variables: VARIABLES
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), env::var(name).ok()?)))
                .collect(),
        }
    }

    /// The packages as a requirements file, each with its version.
    pub fn requirements(&self) -> Option<String> {
        let python = self.python.as_ref()?;
        let lines = python
            .packages
            .iter()
            .map(|package| format!("{}=={}\n", package.name, package.version));
        Some(lines.collect())
    }
}

/// A command line as it may be kept: what follows `--api-key`, say, is none of ours.
fn without_secrets(argv: &[String]) -> Vec<String> {
    let is_secret = |flag: &str| {
        let flag = flag.to_ascii_lowercase().replace('_', "-");
        flag.starts_with('-')
            && [
                "password",
                "token",
                "secret",
                "api-key",
                "apikey",
                "credential",
            ]
            .iter()
            .any(|word| flag.ends_with(word))
    };
    let mut hide = false;
    argv.iter()
        .map(|word| {
            let hidden = std::mem::replace(&mut hide, is_secret(word));
            match word.split_once('=') {
                _ if hidden => "***".to_owned(),
                Some((flag, _)) if is_secret(flag) => format!("{flag}=***"),
                Some(_) | None => word.clone(),
            }
        })
        .collect()
}

/// The value after a name in a file of lines.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(
        line.trim_start_matches([' ', '\t', ':'])
            .trim_matches('"')
            .to_owned(),
    )
}

fn memory() -> u64 {
    field("/proc/meminfo", "MemTotal:")
        .and_then(|text| text.split_ascii_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or_default()
        * 1024
}

/// The Python that a command runs: its first word, or the one of the active environment.
fn interpreter(argv: &[String]) -> Option<PathBuf> {
    let first = Path::new(argv.first()?);
    let name = first.file_name()?.to_str()?;
    if name.starts_with("python") {
        return Some(first.to_owned());
    }
    // A shell's line that names one means the first in PATH.
    let line = argv.join(" ");
    let named = ["python3", "python"]
        .into_iter()
        .find(|name| line.contains(name));
    if let Some(named) = named {
        return Some(PathBuf::from(named));
    }
    let active = env::var_os("VIRTUAL_ENV").or_else(|| env::var_os("CONDA_PREFIX"))?;
    Some(Path::new(&active).join("bin/python"))
}

fn ask(python: &Path, cwd: &Path) -> Option<Python> {
    // Not in the command's folder: a module there with a standard name would be run.
    let python = if python.is_relative() && python.components().count() > 1 {
        cwd.join(python)
    } else {
        python.to_owned()
    };
    let output = Command::new(python)
        .args(["-c", ASK])
        .current_dir("/")
        .env_remove("PYTHONPATH")
        .env_remove("PYTHONSTARTUP")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    serde_json::from_slice(&output.stdout).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_python_tells_of_itself() {
        let python = env::var("TRIMTAB_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let argv = [python, "train.py".to_owned()];
        let environment = Environment::read(&argv, Path::new("/tmp"));
        let found = environment.python.as_ref().unwrap();
        assert!(found.version.starts_with("3."), "{found:?}");
        let requirements = environment.requirements().unwrap();
        assert!(requirements.lines().count() > 0);
        assert!(
            requirements.lines().all(|line| line.contains("==")),
            "{requirements}"
        );
        assert!(environment.memory_bytes > 1 << 20 && environment.cores > 0);
        let json = serde_json::to_value(&environment).unwrap();
        assert_eq!(json["version"], 1);
        assert_eq!(json["argv"][1], "train.py");
    }

    #[test]
    fn no_secret_is_read() {
        let argv = [
            "train.py",
            "--api_key",
            "k",
            "--token=t",
            "--tokens",
            "9",
            "--lr=1",
        ]
        .map(str::to_owned);
        let kept = without_secrets(&argv);
        assert_eq!(
            kept,
            [
                "train.py",
                "--api_key",
                "***",
                "--token=***",
                "--tokens",
                "9",
                "--lr=1"
            ]
        );
        for name in VARIABLES {
            for word in ["KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL"] {
                assert!(!name.contains(word), "{name}");
            }
        }
    }
}
