//! What monitors compare with: the training data of an endpoint's champion, and what the gate saw of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use trimtab_data::Data;
use trimtab_loop::{DATASET_TAG, EXPECTED_TAG};
use trimtab_monitor::{EndpointReference, PortError, ReferenceSource};
use trimtab_registry::Registry;
use trimtab_serving::{Serving, ServingError};
use trimtab_types::{Name, Scope, WorkspaceId};

type Key = (WorkspaceId, Name);

/// Follows an endpoint's champion to its model version's training dataset version. The last reference of each
/// endpoint is kept: it changes only at promotion.
#[derive(Debug)]
pub struct ChampionReferences {
    serving: Serving,
    registry: Registry,
    data: Data,
    kept: Mutex<HashMap<Key, EndpointReference>>,
}

impl ChampionReferences {
    /// An adapter over these services.
    pub fn new(serving: Serving, registry: Registry, data: Data) -> Self {
        Self {
            serving,
            registry,
            data,
            kept: Mutex::default(),
        }
    }
}

#[async_trait]
impl ReferenceSource for ChampionReferences {
    async fn reference(
        &self,
        workspace: &WorkspaceId,
        endpoint: &Name,
    ) -> Result<Option<EndpointReference>, PortError> {
        let scope = Scope::controller(workspace.clone());
        let traffic = match self.serving.traffic(&scope, endpoint).await {
            // A monitor may outlive an endpoint that was unloaded.
            Err(ServingError::EndpointNotFound(_)) => return Ok(None),
            traffic => traffic?,
        };
        let Some(revision) = traffic.champion else {
            return Ok(None);
        };
        let revisions = self.serving.revisions(&scope, endpoint).await?;
        let Some(champion) = revisions
            .into_iter()
            .find(|candidate| candidate.id == revision)
        else {
            return Ok(None);
        };
        let key = (workspace.clone(), endpoint.clone());
        let kept = self
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        if let Some(reference) = kept
            && reference.model_version == champion.version
        {
            return Ok(Some(reference));
        }
        let spec = self.serving.endpoint(&scope, endpoint).await?.spec;
        let version = self
            .registry
            .get_version(&scope, &spec.model, champion.version)
            .await?;
        let dataset = version.tags.iter().find(|(key, _)| *key == DATASET_TAG);
        let Some(dataset) = dataset.and_then(|(_, id)| id.parse().ok()) else {
            return Ok(None);
        };
        let reference = EndpointReference {
            model_version: champion.version,
            dataset,
            batches: Arc::new(self.data.read(&scope, dataset).await?),
            label: Some(spec.label),
            baseline: version
                .tags
                .iter()
                .find(|(key, _)| *key == EXPECTED_TAG)
                .and_then(|(_, expected)| serde_json::from_str(expected).ok()),
            importances: None,
        };
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, reference.clone());
        Ok(Some(reference))
    }
}
