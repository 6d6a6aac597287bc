//! Registered models.

use trimtab_registry::{self as registry, Stage, VersionStatus};

use crate::wire::{Alias, Model, ModelSummary, ModelVersion};

pub(crate) fn summary(model: &registry::RegisteredModel) -> ModelSummary {
    ModelSummary {
        name: model.name.clone(),
        description: model.description.clone(),
        created_at: model.created_at.into(),
        latest_version: model
            .latest_versions
            .iter()
            .map(|version| version.version)
            .max(),
        aliases: aliases(model),
    }
}

pub(crate) fn model(
    model: &registry::RegisteredModel,
    versions: Vec<registry::ModelVersion>,
) -> Model {
    let summary = summary(model);
    Model {
        name: summary.name,
        description: summary.description,
        created_at: summary.created_at,
        latest_version: summary.latest_version,
        aliases: summary.aliases,
        versions: versions.into_iter().map(version).collect(),
    }
}

fn aliases(model: &registry::RegisteredModel) -> Vec<Alias> {
    model
        .aliases
        .iter()
        .map(|(alias, version)| Alias {
            alias: alias.clone(),
            version: *version,
        })
        .collect()
}

pub(crate) fn version(version: registry::ModelVersion) -> ModelVersion {
    ModelVersion {
        model: version.model,
        version: version.version,
        run_id: version.run_id.map(|id| id.to_string()),
        source: version.source,
        status: match version.status {
            VersionStatus::Pending => "PENDING_REGISTRATION",
            VersionStatus::Failed => "FAILED_REGISTRATION",
            VersionStatus::Ready => "READY",
        }
        .to_owned(),
        stage: (version.stage != Stage::None).then(|| version.stage.as_str().to_owned()),
        description: version.description,
        tags: version.tags,
        aliases: version.aliases,
        created_at: version.created_at.into(),
        created_by: version.created_by,
    }
}
