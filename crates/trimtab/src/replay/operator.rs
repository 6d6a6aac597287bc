//! What people do on the way: the mistakes that a loop has to survive.

use std::sync::Arc;

use anyhow::Context;
use arrow::array::{ArrayRef, Float64Array, RecordBatch};
use serde_json::{Value, json};
use trimtab_types::{Duration, Time};

use super::{
    api::Api,
    history::{History, HistoryColumns},
    parquet_bytes,
    traffic::label,
};

/// A mistaken table holds the rows of so many days …
const MISTAKEN: Duration = Duration::from_days(28);
/// … that end so long before it is handed in: whoever made it was slow, and the window on which it will be judged is not
/// in it.
const SLOW: Duration = Duration::from_days(14);

/// What an operator does on the way, as soon as the endpoint is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    /// Hands in a table with every outcome turned around, and has a model trained on it.
    Mislabel {
        /// Not before this time.
        from: Time,
    },
    /// Sends the worst version that the gate refused, past the gate.
    SendRefused {
        /// Not before this time.
        from: Time,
    },
}

impl Operator {
    fn is_due(self, now: Time) -> bool {
        match self {
            Self::Mislabel { from } | Self::SendRefused { from } => from <= now,
        }
    }

    /// Acts where it is time and the endpoint is free; answers whether it did.
    pub(crate) async fn act(
        self,
        api: &Api,
        history: &History,
        columns: &HistoryColumns<'_>,
        endpoint: &str,
        now: Time,
    ) -> anyhow::Result<bool> {
        if !self.is_due(now) {
            return Ok(false);
        }
        let plans: Value = api.get("plans?limit=50").await?;
        let plans = plans["items"].as_array().cloned().unwrap_or_default();
        if plans.iter().any(|plan| plan["state"] == "running") {
            return Ok(false);
        }
        match self {
            Self::Mislabel { .. } => mislabel(api, history, columns, endpoint, now).await,
            Self::SendRefused { .. } => send_refused(api, &plans, endpoint).await,
        }
    }
}

async fn mislabel(
    api: &Api,
    history: &History,
    columns: &HistoryColumns<'_>,
    endpoint: &str,
    now: Time,
) -> anyhow::Result<bool> {
    let rows = history.index_at(now - SLOW - MISTAKEN)..history.index_at(now - SLOW);
    if rows.is_empty() {
        return Ok(false);
    }
    let outcomes: Float64Array = rows
        .clone()
        .map(|row| label(history, row, &[]).map(|outcome| 1.0 - outcome))
        .collect();
    let table = history.table.slice(rows.start, rows.len());
    let parquet = parquet_bytes(&with_column(&table, columns.label, outcomes)?)?;
    let path = format!(
        "datasets?name={endpoint}-mislabelled&time_column={}",
        columns.time
    );
    let dataset: Value = api
        .post_bytes(&path, "application/vnd.apache.parquet", parquet)
        .await
        .context("the mislabelled table cannot be handed in")?;
    let trigger = super::trigger_of(api, endpoint).await?;
    let _: Value = api
        .post(
            &format!("triggers/{trigger}/fire"),
            &json!({ "dataset": dataset["id"] }),
        )
        .await?;
    Ok(true)
}

fn with_column(
    table: &RecordBatch,
    name: &str,
    values: Float64Array,
) -> anyhow::Result<RecordBatch> {
    let values: ArrayRef = Arc::new(values);
    let schema = table.schema();
    let columns = schema
        .fields()
        .iter()
        .zip(table.columns())
        .map(|(field, column)| {
            let column = if field.name() == name {
                &values
            } else {
                column
            };
            (field.name().clone(), Arc::clone(column), true)
        });
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}

async fn send_refused(api: &Api, plans: &[Value], endpoint: &str) -> anyhow::Result<bool> {
    let worst = plans
        .iter()
        .filter(|plan| plan["state"] == "refused")
        .filter_map(refused_version)
        .max_by(|a, b| a.1.total_cmp(&b.1));
    let Some((version, _)) = worst else {
        return Ok(false);
    };
    let body = json!({ "endpoint": endpoint, "version": version, "skip_gate": true });
    let _: Value = api.post("rollouts", &body).await?;
    Ok(true)
}

/// The version that a plan's gate refused, with how much worse its loss was than the champion's.
fn refused_version(plan: &Value) -> Option<(i64, f64)> {
    let steps = plan["steps"].as_array()?;
    let output = |name: &str| {
        let step = steps.iter().find(|step| step["name"] == name)?;
        Some(&step["output"])
    };
    let version = output("register")?["version"].as_i64()?;
    let worse = output("gate")?["difference"]["estimate"].as_f64()?;
    Some((version, worse))
}
