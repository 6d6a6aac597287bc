//! Runs and what is logged to them.

use axum::extract::State;
use serde_json::Value;
use trimtab_edge::CallScope;
use trimtab_tracking::{
    Batch, CreateRun, Dataset, DatasetInput, DatasetRef, ExperimentRef, MetricPoint, RunSearch,
    RunStatus, RunUpdate,
};
use trimtab_types::{RunId, Time};

use crate::{
    Services,
    experiments::VIEWS,
    fast::{LogBatch, LogMetric},
    input::{self, Input},
    refusal::Refusal,
    run_json::{self, Written},
    wire::{self, Answer},
};

const STATUSES: [(&str, RunStatus); 5] = [
    ("RUNNING", RunStatus::Running),
    ("SCHEDULED", RunStatus::Scheduled),
    ("FINISHED", RunStatus::Finished),
    ("FAILED", RunStatus::Failed),
    ("KILLED", RunStatus::Killed),
];

pub(crate) async fn create(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Result<Written, Refusal> {
    let create = CreateRun {
        id: None,
        experiment: ExperimentRef::Id(input.experiment()?),
        name: input.text("run_name")?,
        // MLflow stores 0 where the client says nothing.
        start_time: Some(input.time("start_time")?.unwrap_or(Time::from_micros(0))),
        user: Some(input.text("user_id")?.unwrap_or_default()),
        tags: input.pairs("tags")?,
    };
    let run = services.tracking.create_run(&scope, create).await?;
    run_json::run(&run)
}

pub(crate) async fn get(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Result<Written, Refusal> {
    let run = services.tracking.get_run(&scope, input.run()?).await?;
    run_json::run(&run)
}

pub(crate) async fn update(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Result<Written, Refusal> {
    let update = RunUpdate {
        name: input.text("run_name")?,
        status: input.choice("status", &STATUSES)?,
        end_time: input.time("end_time")?,
    };
    let run = services
        .tracking
        .update_run(&scope, input.run()?, update)
        .await?;
    run_json::info(&run)
}

pub(crate) async fn delete(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    services.tracking.delete_run(&scope, input.run()?).await?;
    Ok(wire::nothing())
}

pub(crate) async fn restore(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    services.tracking.restore_run(&scope, input.run()?).await?;
    Ok(wire::nothing())
}

pub(crate) async fn search(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Result<Written, Refusal> {
    let search = RunSearch {
        experiments: input::experiment_ids(&input)?,
        filter: input.text("filter")?.unwrap_or_default(),
        order_by: input.texts("order_by")?,
        view: input.choice("run_view_type", &VIEWS)?.unwrap_or_default(),
        limit: input.positive_limit("max_results")?,
        page_token: input.text("page_token")?,
        columns: None,
    };
    let page = services.tracking.search_runs(&scope, search).await?;
    run_json::page(&page)
}

fn metric(input: &Input) -> Result<MetricPoint, Refusal> {
    let model = input.text("model_id")?.filter(|id| !id.is_empty());
    let dataset = input.text("dataset_name")?.filter(|name| !name.is_empty());
    let digest = input.text("dataset_digest")?.unwrap_or_default();
    Ok(MetricPoint {
        key: input.required("key")?,
        value: input
            .double("value")?
            .ok_or_else(|| Refusal::missing("value"))?,
        timestamp_ms: input
            .integer("timestamp")?
            .ok_or_else(|| Refusal::missing("timestamp"))?,
        step: input.integer("step")?.unwrap_or(0),
        model: model.map(|id| input::logged_model_id(&id)).transpose()?,
        dataset: dataset.map(|name| DatasetRef { name, digest }),
    })
}

/// A `log-metric`, read the long way.
pub(crate) fn point(input: &Input) -> Result<(RunId, MetricPoint), Refusal> {
    Ok((input.run()?, metric(input)?))
}

/// A `log-batch`, read the long way.
pub(crate) fn batch(input: &Input) -> Result<(RunId, Batch), Refusal> {
    let run = input.run()?;
    let metrics = input.objects("metrics")?;
    let batch = Batch {
        metrics: metrics.iter().map(metric).collect::<Result<_, _>>()?,
        params: input.pairs("params")?,
        tags: input.pairs("tags")?,
    };
    Ok((run, batch))
}

pub(crate) async fn log_metric(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    LogMetric(run, point): LogMetric,
) -> Answer {
    services.tracking.log_metric(&scope, run, point).await?;
    Ok(wire::nothing())
}

pub(crate) async fn log_param(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (run, key) = (input.run()?, input.required("key")?);
    let value = input.text("value")?.unwrap_or_default();
    services
        .tracking
        .log_param(&scope, run, &key, &value)
        .await?;
    Ok(wire::nothing())
}

pub(crate) async fn set_tag(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (run, key) = (input.run()?, input.required("key")?);
    let value = input.text("value")?.unwrap_or_default();
    services.tracking.set_tag(&scope, run, &key, &value).await?;
    Ok(wire::nothing())
}

pub(crate) async fn delete_tag(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (run, key) = (input.run()?, input.required("key")?);
    services.tracking.delete_tag(&scope, run, &key).await?;
    Ok(wire::nothing())
}

pub(crate) async fn log_batch(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    LogBatch(run, batch): LogBatch,
) -> Answer {
    services.tracking.log_batch(&scope, run, batch).await?;
    Ok(wire::nothing())
}

fn dataset_input(input: &Input) -> Result<DatasetInput, Refusal> {
    let dataset = input
        .object("dataset")?
        .ok_or_else(|| Refusal::missing("dataset"))?;
    Ok(DatasetInput {
        tags: input.pairs("tags")?,
        dataset: Dataset {
            name: dataset.required("name")?,
            digest: dataset.required("digest")?,
            source_type: dataset.required("source_type")?,
            source: dataset.required("source")?,
            schema: dataset.text("schema")?,
            profile: dataset.text("profile")?,
        },
    })
}

pub(crate) async fn log_inputs(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let run = input.run()?;
    let datasets = input
        .objects("datasets")?
        .iter()
        .map(dataset_input)
        .collect::<Result<_, _>>()?;
    let models = input
        .objects("models")?
        .iter()
        .map(Input::logged_model)
        .collect::<Result<_, _>>()?;
    services
        .tracking
        .log_inputs(&scope, run, datasets, models)
        .await?;
    Ok(wire::nothing())
}

pub(crate) async fn log_outputs(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let run = input.run()?;
    let models = input
        .objects("models")?
        .iter()
        .map(|model| Ok((model.logged_model()?, model.integer("step")?.unwrap_or(0))))
        .collect::<Result<_, Refusal>>()?;
    services.tracking.log_outputs(&scope, run, models).await?;
    Ok(wire::nothing())
}

/// The history of models that clients before logged models kept in a tag; newer ones write it too.
pub(crate) async fn log_model(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let run = input.run()?;
    let text = input.required("model_json")?;
    let model: Value = serde_json::from_str(&text).map_err(|_| {
        Refusal::invalid(
            "model_json",
            format!(
                "Malformed model info. \n {} \n is not a valid JSON.",
                text.chars().take(200).collect::<String>()
            ),
        )
    })?;
    for field in ["artifact_path", "flavors", "utc_time_created", "run_id"] {
        if model.get(field).is_none() {
            return Err(Refusal::invalid(
                "model_json",
                format!("Model json is missing mandatory fields: {{'{field}'}}"),
            ));
        }
    }
    services.tracking.record_model(&scope, run, model).await?;
    Ok(wire::nothing())
}
