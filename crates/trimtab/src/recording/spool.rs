//! Spools: data folders below `.trimtab/spool/`, one for each recorded process whose server was away.
//!
//! A spool is served by the same tracking server as any data folder, so that the stock client misses nothing, and what
//! it acknowledged is as durable. Delivery reads it back through that server.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use trimtab_transfer::{Begun, ImportReport, Peer, deliver as transfer};

use crate::{
    client,
    commands::import::explain,
    serve::{self, Running, ServerConfig},
    told::{Exit, Told},
};

/// Where spools are, below the folder that a command was run in.
const PLACE: &str = ".trimtab/spool";
/// The version of `spool.json`.
const VERSION: u32 = 1;

/// What a spool is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    version: u32,
    /// The server's address.
    server: String,
    /// The workspace, where one was said.
    workspace: Option<String>,
    /// What began at the server.
    begun: Begun,
}

/// A spool with its server running.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    running: Running,
}

impl Spool {
    /// Begins a spool in a folder of its own, and makes the records that began at the server.
    pub(crate) async fn begin(
        root: &Path,
        id: &str,
        server: &str,
        workspace: Option<&str>,
        begun: &Begun,
    ) -> anyhow::Result<Self> {
        let place = root.join(PLACE);
        let folder = place.join(id);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        // Neither in a commit, nor in the patch of the code.
        write(&place.join(".gitignore"), b"*\n")?;
        let note = Note {
            version: VERSION,
            server: server.to_owned(),
            workspace: workspace.map(str::to_owned),
            begun: begun.clone(),
        };
        write(
            &folder.join("spool.json"),
            &serde_json::to_vec_pretty(&note)?,
        )?;
        let spool = Self::open(&folder).await?;
        begun
            .seed(&spool.peer()?)
            .await
            .map_err(|error| explain(&error))?;
        Ok(spool)
    }

    async fn open(folder: &Path) -> anyhow::Result<Self> {
        let running = serve::start(ServerConfig {
            data_dir: folder.join("data"),
            listen: vec!["127.0.0.1:0".to_owned()],
            ..ServerConfig::default()
        })
        .await?;
        Ok(Self {
            folder: folder.to_owned(),
            running,
        })
    }

    /// The address of its server.
    pub(crate) fn url(&self) -> &str {
        &self.running.url
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn peer(&self) -> anyhow::Result<Peer> {
        Peer::trimtab(self.url(), None, None).map_err(|error| explain(&error))
    }

    /// Ends its server; everything is on the disk.
    pub(crate) async fn close(self) {
        self.running.shutdown().await;
    }
}

/// What became of a spool.
#[derive(Debug, Serialize)]
pub(crate) struct Delivery {
    /// Its folder.
    pub(crate) spool: PathBuf,
    /// The server that has it now.
    pub(crate) server: String,
    /// What was brought.
    #[serde(flatten)]
    pub(crate) report: ImportReport,
}

/// The spools below a folder, oldest first.
pub(crate) fn spools(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let place = root.join(PLACE);
    let entries = match fs::read_dir(&place) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", place.display()));
        }
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "delivered") {
            // Delivered by a command that was ended before it could clear up.
            let _ = fs::remove_dir_all(&path);
        } else if path.join("spool.json").is_file() {
            found.push(path);
        }
    }
    // Their names are UUIDv7.
    found.sort();
    Ok(found)
}

/// Brings a spool to the server that it is for, or to another, and removes it.
pub(crate) async fn deliver(
    folder: &Path,
    server: Option<&str>,
    workspace: Option<&str>,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> anyhow::Result<Delivery> {
    let note = read(folder)?;
    let server = server.unwrap_or(&note.server).to_owned();
    let workspace = workspace
        .map(str::to_owned)
        .or_else(|| note.workspace.clone());
    let target =
        Peer::trimtab(&server, client::token(), workspace).map_err(|error| explain(&error))?;
    // Holds the folder: a process that still writes to it, or another delivery, is told of by its lock.
    let spool = Spool::open(folder).await?;
    let id = folder.file_name().unwrap_or_default().to_string_lossy();
    let report = match spool.peer() {
        Ok(peer) => transfer(&peer, &id, &note.begun, &target, progress)
            .await
            .map_err(|error| explain(&error)),
        Err(error) => Err(error),
    };
    let done = report.is_ok().then(|| folder.with_extension("delivered"));
    if let Some(done) = &done {
        // While it is held: nobody delivers it a second time.
        fs::rename(folder, done)
            .with_context(|| format!("cannot set aside {}", folder.display()))?;
    }
    spool.close().await;
    let report = report?;
    if let Some(done) = done {
        fs::remove_dir_all(&done).with_context(|| format!("cannot remove {}", done.display()))?;
    }
    Ok(Delivery {
        spool: folder.to_owned(),
        server,
        report,
    })
}

fn read(folder: &Path) -> anyhow::Result<Note> {
    let path = folder.join("spool.json");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let version = serde_json::from_str::<serde_json::Value>(&text)
        .ok()
        .and_then(|note| note["version"].as_u64());
    if version != Some(u64::from(VERSION)) {
        return Err(Told::new(
            Exit::Refused,
            format!(
                "{} is of a version that this program does not read",
                path.display()
            ),
        )
        .hint("deliver it with the Trimtab that made it, or a newer one")
        .into());
    }
    serde_json::from_str(&text).with_context(|| format!("{} is broken", path.display()))
}

/// Writes a file whole: under another name, synced, renamed.
fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let other = path.with_extension("new");
    let put = || -> io::Result<()> {
        let mut file = fs::File::create(&other)?;
        io::Write::write_all(&mut file, content)?;
        file.sync_all()?;
        fs::rename(&other, path)
    };
    put().with_context(|| format!("cannot write {}", path.display()))
}
