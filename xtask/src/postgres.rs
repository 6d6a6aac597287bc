//! A PostgreSQL server for tests and measurements: its own cluster, on a free port of loopback, gone with the value.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::files::Temporary;
use crate::workplace::Workplace;
use crate::{apt, shell, tools};

/// Starts the server, and stops it when its stdin closes: also when we are killed.
const WATCHED: &str = r#""$@" & server=$!; read -r _; kill -INT "$server"; wait "$server""#;

/// Longer than any start seen.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(crate) struct Postgres {
    child: Child,
    port: u16,
    // Removed after the server has stopped.
    folder: Folder,
}

#[derive(Debug)]
enum Folder {
    InTarget(PathBuf),
    Elsewhere(Temporary),
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::InTarget(path) => path,
            Self::Elsewhere(folder) => folder.path(),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Self::InTarget(path) = self {
            // Best effort: the next start clears it too.
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

/// Speed before safety: the cluster lives as long as the tests.
const OF_TESTS: &[&str] = &[
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=400",
];

impl Postgres {
    /// For tests.
    pub(crate) fn start(place: &Workplace) -> Result<Self> {
        Self::start_with(place, OF_TESTS)
    }

    /// For measurements: as PostgreSQL comes, with every commit on the disk.
    pub(crate) fn start_durable(place: &Workplace) -> Result<Self> {
        Self::start_with(place, &["max_connections=400"])
    }

    fn start_with(place: &Workplace, settings: &[&str]) -> Result<Self> {
        let programs = tools::postgres().map_err(|missing| anyhow::anyhow!(missing.how))?;
        // PostgreSQL refuses to run as root.
        let user = if apt::is_root() {
            Some(user("postgres").context("no user `postgres` to run PostgreSQL as")?)
        } else {
            None
        };
        let folder = cluster_folder(place, user)?;
        let data = folder.path().join("data");
        shell::run_quietly(
            as_user(Command::new(programs.join("initdb")), user)
                .args(["--username=postgres", "--auth=trust", "--encoding=UTF8"])
                .args(["--no-locale", "--no-sync", "--pgdata"])
                .arg(&data),
        )?;
        let port = free_port()?;
        let log = std::fs::File::create(folder.path().join("log"))?;
        let child = as_user(Command::new("sh"), user)
            .args(["-c", WATCHED, "sh"])
            .arg(programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .arg("-p")
            .arg(port.to_string())
            .args([
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "unix_socket_directories=",
            ])
            .args(settings.iter().flat_map(|setting| ["-c", setting]))
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start PostgreSQL")?;
        let mut server = Self {
            child,
            port,
            folder,
        };
        server.wait_until_ready(&data)?;
        Ok(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/postgres", self.server_url())
    }

    /// The URL before the name of a database.
    pub(crate) fn server_url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}", self.port)
    }

    pub(crate) fn create_database(&self, name: &str) -> Result<()> {
        let programs = tools::postgres().map_err(|missing| anyhow::anyhow!(missing.how))?;
        shell::run_quietly(
            Command::new(programs.join("createdb"))
                .args(["--host=127.0.0.1", "--username=postgres"])
                .args([&format!("--port={}", self.port), name]),
        )
    }

    /// The server writes `ready` into its pid file once it takes connections.
    fn wait_until_ready(&mut self, data: &Path) -> Result<()> {
        let begin = Instant::now();
        let pid_file = data.join("postmaster.pid");
        while begin.elapsed() < PATIENCE {
            let is_ready = std::fs::read_to_string(&pid_file).is_ok_and(|text| {
                text.lines()
                    .nth(7)
                    .is_some_and(|line| line.trim() == "ready")
            });
            if is_ready {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "PostgreSQL ended at its start with {status}\n{}",
                    self.log()
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("PostgreSQL was not ready in {PATIENCE:?}\n{}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Closing stdin is the word to stop; writing first wakes `read` even if a copy of the pipe is open elsewhere.
        if let Some(mut stdin) = self.child.stdin.take() {
            let _ = writeln!(stdin);
        }
        let _ = self.child.wait();
    }
}

/// A user's ids, from the system's list.
fn user(name: &str) -> Option<(u32, u32)> {
    let list = std::fs::read_to_string("/etc/passwd").ok()?;
    list.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some((uid, gid))
    })
}

fn as_user(mut command: Command, user: Option<(u32, u32)>) -> Command {
    use std::os::unix::process::CommandExt as _;
    // A folder that every user may enter.
    command.current_dir("/");
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// In the target folder; elsewhere when the database's user cannot enter that.
fn cluster_folder(place: &Workplace, user: Option<(u32, u32)>) -> Result<Folder> {
    let folder = place.target.join("postgres");
    let folder = if user.is_none() || is_open_to_all(&place.target) {
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        Folder::InTarget(folder)
    } else {
        Folder::Elsewhere(Temporary::new("postgres")?)
    };
    if let Some((uid, gid)) = user {
        std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid))?;
    }
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

fn is_open_to_all(folder: &Path) -> bool {
    folder.ancestors().all(|folder| {
        folder
            .metadata()
            .is_ok_and(|metadata| metadata.mode() & 0o001 != 0)
    })
}

pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_starts_answers_and_leaves_nothing() {
        if tools::postgres().is_err() {
            return;
        }
        let root = crate::files::temporary_folder("pg").unwrap();
        let place = Workplace {
            root: root.clone(),
            target: root.join("target"),
        };
        std::fs::create_dir_all(&place.target).unwrap();
        let server = Postgres::start(&place).unwrap();
        assert!(server.url().starts_with("postgresql://postgres@127.0.0.1:"));
        let port = server.port;
        assert!(std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        let folder = server.folder.path().to_path_buf();
        drop(server);
        assert!(std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
        assert!(!folder.exists());
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn root_is_in_the_list_of_users() {
        assert_eq!(user("root"), Some((0, 0)));
        assert_eq!(user("nobody-of-this-name"), None);
    }
}
