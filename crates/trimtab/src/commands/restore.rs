//! `trimtab restore`: makes a data folder of a backup, every file checked against its hash.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use trimtab_db::Db;
use trimtab_edge_api::POSTGRES_COPY;

use super::Context;
use crate::{
    config, serve,
    told::{Exit, Told, told},
    vault::{self, Manifest},
};

/// Options of `trimtab restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The folder with the backup.
    #[arg(value_name = "SOURCE")]
    pub(crate) source: PathBuf,
    /// The data folder to make; it must not be there, or be empty.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// The PostgreSQL database to fill, where the backup is of one: a URL, env:NAME or file:/path; it must be empty.
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
}

/// What was restored.
#[derive(Debug, Serialize)]
struct Answer {
    id: String,
    begun_at: String,
    data_dir: PathBuf,
    files: usize,
    bytes: u64,
}

/// The database to fill, when the backup is of one.
fn database(manifest: &Manifest, wanted: Option<&str>) -> anyhow::Result<Option<String>> {
    let has_copy = manifest
        .files
        .iter()
        .any(|entry| entry.path == POSTGRES_COPY);
    match (has_copy, wanted) {
        (true, Some(text)) => config::resolve_database(text).map(Some),
        (false, None) => Ok(None),
        (true, None) => Err(Told::new(
            Exit::Usage,
            "the backup is of a server on PostgreSQL, and no database is named",
        )
        .hint("make an empty one, and name it with --database postgresql://user@host/name")
        .into()),
        (false, Some(_)) => Err(Told::new(
            Exit::Usage,
            "the backup is of a server on SQLite: its database is restored into the data folder",
        )
        .hint("leave --database out")
        .into()),
    }
}

pub(super) async fn run(context: &Context, args: RestoreArgs) -> anyhow::Result<()> {
    let Some(manifest) = vault::read_manifest(&args.source)? else {
        return Err(Told::new(
            Exit::Refused,
            format!("there is no backup in {}", args.source.display()),
        )
        .hint("name the folder that `trimtab backup` wrote; without MANIFEST.json it was not finished")
        .into());
    };
    let database = database(&manifest, args.database.as_deref())?;
    let target = std::path::absolute(&args.data_dir)?;
    if fs::read_dir(&target).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Told::new(
            Exit::Refused,
            format!(
                "{} is not empty: nothing is restored over it",
                target.display()
            ),
        )
        .hint("name a new folder with --data-dir")
        .into());
    }
    // Under another name until it is whole, so that no server starts on half of it.
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".restoring");
    let building = target.with_file_name(name);
    if building.exists() {
        fs::remove_dir_all(&building)
            .with_context(|| format!("cannot clear {}", building.display()))?;
    }
    let mut built = build(&args.source, &manifest, &building);
    if let (Some(url), Ok(_)) = (&database, &built)
        && let Err(error) = fill(url, &building.join(POSTGRES_COPY)).await
    {
        built = Err(error);
    }
    if built.is_err() {
        let _ = fs::remove_dir_all(&building);
    }
    let bytes = built?;
    let put = || -> std::io::Result<()> {
        if target.exists() {
            fs::remove_dir(&target)?;
        }
        fs::rename(&building, &target)?;
        match target.parent() {
            Some(parent) => fs::File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    };
    put().with_context(|| format!("cannot make {}", target.display()))?;
    let answer = Answer {
        id: manifest.id,
        begun_at: manifest.begun_at,
        files: manifest.files.len(),
        bytes,
        data_dir: target,
    };
    context.output.answer(&answer, || {
        format!(
            "restored backup {} into {}: {} files, {} bytes, all verified\n\n  trimtab server --data-dir {}{}\n",
            answer.id,
            answer.data_dir.display(),
            answer.files,
            answer.bytes,
            answer.data_dir.display(),
            args.database
                .map(|database| format!(" --database {database}"))
                .unwrap_or_default()
        )
    })
}

/// Fills the database, and removes the copy from the data folder, which is not its place.
async fn fill(url: &str, copy: &Path) -> anyhow::Result<()> {
    Db::restore_postgres(url, copy, serve::MIGRATIONS)
        .await
        .map_err(|error| told(&error))?;
    fs::remove_file(copy).with_context(|| format!("cannot remove {}", copy.display()))
}

fn build(source: &Path, manifest: &Manifest, building: &Path) -> anyhow::Result<u64> {
    fs::create_dir_all(building).with_context(|| format!("cannot make {}", building.display()))?;
    let mut bytes = 0;
    for entry in &manifest.files {
        let from = vault::place(source, &manifest.id, &entry.path, entry.is_final);
        let (hash, size) = vault::copy(&from, &building.join(&entry.path)).map_err(|error| {
            Told::new(
                Exit::Failed,
                format!("`{}` of the backup cannot be copied: {error}", entry.path),
            )
        })?;
        if hash != entry.blake3 || size != entry.size {
            return Err(Told::new(
                Exit::Failed,
                format!(
                    "`{}` of the backup is damaged: it is not what was backed up",
                    entry.path
                ),
            )
            .hint("make the backup again, or restore from another one")
            .into());
        }
        bytes += size;
    }
    Ok(bytes)
}
