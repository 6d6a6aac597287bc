//! The composition: opens the data folder, builds every service once, mounts the edges, runs the loop. Commands and
//! replays start the same server.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration as StdDuration,
};

use tokio_util::sync::CancellationToken;
use trimtab_access::{Access, AccessMode};
use trimtab_blob::{BlobStore, S3};
use trimtab_data::Data;
use trimtab_db::{Db, Migration};
use trimtab_edge::{HostPolicy, Listener, Server, Shell};
use trimtab_edge_api::{Api, Backups, ProcessInfo, Services};
use trimtab_edge_oip::Inference;
use trimtab_events::EventLog;
use trimtab_exec::{Executor, LocalExecutor};
use trimtab_loop::{Loop, LoopServices, TrainingEnv};
use trimtab_monitor::Monitors;
use trimtab_pipeline::{PipelineDirs, Pipelines};
use trimtab_registry::{Registry, WebhookPolicy, Webhooks};
use trimtab_serving::Serving;
use trimtab_telemetry::{Metrics, Tasks};
use trimtab_tracking::Tracking;
use trimtab_types::{Clock, Time, WorkspaceId};
use trimtab_wiring::{ChampionReferences, DatasetChecks, RegistryModels};

use crate::{
    config::{self, Config},
    engines::{PythonSettings, engines},
    folder::{ClockKind, DataFolder, require_database},
    keeper,
    recording::RecordedStages,
    told::{Exit, Told, told},
};

/// The schema of the whole house, in the order of its floors.
pub(crate) const MIGRATIONS: &[&[Migration]] = &[
    trimtab_blob::MIGRATIONS,
    trimtab_events::MIGRATIONS,
    trimtab_access::MIGRATIONS,
    trimtab_tracking::MIGRATIONS,
    trimtab_registry::MIGRATIONS,
    trimtab_data::MIGRATIONS,
    trimtab_pipeline::MIGRATIONS,
    trimtab_serving::MIGRATIONS,
    trimtab_monitor::MIGRATIONS,
    trimtab_loop::MIGRATIONS,
];

/// How long requests in flight may take at shutdown.
const LAST_REQUESTS: StdDuration = StdDuration::from_secs(30);
/// How long background work may take to end at shutdown.
const LAST_WORK: StdDuration = StdDuration::from_secs(10);
/// How long a training command may take to end when it is told to.
const STAGE_GRACE: StdDuration = StdDuration::from_secs(10);

/// How a server runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerConfig {
    /// Where its data are.
    pub(crate) data_dir: PathBuf,
    /// Where it listens: `127.0.0.1:5000`, `[::1]:5000`, `localhost:5000` (both).
    pub(crate) listen: Vec<String>,
    /// Run on the replay clock, which begins here in a new folder.
    pub(crate) replay_from: Option<Time>,
    /// Seed of everything that draws at random.
    pub(crate) seed: u64,
    /// PostgreSQL instead of SQLite in the data folder.
    pub(crate) database: Option<String>,
    /// The Python that training stages find first.
    pub(crate) python: Option<PathBuf>,
    /// ONNX Runtime's library.
    pub(crate) onnx_runtime: Option<PathBuf>,
    /// How Python models run.
    pub(crate) python_models: PythonSettings,
    /// Ask nobody for a token.
    pub(crate) insecure_no_auth: bool,
    /// Names that it answers to beside loopback's.
    pub(crate) allowed_hosts: Vec<String>,
    /// Origins whose pages may post.
    pub(crate) allowed_origins: Vec<String>,
    /// Webhooks may call addresses of private networks.
    pub(crate) webhooks_allow_private: bool,
    /// Clients may hand tensors over in system shared memory.
    pub(crate) shared_memory: bool,
    /// How long what was deleted is kept; without it, for ever.
    pub(crate) keep_deleted: Option<trimtab_types::Duration>,
}

impl ServerConfig {
    /// What the settings say.
    pub(crate) fn of(config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            data_dir: config.data_dir.value.clone(),
            listen: config.listen.value.clone(),
            replay_from: None,
            seed: 0,
            database: config
                .database
                .value
                .as_deref()
                .map(config::resolve_database)
                .transpose()?,
            python: config.python.value.clone(),
            onnx_runtime: config.onnx_runtime.value.clone(),
            python_models: PythonSettings::of(config),
            insecure_no_auth: config.insecure_no_auth.value,
            allowed_hosts: config.allowed_hosts.value.clone(),
            allowed_origins: config.allowed_origins.value.clone(),
            webhooks_allow_private: config.webhooks_allow_private.value,
            shared_memory: config.shared_memory.value,
            keep_deleted: config.keep_deleted.value,
        })
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Running {
    /// Its address, as a person would type it.
    pub(crate) url: String,
    /// Its services.
    pub(crate) services: Services,
    server: Server,
    tasks: Tasks,
    _folder: DataFolder,
}

/// Starts a server; answers when it can be called.
pub(crate) async fn start(config: ServerConfig) -> anyhow::Result<Running> {
    let is_replay = config.replay_from.is_some();
    let kind = if is_replay {
        ClockKind::Replay
    } else {
        ClockKind::Live
    };
    let folder = DataFolder::open(&config.data_dir, kind)?;
    let tasks = Tasks::new();
    let metrics = Metrics::default();
    let db = open_database(config.database.as_deref(), &folder.path).await?;
    let clock = match config.replay_from {
        Some(from) => {
            let reached = Loop::clock_reached(&db)
                .await
                .map_err(|error| told(&error))?;
            Clock::replay(reached.map_or(from, |reached| reached.max(from)))
        }
        None => Clock::system(),
    };
    let mode = if config.insecure_no_auth {
        AccessMode::Open
    } else {
        AccessMode::Tokens
    };
    let access = Access::open(db.clone(), clock.clone(), mode)
        .await
        .map_err(|error| told(&error))?;
    let listeners = listen(&config, &access).await?;
    let url = url_of(&listeners);
    let started_at = clock.wall();
    let services = build(&config, &url, &folder, db, clock, access, metrics, &tasks).await?;
    services
        .controller
        .set_training_env(StageEnv::of(&config, &url, &services.access))
        .await;
    for restored in services
        .serving
        .restore()
        .await
        .map_err(|error| told(&error))?
    {
        if let Some(error) = restored.error {
            let revision = restored.revision;
            tracing::error!(endpoint = %revision.endpoint, version = revision.version, %error, "a revision could not be loaded again");
        }
    }
    let router = mount(&config, &services, &tasks, &listeners, started_at)?;
    let server = Server::start(listeners, router, &tasks);
    if !is_replay {
        tasks.spawn("loop", services.controller.clone().run(tasks.clone()));
        tasks.spawn(
            "keeper",
            keeper::run(services.clone(), config.keep_deleted, tasks.clone()),
        );
    }
    Ok(Running {
        url,
        services,
        server,
        tasks,
        _folder: folder,
    })
}

impl Running {
    /// Requests in flight are answered, what was accepted is written, and everything ends.
    pub(crate) async fn shutdown(self) {
        self.services.stopping.cancel();
        if !self.server.shutdown(LAST_REQUESTS).await {
            tracing::warn!("some requests were not answered in time");
        }
        if let Err(error) = self.services.serving.drain().await {
            tracing::error!(%error, "some shadow predictions were not written");
        }
        self.services.events.close().await;
        if !self.tasks.shutdown(LAST_WORK).await {
            tracing::warn!(
                "some background work did not end in time; it goes on at the next start"
            );
        }
        self.services.db.close().await;
    }
}

/// The database of a data folder, migrated.
pub(crate) async fn open_database(url: Option<&str>, folder: &Path) -> anyhow::Result<Db> {
    require_database(folder, url.is_some())?;
    let db = match url {
        Some(url) => Db::open_postgres(url).await,
        None => Db::open_sqlite(&folder.join("trimtab.db")),
    }
    .map_err(|error| told(&error))?;
    db.migrate(MIGRATIONS).await.map_err(|error| told(&error))?;
    Ok(db)
}

async fn listen(config: &ServerConfig, access: &Access) -> anyhow::Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    for address in &config.listen {
        listeners.extend(
            trimtab_edge::bind(address)
                .await
                .map_err(|error| told(&error))?,
        );
    }
    if listeners.is_empty() {
        return Err(
            Told::new(Exit::Usage, "the server has no address to listen on")
                .hint("`--listen 127.0.0.1:5000`")
                .into(),
        );
    }
    let open = listeners
        .iter()
        .find(|listener| !listener.address.ip().is_loopback());
    if let Some(open) = open
        && !access.has_tokens()
        && !config.insecure_no_auth
    {
        return Err(Told::new(
            Exit::Refused,
            format!(
                "{} can be reached from other machines, and no token exists yet",
                open.address.ip()
            ),
        )
        .hint(format!(
            "make the first one with `trimtab token create --data-dir {} --role admin`, listen on 127.0.0.1, or add `--insecure-no-auth`",
            config.data_dir.display()
        ))
        .into());
    }
    Ok(listeners)
}

/// The address that commands and clients on this machine use.
fn url_of(listeners: &[Listener]) -> String {
    let first = listeners
        .iter()
        .map(|listener| listener.address)
        .min_by_key(|address| (!address.ip().is_loopback(), address.is_ipv6()));
    match first {
        Some(address) if address.ip().is_unspecified() => {
            format!("http://127.0.0.1:{}", address.port())
        }
        Some(address) => format!("http://{address}"),
        None => String::new(),
    }
}

/// What runs the stages of pipelines. Under the replay clock nothing is recorded of them: what a stage used hangs on the
/// machine, and a replay must not.
fn executor(config: &ServerConfig, url: &str) -> Arc<dyn Executor> {
    let plain = LocalExecutor::new(STAGE_GRACE);
    if config.replay_from.is_some() {
        return Arc::new(plain);
    }
    match RecordedStages::new(plain, url) {
        Ok(recorded) => Arc::new(recorded),
        Err(plain) => Arc::new(plain),
    }
}

async fn build(
    config: &ServerConfig,
    url: &str,
    folder: &DataFolder,
    db: Db,
    clock: Clock,
    access: Access,
    metrics: Metrics,
    tasks: &Tasks,
) -> anyhow::Result<Services> {
    let blobs = BlobStore::open_with(
        &folder.inside("blobs")?,
        db.clone(),
        clock.clone(),
        Some(S3::from_env()),
    )
    .await
    .map_err(|error| told(&error))?;
    if blobs.is_foreign().await.map_err(|error| told(&error))? {
        return Err(Told::new(
            Exit::Failed,
            format!(
                "the database names files that the data folder {} does not have",
                folder.path.display()
            ),
        )
        .hint("start the server on the folder that belongs to this database: `--data-dir`")
        .into());
    }
    let events = EventLog::open(&folder.inside("events")?, db.clone(), clock.clone(), tasks)
        .await
        .map_err(|error| told(&error))?;
    let tracking = Tracking::new(db.clone(), clock.clone(), blobs.clone());
    let registry = Registry::new(db.clone(), clock.clone());
    let data = Data::new(db.clone(), clock.clone(), blobs, events.clone());
    let dirs = PipelineDirs {
        worktrees: folder.inside("worktrees")?,
        dvc_cache: folder.inside("dvc-cache")?,
    };
    let executor = executor(config, url);
    let pipelines = Pipelines::new(db.clone(), clock.clone(), dirs, executor);
    let models = RegistryModels::new(registry.clone(), tracking.clone(), folder.inside("models")?);
    let serving = Serving::new(
        db.clone(),
        clock.clone(),
        events.clone(),
        Arc::new(models),
        engines(
            config.onnx_runtime.clone(),
            config.python_models.clone(),
            folder.path.join("environments"),
        ),
        &metrics,
        tasks,
    );
    let monitors = Monitors::new(
        db.clone(),
        clock.clone(),
        events.clone(),
        Arc::new(ChampionReferences::new(
            serving.clone(),
            registry.clone(),
            data.clone(),
        )),
        Arc::new(DatasetChecks::new(data.clone())),
    );
    let of_loop = LoopServices {
        events: events.clone(),
        tracking: tracking.clone(),
        registry: registry.clone(),
        data: data.clone(),
        pipelines: pipelines.clone(),
        serving: serving.clone(),
        monitors: monitors.clone(),
    };
    let controller = Loop::new(db.clone(), clock.clone(), of_loop, folder.inside("inputs")?);
    controller.set_seed(config.seed);
    let backups = Backups::open(folder.path.clone(), clock.clone());
    let policy = WebhookPolicy {
        allow_private: config.webhooks_allow_private,
    };
    let webhooks = Webhooks::new(db.clone(), clock.clone(), policy);
    // A replay moves aliases that nobody moved: whoever is called would believe it.
    if config.replay_from.is_none() {
        tasks.spawn("webhooks", webhooks.clone().run(tasks.clone()));
    }
    Ok(Services {
        db,
        clock,
        metrics,
        stopping: CancellationToken::new(),
        access,
        events,
        tracking,
        registry,
        webhooks,
        data,
        pipelines,
        serving,
        monitors,
        controller,
        backups,
    })
}

fn mount(
    config: &ServerConfig,
    services: &Services,
    tasks: &Tasks,
    listeners: &[Listener],
    started_at: Time,
) -> anyhow::Result<axum::Router> {
    let process = ProcessInfo {
        version: env!("CARGO_PKG_VERSION"),
        started_at,
        onnx_runtime: config.onnx_runtime.clone(),
    };
    let host = HostPolicy {
        loopback_only: listeners
            .iter()
            .all(|listener| listener.address.ip().is_loopback()),
        allowed: config.allowed_hosts.clone(),
        origins: config.allowed_origins.clone(),
    };
    let shell = Shell::new(
        services.access.clone(),
        services.metrics.clone(),
        tasks.clone(),
        host,
    );
    edges(shell, services, process, config.shared_memory)
        .into_router()
        .map_err(Into::into)
}

/// Every edge of the server.
fn edges(shell: Shell, services: &Services, process: ProcessInfo, shared_memory: bool) -> Shell {
    let inference = Inference::new(
        services.serving.clone(),
        Some(services.registry.clone()),
        services.stopping.clone(),
    )
    .with_shared_memory(shared_memory);
    shell
        .mount(trimtab_edge_mlflow::routes(
            services.tracking.clone(),
            services.registry.clone(),
        ))
        .mount(trimtab_edge_mlflow::webhook_routes(
            services.webhooks.clone(),
        ))
        .mount(trimtab_edge_oip::routes(inference.clone()))
        .mount(trimtab_edge_oip::grpc_routes(inference))
        .mount(trimtab_edge_api::routes(Api::new(
            services.clone(),
            process,
        )))
        .fallback(trimtab_edge_api::page())
}

/// How training stages reach this server, and which Python they find first.
#[derive(Debug)]
struct StageEnv {
    access: Access,
    shared: Vec<(String, String)>,
}

impl StageEnv {
    fn of(config: &ServerConfig, url: &str, access: &Access) -> Self {
        let mut shared = vec![
            ("MLFLOW_TRACKING_URI".to_owned(), url.to_owned()),
            ("MLFLOW_DISABLE_TELEMETRY".to_owned(), "true".to_owned()),
        ];
        let python = config.python.as_ref().and_then(|python| {
            let python = std::path::absolute(python).ok()?;
            python.parent().map(Path::to_owned)
        });
        if let Some(folder) = python {
            let old = std::env::var("PATH").unwrap_or_default();
            shared.push(("PATH".to_owned(), format!("{}:{old}", folder.display())));
        }
        Self {
            access: access.clone(),
            shared,
        }
    }
}

impl TrainingEnv for StageEnv {
    fn of(&self, workspace: &WorkspaceId) -> Vec<(String, String)> {
        let mut env = self.shared.clone();
        // The token says which workspace it is for; the stage cannot reach another.
        env.push((
            "MLFLOW_TRACKING_TOKEN".to_owned(),
            self.access.own_token(workspace),
        ));
        env
    }
}

#[cfg(test)]
mod tests;
