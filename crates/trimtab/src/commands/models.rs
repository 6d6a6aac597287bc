//! `trimtab models serve`: one model alone.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use trimtab_access::{Access, AccessMode};
use trimtab_edge::{HostPolicy, Server, Shell};
use trimtab_edge_api::wire::{ArtifactEntry, List, Model};
use trimtab_edge_oip::Inference;
use trimtab_events::EventLog;
use trimtab_serving::{EndpointSpec, FetchError, ModelSource, Serving, Traffic};
use trimtab_telemetry::{LogFormat, Metrics, Tasks};
use trimtab_types::{Clock, Name, Scope};

use super::{Context, logs, told_to_stop};
use crate::{
    cli::ModelsCommand,
    client::{Client, segment},
    config::Flags,
    engines::{PythonSettings, cached, engines},
    folder::{ClockKind, DataFolder},
    serve,
    told::{Exit, Told, told},
};

/// The one endpoint.
const ENDPOINT: &str = "model";
/// Its whole traffic needs no secret.
const SALT: &str = "models-serve";

pub(super) async fn run(context: &Context, command: ModelsCommand) -> anyhow::Result<()> {
    let ModelsCommand::Serve(args) = command;
    logs(LogFormat::Text, "info");
    let config = context.config(Flags::default())?;
    let temporary;
    let place = if let Some(folder) = &args.data_dir {
        folder.clone()
    } else {
        temporary = tempfile::tempdir().context("no temporary folder can be made")?;
        temporary.path().to_owned()
    };
    let folder = DataFolder::open(&place, ClockKind::Live)?;
    let model = find(context, &args.model, &folder).await?;
    let tasks = Tasks::new();
    let metrics = Metrics::default();
    let clock = Clock::system();
    let db = serve::open_database(None, &folder.path).await?;
    let access = Access::open(db.clone(), clock.clone(), AccessMode::Open)
        .await
        .map_err(|error| told(&error))?;
    let listeners = trimtab_edge::bind(&args.listen)
        .await
        .map_err(|error| told(&error))?;
    let is_loopback = listeners
        .iter()
        .all(|listener| listener.address.ip().is_loopback());
    if !is_loopback && !args.insecure_no_auth {
        return Err(Told::new(
            Exit::Refused,
            format!(
                "{} can be reached from other machines, and a single model asks nobody for a token",
                args.listen
            ),
        )
        .hint("add `--insecure-no-auth` where the network is yours, or use `trimtab server`")
        .into());
    }
    let url = format!("http://{}", listeners[0].address);
    let events = EventLog::open(&folder.inside("events")?, db.clone(), clock.clone(), &tasks)
        .await
        .map_err(|error| told(&error))?;
    let serving = Serving::new(
        db.clone(),
        clock,
        events.clone(),
        Arc::new(OneModel {
            folder: model.folder.clone(),
            registered_by: model
                .registered_by
                .clone()
                .or_else(|| args.trust_model.then(|| "the command line".to_owned())),
        }),
        engines(
            config.onnx_runtime.value.clone(),
            PythonSettings::of(&config),
            cached(&folder.path),
        ),
        &metrics,
        &tasks,
    );
    let endpoint = load(&serving, &model).await?;
    let host = HostPolicy {
        loopback_only: is_loopback,
        allowed: config.allowed_hosts.value,
        origins: config.allowed_origins.value,
    };
    let stopping = CancellationToken::new();
    let inference = Inference::new(serving.clone(), None, stopping.clone())
        .with_shared_memory(config.shared_memory.value);
    let router = Shell::new(access, metrics, tasks.clone(), host)
        .mount(trimtab_edge_oip::scoring_routes(
            inference.clone(),
            endpoint,
        ))
        .mount(trimtab_edge_oip::v2_routes(inference.clone()))
        .mount(trimtab_edge_oip::grpc_routes(inference))
        .into_router()?;
    let server = Server::start(listeners, router, &tasks);
    let answer = serde_json::json!({ "url": url, "model": model.name, "version": model.version });
    context.output.answer(&answer, || {
        format!(
            "{} version {} is at {url} (POST /invocations, POST /v2/models/{ENDPOINT}/infer)\n",
            model.name, model.version
        )
    })?;
    told_to_stop().await?;
    stopping.cancel();
    server.shutdown(std::time::Duration::from_secs(30)).await;
    if let Err(error) = serving.drain().await {
        tracing::error!(%error, "some predictions were not written");
    }
    events.close().await;
    tasks.shutdown(std::time::Duration::from_secs(10)).await;
    db.close().await;
    Ok(())
}

/// The model's files, on this machine.
struct Found {
    name: String,
    version: i64,
    folder: PathBuf,
    /// Who registered it, where it is from a registry.
    registered_by: Option<String>,
}

async fn find(context: &Context, uri: &str, folder: &DataFolder) -> anyhow::Result<Found> {
    let Some(registered) = uri.strip_prefix("models:/") else {
        let path = PathBuf::from(uri.strip_prefix("file://").unwrap_or(uri));
        if path.join("MLmodel").is_file() {
            return Ok(Found {
                name: uri.to_owned(),
                version: 1,
                folder: path,
                registered_by: None,
            });
        }
        return Err(Told::new(
            Exit::Refused,
            format!("`{uri}` is neither models:/NAME@ALIAS nor a folder with an MLmodel file"),
        )
        .hint("`trimtab models serve -m models:/iris@champion`")
        .into());
    };
    let client = context.client()?;
    let (name, version) = resolve(&client, registered).await?;
    let target = folder
        .inside("models")?
        .join(segment(&name))
        .join(version.to_string());
    if !target.join("MLmodel").is_file() {
        download(&client, &name, version, &target).await?;
    }
    let model: Model = client.get(&format!("models/{}", segment(&name))).await?;
    let mut versions = model.versions.into_iter();
    let found = versions.find(|known| known.version == version);
    Ok(Found {
        name,
        version,
        folder: target,
        registered_by: found.map(|found| found.created_by),
    })
}

async fn resolve(client: &Client, registered: &str) -> anyhow::Result<(String, i64)> {
    if let Some((name, alias)) = registered.rsplit_once('@') {
        let model: Model = client.get(&format!("models/{}", segment(name))).await?;
        let version = model
            .aliases
            .iter()
            .find(|known| known.alias == alias)
            .map(|known| known.version);
        return version
            .map(|version| (name.to_owned(), version))
            .ok_or_else(|| {
                let known: Vec<&str> = model
                    .aliases
                    .iter()
                    .map(|known| known.alias.as_str())
                    .collect();
                let told = Told::new(
                    Exit::Refused,
                    format!("model `{name}` has no alias `{alias}`"),
                );
                if known.is_empty() {
                    told.hint(format!("name a version: models:/{name}/1"))
                        .into()
                } else {
                    told.hint(format!("it has: {}", known.join(", "))).into()
                }
            });
    }
    registered
        .rsplit_once('/')
        .and_then(|(name, version)| Some((name.to_owned(), version.parse().ok()?)))
        .ok_or_else(|| {
            Told::new(
                Exit::Usage,
                format!("`models:/{registered}` names no version"),
            )
            .hint(format!(
                "write models:/{registered}@champion or models:/{registered}/1"
            ))
            .into()
        })
}

async fn download(client: &Client, name: &str, version: i64, target: &Path) -> anyhow::Result<()> {
    let base = format!("models/{}/versions/{version}/files", segment(name));
    let files: List<ArtifactEntry> = client.get(&base).await?;
    if files.items.is_empty() {
        return Err(Told::new(
            Exit::Refused,
            format!("version {version} of `{name}` holds no file"),
        )
        .into());
    }
    let unfinished = target.with_extension("unfinished");
    let _ = fs::remove_dir_all(&unfinished);
    for file in &files.items {
        let is_inside = Path::new(&file.path)
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
        anyhow::ensure!(is_inside, "the server names a file `{}`", file.path);
        let place = unfinished.join(&file.path);
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)
                .with_context(|| format!("cannot make {}", parent.display()))?;
        }
        let encoded: Vec<String> = file.path.split('/').map(segment).collect();
        let bytes = client
            .bytes(&format!("{base}/{}", encoded.join("/")))
            .await?;
        fs::write(&place, &bytes).with_context(|| format!("cannot write {}", place.display()))?;
    }
    fs::rename(&unfinished, target).with_context(|| format!("cannot write {}", target.display()))
}

async fn load(serving: &Serving, model: &Found) -> anyhow::Result<Name> {
    let scope = Scope::local();
    let name: Name = ENDPOINT.parse()?;
    let spec = EndpointSpec::new(name.clone(), ENDPOINT, model.name.clone());
    serving
        .apply(&scope, ENDPOINT, vec![spec])
        .await
        .map_err(|error| told(&error))?;
    serving.restore().await.map_err(|error| told(&error))?;
    let revision = serving
        .add_revision(&scope, &name, model.version)
        .await
        .map_err(|error| told(&error))?;
    let traffic = Traffic {
        champion: Some(revision.id),
        canary: None,
        shadow: None,
        salt: SALT.to_owned(),
        generation: 0,
    };
    serving
        .set_traffic(&scope, &name, traffic)
        .await
        .map_err(|error| told(&error))?;
    Ok(name)
}

/// The files are there already.
#[derive(Debug)]
struct OneModel {
    folder: PathBuf,
    registered_by: Option<String>,
}

#[async_trait]
impl ModelSource for OneModel {
    async fn fetch(&self, _: &Scope, _: &str, _: i64) -> Result<PathBuf, FetchError> {
        Ok(self.folder.clone())
    }

    async fn registered_by(
        &self,
        _: &Scope,
        _: &str,
        _: i64,
    ) -> Result<Option<String>, FetchError> {
        Ok(self.registered_by.clone())
    }
}
