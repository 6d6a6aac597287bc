//! The binary under measurement, as a process of its own in a fresh data folder.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::http::{Connection, get};

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    folder: PathBuf,
    /// From the start of the process to its first answer of 200 to `/health`.
    pub(crate) start_ms: f64,
}

impl Server {
    pub(crate) fn start(binary: &Path, folder: &Path) -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        std::fs::create_dir_all(folder)?;
        let begin = Instant::now();
        let child = Command::new(binary)
            .arg("server")
            .arg("--data-dir")
            .arg(folder.join("data"))
            .args(["--listen", &address.to_string()])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let mut server = Self {
            child,
            address,
            folder: folder.to_path_buf(),
            start_ms: 0.0,
        };
        while begin.elapsed() < PATIENCE {
            if is_healthy(address) {
                server.start_ms = begin.elapsed().as_secs_f64() * 1e3;
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                bail!("the server ended at its start with {status}");
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        bail!("the server gave no healthy answer in {PATIENCE:?}");
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Resident memory in megabytes.
    pub(crate) fn rss_mb(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|text| text.trim().strip_suffix(" kB"))
            .and_then(|number| number.trim().parse::<f64>().ok())
            .map(|kilobytes| kilobytes / 1024.0)
            .context("the kernel does not say how much memory the server holds")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing that it holds is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn is_healthy(address: SocketAddr) -> bool {
    Connection::open(address)
        .and_then(|mut connection| connection.call(&get("/health")))
        .is_ok_and(|answer| answer.status == 200)
}
