//! Endpoints that no file declares: made with their model at once, and taken away again.

use std::sync::Arc;

use trimtab_db::Lane;
use trimtab_types::{Name, RevisionId, Scope};

use super::{Serving, key, load::score_rule};
use crate::{EndpointSpec, Revision, RevisionState, ServingError, Traffic, Waiting, sql};

/// The owner of endpoints that were made by loading a model, in the place of a project's name. It is no name, so no
/// file can be of that project.
pub const REPOSITORY: &str = "model repository";

/// What of an endpoint can answer now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    /// The endpoint.
    pub name: Name,
    /// The registered model behind it.
    pub model: String,
    /// The versions that are loaded, ascending.
    pub versions: Vec<i64>,
    /// What it waits for, while it has no champion.
    pub waiting: Option<Waiting>,
}

impl Serving {
    /// The endpoints of the workspace as this process serves them, by name.
    pub fn deployed(&self, scope: &Scope) -> Vec<Deployed> {
        let routes = self.table().of(&scope.workspace);
        let deployed = routes.into_iter().map(|route| {
            let arms = route.arms.iter();
            let mut versions: Vec<i64> = arms.map(|arm| arm.loaded.revision.version).collect();
            versions.sort_unstable();
            versions.dedup();
            Deployed {
                name: route.spec.name.clone(),
                model: route.spec.model.clone(),
                versions,
                waiting: route
                    .traffic
                    .champion
                    .is_none()
                    .then(|| route.waiting.clone()),
            }
        });
        deployed.collect()
    }

    /// Makes an endpoint that serves a version from its first moment. The model is loaded before anything is written:
    /// one that cannot be served leaves nothing behind. An endpoint of that name that is there is a conflict.
    pub async fn deploy(
        &self,
        scope: &Scope,
        spec: EndpointSpec,
        version: i64,
    ) -> Result<Revision, ServingError> {
        let spec = EndpointSpec {
            project: REPOSITORY.to_owned(),
            ..spec
        };
        self.validate(scope, &spec, &[])?;
        let now = self.0.clock.now();
        let revision = Revision {
            id: RevisionId::new(),
            endpoint: spec.name.clone(),
            model: spec.model.clone(),
            version,
            state: RevisionState::Ready,
            created_at: now,
        };
        let loaded = self.open(scope, &revision).await?;
        let score = score_rule(&loaded, &spec)?;
        let traffic = Traffic {
            champion: Some(revision.id),
            salt: spec.name.to_string(),
            generation: 1,
            ..Traffic::default()
        };
        let (workspace, by) = (scope.workspace.clone(), scope.principal.name.to_string());
        let written = (spec.clone(), revision.clone(), traffic.clone());
        self.0
            .db
            .write(Lane::Control, move |tx| {
                let (spec, revision, traffic) = written;
                if let Some(row) = sql::endpoint(tx, &workspace, &spec.name)? {
                    return Err(ServingError::OwnedElsewhere {
                        endpoint: spec.name,
                        owner: row.endpoint.spec.project,
                        project: spec.project,
                    });
                }
                sql::insert_endpoint(tx, &workspace, &spec, &by, now)?;
                sql::insert_revision(tx, &workspace, &revision, &by)?;
                sql::update_state(tx, &workspace, &revision, now)?;
                sql::update_traffic(tx, &workspace, &spec.name, &traffic)?;
                Ok(sql::publish_traffic(
                    tx, &workspace, &spec.name, &traffic, now,
                )?)
            })
            .await?;
        // Whoever read the row meanwhile may have put the endpoint into the table, with nothing behind it.
        let key = key(scope, &spec.name);
        self.0.table.insert(&key, &self.blank(&spec, 1));
        self.0.table.update(&key, |route| {
            route.add(Arc::clone(&loaded), score.clone());
            route.set_traffic(traffic.clone());
        });
        Ok(revision)
    }

    /// Takes an endpoint away that [`Serving::deploy`] made, with its revisions; its events stay. One that a file
    /// declares, or that is in a rollout, is refused.
    pub async fn undeploy(&self, scope: &Scope, name: &Name) -> Result<(), ServingError> {
        let now = self.0.clock.now();
        let (workspace, endpoint) = key(scope, name);
        self.0
            .db
            .write(Lane::Control, move |tx| {
                let row = sql::endpoint(tx, &workspace, &endpoint)?
                    .ok_or_else(|| ServingError::EndpointNotFound(endpoint.to_string()))?;
                let Traffic {
                    champion,
                    canary,
                    shadow,
                    ..
                } = row.endpoint.traffic;
                let owner = row.endpoint.spec.project;
                if owner != REPOSITORY {
                    return Err(ServingError::Declared {
                        endpoint,
                        project: owner,
                    });
                }
                let revisions = sql::revisions_not_retired(tx, &workspace, &endpoint)?;
                // A revision beside the champion waits for its share, or is kept warm for a way back.
                let has_challenger = revisions.iter().any(|revision| {
                    Some(revision.id) != champion
                        && !matches!(revision.state, RevisionState::Failed { .. })
                });
                if canary.is_some() || shadow.is_some() || has_challenger {
                    return Err(ServingError::InRollout(endpoint));
                }
                for mut revision in revisions {
                    revision.state = RevisionState::Retired;
                    sql::update_state(tx, &workspace, &revision, now)?;
                }
                Ok(sql::delete_endpoint(tx, &workspace, &endpoint)?)
            })
            .await?;
        self.0.table.remove(&key(scope, name));
        Ok(())
    }
}
