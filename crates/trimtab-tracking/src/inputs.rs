//! What runs read and made: datasets and logged models.

use trimtab_db::{Lane, Tx, params};
use trimtab_types::{LoggedModelId, RunId, Scope};

use crate::{
    DatasetInput, Tracking, TrackingError, logged_models,
    service::{RunRow, active_run},
    validate,
};

const CONTEXT: &str = "mlflow.data.context";
const MOST: usize = 1_000;

impl Tracking {
    /// Notes datasets and logged models that an active run reads; the same again changes nothing.
    pub async fn log_inputs(
        &self,
        scope: &Scope,
        id: RunId,
        datasets: Vec<DatasetInput>,
        models: Vec<LoggedModelId>,
    ) -> Result<(), TrackingError> {
        if datasets.len() > MOST || models.len() > MOST {
            return Err(TrackingError::invalid(
                "datasets",
                format!("At most {MOST} datasets and models can be logged at once"),
            ));
        }
        for input in &datasets {
            validate::dataset(&input.dataset, &input.tags)?;
        }
        let workspace = scope.workspace.clone();
        self.db()
            .write(Lane::Bulk, move |tx| {
                let run = active_run(tx, &workspace, id)?;
                for input in &datasets {
                    log_dataset(tx, run, input)?;
                }
                for model in &models {
                    logged_models::require(tx, &workspace, *model)?;
                    link(tx, run, 0, *model, 0)?;
                }
                Ok(())
            })
            .await
    }

    /// Notes logged models that an active run made, each with its step.
    pub async fn log_outputs(
        &self,
        scope: &Scope,
        id: RunId,
        models: Vec<(LoggedModelId, i64)>,
    ) -> Result<(), TrackingError> {
        if models.len() > MOST {
            return Err(TrackingError::invalid(
                "models",
                format!("At most {MOST} models can be logged at once"),
            ));
        }
        let workspace = scope.workspace.clone();
        self.db()
            .write(Lane::Bulk, move |tx| {
                let run = active_run(tx, &workspace, id)?;
                for (model, step) in &models {
                    logged_models::require(tx, &workspace, *model)?;
                    link(tx, run, 1, *model, *step)?;
                }
                Ok(())
            })
            .await
    }
}

pub(crate) fn link(
    tx: &mut Tx<'_>,
    run: RunRow,
    role: i64,
    model: LoggedModelId,
    step: i64,
) -> Result<(), TrackingError> {
    tx.execute(
        "INSERT INTO run_model (run, role, model, step) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (run, role, model) DO UPDATE SET step = excluded.step",
        params![run.key, role, model, step],
    )?;
    Ok(())
}

pub(crate) fn log_dataset(
    tx: &mut Tx<'_>,
    run: RunRow,
    input: &DatasetInput,
) -> Result<(), TrackingError> {
    let dataset = &input.dataset;
    tx.execute(
        "INSERT INTO dataset (experiment, name, digest, source_type, source, schema_text, profile) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (experiment, name, digest) DO NOTHING",
        params![
            run.experiment,
            &dataset.name,
            &dataset.digest,
            &dataset.source_type,
            &dataset.source,
            dataset.schema.clone(),
            dataset.profile.clone()
        ],
    )?;
    let key: i64 = tx
        .query_one(
            "SELECT key FROM dataset WHERE experiment = ?1 AND name = ?2 AND digest = ?3",
            params![run.experiment, &dataset.name, &dataset.digest],
        )?
        .get(0)?;
    let context = input
        .tags
        .iter()
        .find(|(key, _)| key == CONTEXT)
        .map(|(_, value)| value.clone());
    let tags = serde_json::to_string(&input.tags).unwrap_or_else(|_| "[]".to_owned());
    tx.execute(
        "INSERT INTO run_dataset (run, dataset, context, tags, seq)
         VALUES (?1, ?2, ?3, ?4, (SELECT COUNT(*) FROM run_dataset WHERE run = ?1))
         ON CONFLICT (run, dataset) DO NOTHING",
        params![run.key, key, context, tags],
    )?;
    Ok(())
}
