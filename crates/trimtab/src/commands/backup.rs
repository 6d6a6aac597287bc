//! `trimtab backup`: fetches what the folder lacks from a running server, which goes on serving.

use std::{collections::HashMap, path::PathBuf};

use anyhow::Context as _;
use clap::Args;
use futures::{StreamExt, TryStreamExt};
use serde::Serialize;
use trimtab_edge_api::wire::{Backup, BackupFile};

use super::Context;
use crate::{
    client::{Client, segment},
    told::{Exit, Told},
    vault::{self, Entry, Manifest, Vault, Writing},
};

/// How many files are fetched at once.
const AT_ONCE: usize = 8;

/// Options of `trimtab backup`.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The folder for it; with an earlier backup in it, only what is new is fetched.
    #[arg(value_name = "DEST")]
    pub(crate) dest: PathBuf,
}

/// What a backup was.
#[derive(Debug, Serialize)]
struct Answer {
    id: String,
    begun_at: String,
    files: u64,
    bytes: u64,
    fetched_files: u64,
    fetched_bytes: u64,
}

pub(super) async fn run(context: &Context, args: BackupArgs) -> anyhow::Result<()> {
    let client = context.client()?;
    let vault = Vault::open(&args.dest)?;
    let known = known(vault.manifest()?);
    let backup: Backup = client.post("backups", &serde_json::json!({})).await?;
    let fetched = fetch_all(&client, &vault, &backup, &known).await;
    let ended = client
        .delete::<serde_json::Value>(&format!("backups/{}", backup.id))
        .await;
    let fetched = fetched?;
    // What was fetched is whole; a server that could not be told lets its files go by itself.
    if let Err(error) = ended {
        context.output.note(&format!(
            "the server could not be told that the backup is over: {error}"
        ));
    }
    let mut manifest = Manifest::new(backup.id, backup.begun_at.0.to_string(), backup.version);
    let mut answer = Answer {
        id: manifest.id.clone(),
        begun_at: manifest.begun_at.clone(),
        files: 0,
        bytes: 0,
        fetched_files: 0,
        fetched_bytes: 0,
    };
    for (entry, is_fetched) in fetched {
        answer.files += 1;
        answer.bytes += entry.size;
        if is_fetched {
            answer.fetched_files += 1;
            answer.fetched_bytes += entry.size;
        }
        manifest.files.push(entry);
    }
    manifest.files.sort_by(|a, b| a.path.cmp(&b.path));
    vault.finish(&manifest)?;
    context.output.answer(&answer, || {
        format!(
            "backup {} in {}: {} files, {} bytes; fetched {} files, {} bytes\nall that was acknowledged before {} is in it\n",
            answer.id,
            args.dest.display(),
            answer.files,
            answer.bytes,
            answer.fetched_files,
            answer.fetched_bytes,
            answer.begun_at
        )
    })
}

/// The lasting files of the last backup, by path.
fn known(manifest: Option<Manifest>) -> HashMap<String, Entry> {
    let files = manifest.map(|manifest| manifest.files).unwrap_or_default();
    files
        .into_iter()
        .filter(|entry| entry.is_final)
        .map(|entry| (entry.path.clone(), entry))
        .collect()
}

async fn fetch_all(
    client: &Client,
    vault: &Vault,
    backup: &Backup,
    known: &HashMap<String, Entry>,
) -> anyhow::Result<Vec<(Entry, bool)>> {
    // In the order of the list: what must be read first stands first.
    futures::stream::iter(&backup.files)
        .map(|file| fetch(client, vault, &backup.id, file, known.get(&file.path)))
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

/// One file, and whether it had to be fetched.
async fn fetch(
    client: &Client,
    vault: &Vault,
    id: &str,
    file: &BackupFile,
    known: Option<&Entry>,
) -> anyhow::Result<(Entry, bool)> {
    if !vault::is_inside(&file.path) {
        return Err(Told::new(
            Exit::Refused,
            format!("the server names the file `{}`", file.path),
        )
        .into());
    }
    let place = vault.place(id, &file.path, file.is_final);
    let entry = |blake3: String| Entry {
        path: file.path.clone(),
        size: file.size,
        blake3,
        is_final: file.is_final,
    };
    if file.is_final {
        // A file has its name only when it is whole. Without the server's word, the last manifest's is needed.
        let is_there = std::fs::metadata(&place).is_ok_and(|about| about.len() == file.size);
        let hash = file.blake3.clone().or_else(|| {
            known
                .filter(|known| known.size == file.size)
                .map(|known| known.blake3.clone())
        });
        if let (true, Some(hash)) = (is_there, hash) {
            return Ok((entry(hash), false));
        }
    }
    let path: Vec<String> = file.path.split('/').map(segment).collect();
    let mut response = client
        .response(&format!("backups/{id}/files/{}", path.join("/")))
        .await?;
    let broken = || format!("`{}` could not be fetched", file.path);
    let mut writing = Writing::begin(&place).with_context(broken)?;
    while let Some(chunk) = response.chunk().await.with_context(broken)? {
        writing.write(&chunk).with_context(broken)?;
    }
    let (hash, size) = writing.finish().with_context(broken)?;
    if size != file.size || file.blake3.as_ref().is_some_and(|wanted| *wanted != hash) {
        // It must not be taken for whole by the next backup.
        let _ = std::fs::remove_file(&place);
        return Err(Told::new(
            Exit::Failed,
            format!("`{}` is not what the server says that it is", file.path),
        )
        .hint("its content on the server's disk is damaged: restore it from an earlier backup")
        .into());
    }
    Ok((entry(hash), true))
}
