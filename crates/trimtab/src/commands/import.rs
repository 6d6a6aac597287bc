//! `trimtab import`.

use std::{env, fmt::Write as _, fs};

use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use trimtab_blob::{S3, S3Location};
use trimtab_db::DbError;
use trimtab_transfer::{
    ArtifactRoot, Artifacts, ImportOptions, ImportReport, Peer, Source, TransferError, import,
};

use super::Context;
use crate::{
    client, output,
    told::{Exit, Told},
};

/// From which tool.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// MLflow: experiments, runs with every point, datasets, logged models, models, versions, aliases, artifacts, with
    /// their ids, times, users and numbers. Again, it brings only what is new.
    Mlflow(ImportMlflowArgs),
}

/// Options of `trimtab import mlflow`.
#[derive(Debug, Args)]
pub(crate) struct ImportMlflowArgs {
    /// Its database or server: sqlite:///FILE, postgresql://…, http(s)://…, or env:NAME, or file:/path.
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    /// What becomes of artifacts [default: reference, and copy from an http source].
    #[arg(long, value_enum, value_name = "WAY")]
    pub(crate) artifacts: Option<ArtifactsArg>,
    /// A folder, or s3://BUCKET/PREFIX, whose artifacts may be read; the first is the old server's
    /// --artifacts-destination. Folders beside an SQLite file may be read without it.
    #[arg(long = "artifacts-root", value_name = "PLACE")]
    pub(crate) roots: Vec<String>,
    /// Only check for collisions, and say what would come.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not read back what was brought.
    #[arg(long)]
    pub(crate) no_verify: bool,
}

/// What becomes of artifacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ArtifactsArg {
    /// Read where they are, on this machine or in S3; never written or collected there.
    Reference,
    /// Copied, and compared by BLAKE3.
    Copy,
    /// Left out.
    None,
}

pub(super) async fn run(context: &Context, command: ImportCommand) -> anyhow::Result<()> {
    let ImportCommand::Mlflow(args) = command;
    let address = resolve(&args.source)?;
    let roots = args
        .roots
        .iter()
        .map(|root| artifact_root(root))
        .collect::<Result<_, _>>()?;
    let mut source = Source::open(&address, peer_token())
        .await
        .map_err(|error| explain(&error))?;
    let is_server = address.starts_with("http");
    if is_server {
        require_another(context, &address).await?;
    }
    let artifacts = match args.artifacts {
        Some(ArtifactsArg::Reference) => Artifacts::Reference,
        Some(ArtifactsArg::Copy) => Artifacts::Copy,
        Some(ArtifactsArg::None) => Artifacts::None,
        None if is_server => Artifacts::Copy,
        None => Artifacts::Reference,
    };
    let target = trimtab(context)?;
    let bar = progress();
    let report = import(
        &mut source,
        &target,
        &ImportOptions {
            artifacts,
            artifact_roots: roots,
            s3: S3::from_env(),
            dry_run: args.dry_run,
            verify: !args.no_verify,
        },
        &|said| bar.set_message(said.to_owned()),
    )
    .await;
    bar.finish_and_clear();
    let report = report.map_err(|error| explain(&error))?;
    context
        .output
        .answer(&report, || describe(&report, args.dry_run))
}

fn artifact_root(text: &str) -> Result<ArtifactRoot, Told> {
    if text.starts_with("s3:") {
        return S3Location::parse(text)
            .map(ArtifactRoot::S3)
            .ok_or_else(|| {
                Told::new(
                    Exit::Refused,
                    format!(
                        "`{text}` is no place in S3: expected s3://BUCKET or s3://BUCKET/PREFIX"
                    ),
                )
            });
    }
    let folder = fs::canonicalize(text).map_err(|error| {
        Told::new(
            Exit::Refused,
            format!("cannot read the folder {text}: {error}"),
        )
    })?;
    Ok(ArtifactRoot::Folder(folder))
}

/// An address, or where it stands.
pub(super) fn resolve(text: &str) -> anyhow::Result<String> {
    if let Some(name) = text.strip_prefix("env:") {
        return env::var(name).map_err(|_| {
            Told::new(
                Exit::Refused,
                format!("the address is `env:{name}`, and there is no such variable"),
            )
            .into()
        });
    }
    if let Some(path) = text.strip_prefix("file:") {
        return fs::read_to_string(path)
            .map(|text| text.trim().to_owned())
            .map_err(|error| {
                Told::new(Exit::Refused, format!("cannot read {path}: {error}")).into()
            });
    }
    Ok(text.to_owned())
}

/// The token of the other server.
pub(super) fn peer_token() -> Option<String> {
    env::var("TRIMTAB_PEER_TOKEN")
        .ok()
        .filter(|token| !token.is_empty())
}

/// Our server.
pub(super) fn trimtab(context: &Context) -> anyhow::Result<Peer> {
    let client = context.client()?;
    Peer::trimtab(
        client.url(),
        client::token(),
        context.global.workspace.clone(),
    )
    .map_err(|error| explain(&error))
}

/// Refuses a server that would be read and written at once: in one workspace, each record would meet itself.
pub(super) async fn require_another(context: &Context, other: &str) -> anyhow::Result<()> {
    if context.global.workspace.is_some() {
        return Ok(());
    }
    let ours = context.client()?.url().to_owned();
    let (here, there) = (places(&ours).await, places(other).await);
    if here.iter().any(|place| there.contains(place)) {
        return Err(Told::new(
            Exit::Refused,
            format!("{ours} is both the Trimtab server and the MLflow server of this command"),
        )
        .hint("name the MLflow server, and with --server the Trimtab server")
        .into());
    }
    Ok(())
}

/// The addresses that a URL leads to; none where nobody knows its name, which the first request tells.
async fn places(url: &str) -> Vec<std::net::SocketAddr> {
    let Some((host, port)) = url::Url::parse(url).ok().and_then(|url| {
        let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
        Some((host, url.port_or_known_default()?))
    }) else {
        return Vec::new();
    };
    match tokio::net::lookup_host((host, port)).await {
        Ok(found) => found.collect(),
        Err(_) => Vec::new(),
    }
}

/// A line that says how far it is, where a person looks on.
pub(super) fn progress() -> ProgressBar {
    if output::shows_progress() {
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(std::time::Duration::from_millis(200));
        bar
    } else {
        ProgressBar::hidden()
    }
}

/// The error with its causes, its hint and its exit code.
pub(crate) fn explain(error: &TransferError) -> anyhow::Error {
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let said = cause.to_string();
        if !message.ends_with(&said) {
            message = format!("{message}: {said}");
        }
        source = cause.source();
    }
    let exit = match error {
        TransferError::Unreachable { .. } => Exit::Unreachable,
        TransferError::Db(DbError::Open { .. })
        | TransferError::Refused {
            status: 400..=499, ..
        }
        | TransferError::Collisions { .. }
        | TransferError::Schema { .. }
        | TransferError::Unknown { .. }
        | TransferError::Address { .. } => Exit::Refused,
        TransferError::Refused { .. }
        | TransferError::Db(_)
        | TransferError::Blob(_)
        | TransferError::Answer { .. }
        | TransferError::File { .. }
        | TransferError::Mismatch { .. } => Exit::Failed,
    };
    let told = Told::new(exit, message);
    match error.hint() {
        Some(hint) => told.hint(hint).into(),
        None => told.into(),
    }
}

fn describe(report: &ImportReport, is_dry: bool) -> String {
    let rows = [
        (
            "experiments",
            report.experiments,
            report.experiments_unchanged,
        ),
        ("runs", report.runs, report.runs_unchanged),
        (
            "logged models",
            report.logged_models,
            report.logged_models_unchanged,
        ),
        ("models", report.models, report.models_unchanged),
    ];
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|(what, new, same)| vec![(*what).to_owned(), new.to_string(), same.to_string()])
        .collect();
    let brought = if is_dry { "WOULD COME" } else { "BROUGHT" };
    let mut text = output::table(&["WHAT", brought, "UNCHANGED"], &rows);
    let _ = writeln!(
        text,
        "{} versions, {} points, {} files ({} bytes); {} runs compared with their source",
        report.versions, report.points, report.files, report.bytes, report.runs_verified
    );
    for line in &report.skipped {
        let _ = writeln!(text, "skipped: {line}");
    }
    for left in &report.left_in_place {
        let _ = writeln!(text, "left in place: {} ({})", left.location, left.why);
    }
    for (what, count) in &report.left_behind {
        let _ = writeln!(text, "left behind: {count} {what}");
    }
    text
}
