//! The two servers, each a process (or a tree of them) of its own in a fresh folder.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::http::{Connection, get};

const PATIENCE: Duration = Duration::from_secs(90);

/// A server under measurement.
#[derive(Debug)]
pub(crate) struct Target {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From the start of the process to its first good answer.
    pub(crate) start_ms: f64,
    /// The peer's database, which is seeded directly.
    pub(crate) database: String,
}

impl Target {
    /// On its own SQLite, or on a PostgreSQL.
    pub(crate) fn trimtab(binary: &Path, folder: &Path, postgres: Option<&str>) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(binary);
        command
            .arg("server")
            .arg("--data-dir")
            .arg(folder.join("data"))
            .args(["--listen", &address.to_string()]);
        if let Some(url) = postgres {
            command.env("TRIMTAB_DATABASE", url);
        }
        Self::start(command, folder, address, String::new())
    }

    /// As the peer's users start it: SQLite or PostgreSQL, its own four workers, artifacts through the server.
    pub(crate) fn mlflow(python: &Path, folder: &Path, postgres: Option<&str>) -> Result<Self> {
        let database = postgres.map_or_else(
            || format!("sqlite:///{}", folder.join("mlflow.db").display()),
            str::to_owned,
        );
        let address = free_address()?;
        let mut command = Command::new(python);
        command
            .args(["-m", "mlflow", "server", "--serve-artifacts"])
            .args(["--host", "127.0.0.1", "--port", &address.port().to_string()])
            .args(["--backend-store-uri", &database])
            .arg("--artifacts-destination")
            .arg(folder.join("artifacts"))
            .env("MLFLOW_DISABLE_TELEMETRY", "true");
        Self::start(command, folder, address, database)
    }

    fn start(
        mut command: Command,
        folder: &Path,
        address: SocketAddr,
        database: String,
    ) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let begin = Instant::now();
        let child = command
            .current_dir(folder)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start the server")?;
        let mut target = Self {
            child,
            address,
            start_ms: 0.0,
            database,
        };
        while begin.elapsed() < PATIENCE {
            if is_healthy(address) {
                target.start_ms = begin.elapsed().as_secs_f64() * 1e3;
                return Ok(target);
            }
            if let Some(status) = target.child.try_wait()? {
                bail!("the server ended at its start with {status}");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        bail!("the server gave no healthy answer in {PATIENCE:?}");
    }

    /// Resident memory of all its processes, in megabytes.
    pub(crate) fn rss_mb(&self) -> f64 {
        self.processes()
            .iter()
            .filter_map(|process| std::fs::read_to_string(format!("/proc/{process}/statm")).ok())
            .filter_map(|text| text.split_whitespace().nth(1)?.parse::<f64>().ok())
            .map(|pages| pages * 4_096.0 / 1e6)
            .sum()
    }

    /// CPU seconds of all its processes so far.
    pub(crate) fn cpu_s(&self) -> f64 {
        self.processes().iter().map(|process| cpu_s(process)).sum()
    }

    /// Its processes: all of its process group.
    fn processes(&self) -> Vec<String> {
        let group = self.child.id().to_string();
        let Ok(all) = std::fs::read_dir("/proc") else {
            return Vec::new();
        };
        all.flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
            .filter(|name| {
                stat(name).and_then(|fields| fields.get(2).cloned()) == Some(group.clone())
            })
            .collect()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // The group is our own child's, and nothing that it holds is wanted.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.child.wait();
    }
}

/// CPU seconds of a process, by number or `self`.
pub(crate) fn cpu_s(process: &str) -> f64 {
    let ticks =
        |fields: &[String], i: usize| fields.get(i).and_then(|text| text.parse::<f64>().ok());
    stat(process)
        .and_then(|fields| Some((ticks(&fields, 11)? + ticks(&fields, 12)?) / 100.0))
        .unwrap_or(0.0)
}

/// The fields of `/proc/N/stat` behind the name, which may hold anything.
fn stat(process: &str) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?)
}

fn is_healthy(address: SocketAddr) -> bool {
    Connection::open(address)
        .and_then(|mut connection| connection.call(&get("/health")))
        .is_ok_and(|answer| answer.status == 200)
}
