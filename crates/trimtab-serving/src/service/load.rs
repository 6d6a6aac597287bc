//! Bringing a model into memory.

use std::sync::Arc;

use trimtab_infer::Engines;
use trimtab_types::Scope;

use super::{Serving, key};
use crate::{
    EndpointSpec, Revision, ServingError,
    folder::{EngineKind, ModelFolder},
    route::Loaded,
    score::ScoreRule,
};

impl Serving {
    /// Fetches and opens a revision's model and puts it into the routing table.
    pub(super) async fn load(
        &self,
        scope: &Scope,
        revision: &Revision,
    ) -> Result<(), ServingError> {
        let loaded = self.open(scope, revision).await?;
        let spec = Arc::clone(&self.route(scope, &revision.endpoint)?.spec);
        let score = score_rule(&loaded, &spec)?;
        self.0
            .table
            .update(&key(scope, &revision.endpoint), |route| {
                route.add(Arc::clone(&loaded), score.clone());
            });
        Ok(())
    }

    /// Fetches and opens a revision's model, for nobody yet.
    pub(super) async fn open(
        &self,
        scope: &Scope,
        revision: &Revision,
    ) -> Result<Arc<Loaded>, ServingError> {
        let folder = self
            .0
            .models
            .fetch(scope, &revision.model, revision.version)
            .await
            .map_err(|source| ServingError::Fetch {
                model: revision.model.clone(),
                version: revision.version,
                source,
            })?;
        let read = ModelFolder::read(&folder)?;
        if let EngineKind::Python(_) = read.engine {
            self.vouched(scope, revision).await?;
        }
        let (engines, of) = (Arc::clone(&self.0.engines), revision.clone());
        let loaded = tokio::task::spawn_blocking(move || open(&*engines, of, &read))
            .await
            .map_err(|_| ServingError::Closed)??;
        Ok(Arc::new(loaded))
    }

    /// A Python model is code that whoever wrote it has run here: somebody must have registered it.
    async fn vouched(&self, scope: &Scope, revision: &Revision) -> Result<(), ServingError> {
        let (model, version) = (&revision.model, revision.version);
        let by = self.0.models.registered_by(scope, model, version).await;
        let by = by.map_err(|source| ServingError::Fetch {
            model: model.clone(),
            version,
            source,
        })?;
        match by.filter(|by| !by.is_empty()) {
            Some(by) => {
                tracing::info!(model, version, by, "a Python model is loaded");
                Ok(())
            }
            None => Err(ServingError::Unvouched {
                model: model.clone(),
                version,
            }),
        }
    }
}

/// How an endpoint's rows are scored by a model.
pub(super) fn score_rule(
    loaded: &Loaded,
    spec: &EndpointSpec,
) -> Result<Option<ScoreRule>, ServingError> {
    ScoreRule::of(&loaded.signature, spec.score.as_deref()).map_err(|reason| ServingError::Spec {
        endpoint: spec.name.clone(),
        field: "score",
        reason,
    })
}

fn open(
    engines: &dyn Engines,
    revision: Revision,
    folder: &ModelFolder,
) -> Result<Loaded, ServingError> {
    let engine = match &folder.engine {
        EngineKind::Onnx(file) => engines.open(file)?,
        EngineKind::Python(folder) => engines.open_python(folder)?,
    };
    Ok(Loaded::open(revision, folder, engine))
}
