//! `trimtab replay`: what would the loop have done on my history? A server with the replay clock in a fresh folder,
//! a table played as production traffic over HTTP, labels when they would have come; the same code path as live.

mod api;
mod driver;
mod fault;
mod history;
mod operator;
mod outcome;
mod report;
mod tensor;
mod traffic;

use std::{
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    time::Instant,
};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use trimtab_types::{Duration, Time};

pub(crate) use fault::Fault;
pub(crate) use operator::Operator;

use self::{
    api::Api,
    driver::Drive,
    history::{History, HistoryColumns},
    report::Report,
};
use crate::{
    project::Project,
    serve::{self, Running, ServerConfig},
    told::{Exit, Told},
};

/// Arguments of `trimtab replay`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ReplayArgs {
    /// The history: a CSV, Parquet, JSON lines or Arrow file with one row per prediction.
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// Column that says when each prediction was asked for.
    #[arg(long, value_name = "COL")]
    pub(crate) time: String,
    /// Column with a unique id of each row.
    #[arg(long, value_name = "COL")]
    pub(crate) id: String,
    /// Column with the outcome.
    #[arg(long, value_name = "COL")]
    pub(crate) label: String,
    /// How long after the prediction its outcome is known, such as 1d.
    #[arg(long, value_name = "DURATION")]
    pub(crate) label_delay: Duration,
    /// Folder of the project: dvc.yaml and trimtab.yaml, in a git repository.
    #[arg(long, value_name = "DIR")]
    pub(crate) project: PathBuf,
    /// The first model learns from the rows before this time [default: the first twelfth of the span].
    #[arg(long, value_name = "TIME")]
    pub(crate) train_until: Option<Time>,
    /// Play no row after this time [default: the history's end].
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Time>,
    /// The endpoint [default: the only one in trimtab.yaml].
    #[arg(long, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
    /// Seed of everything that draws at random.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Data folder of the replay's server [default: a new one under .trimtab/replay/].
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Address of the replay's server.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) listen: String,
    /// A fault to play in: kind=unit|nulls|rename|stuck|swap|labels,column=…,from=…,to=…
    #[arg(long = "fault", value_name = "FAULT")]
    pub(crate) faults: Vec<Fault>,
    /// Also write the report as one HTML page.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// End the server when the history is played.
    #[arg(long)]
    pub(crate) exit: bool,
}

/// Plays a history; answers the report and the server, which is still up. When `stop` resolves before the end, the
/// server is shut down in order, and that is an error.
pub(crate) async fn play(
    args: &ReplayArgs,
    server: ServerConfig,
    operators: Vec<Operator>,
    progress: impl Fn(&str, f64),
    mut stop: Pin<&mut impl Future<Output = anyhow::Result<()>>>,
) -> anyhow::Result<(Report, Running)> {
    let started = Instant::now();
    let columns = HistoryColumns {
        time: &args.time,
        id: &args.id,
        label: &args.label,
    };
    let mut history = History::read(&args.data, &columns)?;
    if let Some(until) = args.until {
        history = history.before(until);
    }
    if history.len() == 0 {
        bail!("no row of the history lies before --until");
    }
    let (first, last) = history.span();
    let train_until = args
        .train_until
        .unwrap_or_else(|| first + Duration::from_micros(last.since(first).as_micros() / 12));
    if train_until <= first || train_until > last {
        bail!(
            "--train-until {train_until} does not lie within the history ({first} to {last}) (hint: choose a time \
             after the first row and before the last, or leave --train-until out)"
        );
    }
    let project = Project::read(&args.project)?;
    let data_dir = match &args.data_dir {
        Some(folder) => folder.clone(),
        None => fresh_folder()?,
    };
    progress("starting the server", 0.0);
    let running = serve::start(ServerConfig {
        data_dir: data_dir.clone(),
        listen: vec![args.listen.clone()],
        replay_from: Some(first),
        seed: args.seed,
        ..server
    })
    .await?;
    let played = async {
        check_unused(&running, first, &data_dir)?;
        let seen = run(
            args,
            &project,
            &history,
            train_until,
            operators,
            &running,
            &progress,
        )
        .await?;
        let played = outcome::Played {
            history: args
                .data
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            span: (first, last),
            endpoint: seen.endpoint,
            training_rows: seen.training_rows,
            train_until,
            label_delay: args.label_delay,
            faults: args.faults.iter().map(Fault::describe).collect(),
            seen: seen.by_period,
            seed: args.seed,
        };
        outcome::summarise(&running, &history, played, started).await
    };
    let outcome = tokio::select! {
        outcome = played => outcome,
        stopped = stop.as_mut() => Err(match stopped {
            Ok(()) => Told::new(
                Exit::Interrupted,
                format!("interrupted; what was played so far stays in {}", data_dir.display()),
            )
            .into(),
            Err(error) => error,
        }),
    };
    match outcome {
        Ok(report) => Ok((report, running)),
        Err(error) => {
            running.shutdown().await;
            Err(error)
        }
    }
}

/// A data folder in which something was played already goes on where that ended, and a replay begins at its beginning.
fn check_unused(running: &Running, first: Time, data_dir: &Path) -> anyhow::Result<()> {
    let now = running.services.clock.now();
    if now > first {
        bail!(
            "the data folder {} was used before: its clock stands at {now}, and the history begins at {first} \
             (hint: name a new folder with --data-dir, or leave it out)",
            data_dir.display()
        );
    }
    Ok(())
}

struct Ran {
    endpoint: String,
    training_rows: u64,
    by_period: std::collections::BTreeMap<String, driver::Seen>,
}

async fn run(
    args: &ReplayArgs,
    project: &Project,
    history: &History,
    train_until: Time,
    operators: Vec<Operator>,
    running: &Running,
    progress: &impl Fn(&str, f64),
) -> anyhow::Result<Ran> {
    let api = Api::new(&running.url)?;
    let _: Value = api
        .post("apply", &project.apply_request())
        .await
        .context("the project cannot be applied")?;
    let (endpoint, row_key) = only_endpoint(&api, args.endpoint.as_deref()).await?;
    let trigger = trigger_of(&api, &endpoint).await?;

    progress("training the first model", 0.0);
    // Only what was known when the first model was trained: rows whose label had come by then.
    let known = history.index_at(train_until - args.label_delay);
    if known == 0 {
        bail!(
            "no label is known by --train-until {train_until} with a label delay of {}",
            args.label_delay
        );
    }
    let training = history.table.slice(0, known);
    let parquet = parquet_bytes(&training)?;
    let path = format!(
        "datasets?name={endpoint}-training&time_column={}",
        args.time
    );
    let dataset: Value = api
        .post_bytes(&path, "application/vnd.apache.parquet", parquet)
        .await
        .context("the first training dataset version cannot be made")?;
    let _: Value = api.post("clock", &json!({ "to": train_until })).await?;
    let _: Value = api
        .post(
            &format!("triggers/{trigger}/fire"),
            &json!({ "dataset": dataset["id"] }),
        )
        .await?;
    let _: Value = api.post("clock", &json!({ "to": train_until })).await?;
    let plans: Value = api.get("plans?limit=1").await?;
    let plan = &plans["items"][0];
    if plan["state"] != "promoted" {
        let failed = plan["steps"]
            .as_array()
            .and_then(|steps| steps.iter().find_map(|step| step["error"].as_str()))
            .unwrap_or("see the plan");
        bail!(
            "the first model was not put into service ({}): {failed}",
            plan["state"]
        );
    }

    let (first, last) = history.span();
    let length = last.since(first).as_secs_f64().max(1.0);
    let mut drive = Drive {
        api: &api,
        history,
        columns: HistoryColumns {
            time: &args.time,
            id: &args.id,
            label: &args.label,
        },
        endpoint: endpoint.clone(),
        label_delay: args.label_delay,
        train_until,
        faults: &args.faults,
        operators,
    };
    let by_period = drive
        .play(&row_key, |at| {
            let day: String = at.to_string().chars().take(10).collect();
            progress(
                &format!("playing {day}"),
                at.since(first).as_secs_f64() / length,
            );
        })
        .await?;
    Ok(Ran {
        endpoint,
        training_rows: known as u64,
        by_period,
    })
}

async fn only_endpoint(api: &Api, wanted: Option<&str>) -> anyhow::Result<(String, String)> {
    let endpoints: Value = api.get("endpoints").await?;
    let endpoints = endpoints["items"].as_array().cloned().unwrap_or_default();
    let names: Vec<&str> = endpoints
        .iter()
        .filter_map(|endpoint| endpoint["name"].as_str())
        .collect();
    let name = match (wanted, names.as_slice()) {
        (Some(wanted), names) if names.contains(&wanted) => wanted,
        (Some(wanted), names) => bail!(
            "trimtab.yaml has no endpoint `{wanted}`; it has {}",
            names.join(", ")
        ),
        (None, [only]) => only,
        (None, []) => bail!("trimtab.yaml declares no endpoint"),
        (None, names) => bail!(
            "trimtab.yaml has several endpoints ({}); choose one with --endpoint",
            names.join(", ")
        ),
    };
    let endpoint = endpoints.iter().find(|endpoint| endpoint["name"] == name);
    let row_key = endpoint.and_then(|endpoint| endpoint["row_key"].as_str()).with_context(|| {
        format!("endpoint `{name}` names no row_key in trimtab.yaml; a replay needs one to join labels")
    })?;
    Ok((name.to_owned(), row_key.to_owned()))
}

async fn trigger_of(api: &Api, endpoint: &str) -> anyhow::Result<String> {
    let triggers: Value = api.get("triggers").await?;
    let of_endpoint = triggers["items"]
        .as_array()
        .and_then(|items| items.iter().find(|trigger| trigger["endpoint"] == endpoint))
        .and_then(|trigger| trigger["name"].as_str());
    of_endpoint.map(str::to_owned).with_context(|| {
        format!("trimtab.yaml declares no trigger for endpoint `{endpoint}`, so nothing can train its models")
    })
}

fn parquet_bytes(table: &arrow::array::RecordBatch) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, table.schema(), None)?;
    writer.write(table)?;
    writer.close()?;
    Ok(bytes)
}

fn fresh_folder() -> anyhow::Result<PathBuf> {
    let folder = PathBuf::from(".trimtab/replay").join(trimtab_types::PlanId::new().to_string());
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    Ok(folder)
}
