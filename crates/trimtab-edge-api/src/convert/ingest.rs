//! Records from elsewhere, as services know them.

use trimtab_registry::{IngestModel, IngestVersion, Stage, VersionStatus};
use trimtab_tracking::{
    Dataset, DatasetInput, DatasetRef, IngestExperiment, IngestLoggedModel, IngestRun, Lifecycle,
    LoggedModelMetric, LoggedModelStatus, MetricPoint, RunStatus,
};
use trimtab_types::{LoggedModelId, Time};

use crate::wire;

fn pairs(pairs: Vec<wire::Pair>) -> Vec<(String, String)> {
    pairs
        .into_iter()
        .map(|pair| (pair.key, pair.value))
        .collect()
}

fn lifecycle(is_deleted: bool) -> Lifecycle {
    if is_deleted {
        Lifecycle::Deleted
    } else {
        Lifecycle::Active
    }
}

fn id<T: std::str::FromStr<Err = trimtab_types::IdError>>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|error: trimtab_types::IdError| error.to_string())
}

pub(crate) fn experiment(experiment: wire::IngestExperiment) -> IngestExperiment {
    IngestExperiment {
        id: experiment.id,
        name: experiment.name,
        artifact_location: experiment.artifact_location,
        lifecycle: lifecycle(experiment.is_deleted),
        created_at: Time::from_millis(experiment.created_ms),
        updated_at: Time::from_millis(experiment.updated_ms),
        tags: pairs(experiment.tags),
        origin: experiment.origin,
        mark: experiment.mark,
    }
}

pub(crate) fn run(run: wire::IngestRun) -> Result<IngestRun, String> {
    Ok(IngestRun {
        id: id(&run.id)?,
        experiment: run.experiment,
        name: run.name,
        user: run.user,
        status: RunStatus::parse(&run.status)
            .ok_or_else(|| format!("`{}` is no status of a run", run.status))?,
        start_time: Time::from_millis(run.start_ms),
        end_time: run.end_ms.map(Time::from_millis),
        artifact_uri: run.artifact_uri,
        reference: run.reference,
        lifecycle: lifecycle(run.is_deleted),
        deleted_at: run.deleted_ms.map(Time::from_millis),
        params: pairs(run.params),
        tags: pairs(run.tags),
        datasets: run
            .datasets
            .into_iter()
            .map(|dataset| DatasetInput {
                dataset: Dataset {
                    name: dataset.name,
                    digest: dataset.digest,
                    source_type: dataset.source_type,
                    source: dataset.source,
                    schema: dataset.schema,
                    profile: dataset.profile,
                },
                tags: pairs(dataset.tags),
            })
            .collect(),
        model_inputs: run
            .model_inputs
            .iter()
            .map(|model| id(model))
            .collect::<Result<_, _>>()?,
        model_outputs: run
            .model_outputs
            .iter()
            .map(|output| Ok((id(&output.model)?, output.step)))
            .collect::<Result<_, String>>()?,
        mark: run.mark,
    })
}

pub(crate) fn logged_model(model: wire::IngestLoggedModel) -> Result<IngestLoggedModel, String> {
    let own: LoggedModelId = id(&model.id)?;
    Ok(IngestLoggedModel {
        id: own,
        experiment: model.experiment,
        name: model.name,
        artifact_uri: model.artifact_uri,
        reference: model.reference,
        status: LoggedModelStatus::ALL
            .into_iter()
            .find(|status| status.as_str() == model.status)
            .ok_or_else(|| format!("`{}` is no status of a logged model", model.status))?,
        status_message: model.status_message,
        model_type: model.model_type,
        source_run: model.source_run.as_deref().map(id).transpose()?,
        created_at: Time::from_millis(model.created_ms),
        updated_at: Time::from_millis(model.updated_ms),
        lifecycle: lifecycle(model.is_deleted),
        params: pairs(model.params),
        tags: pairs(model.tags),
        metrics: model
            .metrics
            .into_iter()
            .map(|metric| {
                Ok(LoggedModelMetric {
                    run: id(&metric.run)?,
                    point: MetricPoint {
                        key: metric.key,
                        value: metric.value.0,
                        timestamp_ms: metric.at_ms,
                        step: metric.step,
                        model: Some(own),
                        dataset: metric.dataset_name.map(|name| DatasetRef {
                            name,
                            digest: metric.dataset_digest.unwrap_or_default(),
                        }),
                    },
                })
            })
            .collect::<Result<_, String>>()?,
        mark: model.mark,
    })
}

pub(crate) fn model(model: wire::IngestModel) -> Result<IngestModel, String> {
    Ok(IngestModel {
        name: model.name,
        description: model.description,
        created_at: Time::from_millis(model.created_ms),
        updated_at: Time::from_millis(model.updated_ms),
        tags: pairs(model.tags),
        last_number: model.last_number,
        versions: model
            .versions
            .into_iter()
            .map(version)
            .collect::<Result<_, _>>()?,
        aliases: model
            .aliases
            .into_iter()
            .map(|alias| (alias.alias, alias.version))
            .collect(),
    })
}

fn version(version: wire::IngestVersion) -> Result<IngestVersion, String> {
    let status = match version.status.as_str() {
        "READY" => VersionStatus::Ready,
        "PENDING_REGISTRATION" => VersionStatus::Pending,
        "FAILED_REGISTRATION" => VersionStatus::Failed,
        other => return Err(format!("`{other}` is no status of a version")),
    };
    let logged_model = version
        .source
        .strip_prefix("models:/m-")
        .and_then(|rest| rest.split('/').next()?.parse().ok());
    Ok(IngestVersion {
        version: version.version,
        run_id: version.run_id.as_deref().map(id).transpose()?,
        logged_model,
        source: version.source,
        storage: version.storage,
        run_link: version.run_link,
        description: version.description,
        status,
        status_message: version.status_message,
        stage: Stage::parse(&version.stage)
            .ok_or_else(|| format!("`{}` is no stage", version.stage))?,
        tags: pairs(version.tags),
        created_at: Time::from_millis(version.created_ms),
        updated_at: Time::from_millis(version.updated_ms),
        created_by: version.created_by,
    })
}
