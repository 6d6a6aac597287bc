//! Collection: what was deleted goes for good, rows and files, in a series of short commands.
//!
//! A kill between two commands leaves deleted runs that the next collection takes; never a run without its rows, or
//! rows without their run.

mod rows;

use trimtab_db::{Lane, Value, params};
use trimtab_types::{Duration, LoggedModelId, RunId, Scope, Time};

use self::rows::{Candidate, Id, InUse, Kind, columns, page, parts, read, remove, remove_points};
use crate::{ArtifactPath, Lifecycle, Tracking, TrackingError, service};

/// Every table whose rows belong to a run, by its column `run`. A test compares this with the schema.
pub(crate) const OF_RUN: &[&str] = &[
    "param",
    "tag",
    "metric",
    "metric_chunk",
    "latest_metric",
    "run_dataset",
    "run_model",
];
/// Every table whose rows belong to a logged model, by its column `model`.
pub(crate) const OF_MODEL: &[&str] = &[
    "logged_model_param",
    "logged_model_tag",
    "logged_model_metric",
];
/// Every table whose rows belong to an experiment and to none of its runs, by its column `experiment`.
pub(crate) const OF_EXPERIMENT: &[&str] = &["experiment_tag", "metric_key", "dataset"];

/// How many runs or models one command takes at most,
const MOST_ROWS: usize = 200;
/// and how many points and files they may have together. What has more alone goes in slices.
const MOST_PARTS: u64 = 20_000;
/// What a row with many points weighs.
const PARTS_OF_CHUNK: u64 = 50;
/// How many candidates are read at once.
const STEP: u32 = 1_000;
/// How many names of kept things a report holds.
const NAMES: usize = 100;

/// What to collect. With no list, all that is deleted; with one or more, only what they name.
#[derive(Debug, Clone, Default)]
pub struct GcPlan {
    /// Only what was deleted at least so long ago.
    pub older_than: Option<Duration>,
    /// These runs.
    pub runs: Option<Vec<RunId>>,
    /// These experiments, with all in them.
    pub experiments: Option<Vec<i64>>,
    /// These logged models.
    pub logged_models: Option<Vec<LoggedModelId>>,
    /// URIs of files that are in use elsewhere (sources of model versions): the run or logged model that has them stays.
    pub in_use: Vec<String>,
    /// Ids that the workspace does not have are left out in place of being refused.
    pub ignore_unknown: bool,
}

impl GcPlan {
    fn is_named(&self) -> bool {
        self.runs.is_some() || self.experiments.is_some() || self.logged_models.is_some()
    }
}

/// What a collection did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GcReport {
    /// Runs that are gone.
    pub runs: u64,
    /// Logged models that are gone.
    pub logged_models: u64,
    /// Experiments that are gone.
    pub experiments: u64,
    /// Files that are gone from the tree of artifacts.
    pub files: u64,
    /// Runs and models whose files lie in a store that is not ours: those files stay.
    pub foreign: u64,
    /// How many stay because a model version needs their files, or because something of theirs stays.
    pub kept: u64,
    /// The first of those, by name.
    pub kept_names: Vec<String>,
}

impl GcReport {
    /// Adds another workspace's.
    pub fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.logged_models += other.logged_models;
        self.experiments += other.experiments;
        self.files += other.files;
        self.foreign += other.foreign;
        self.kept += other.kept;
        self.kept_names.extend(other.kept_names);
        self.kept_names.truncate(NAMES);
    }

    fn keep(&mut self, name: impl FnOnce() -> String) {
        self.kept += 1;
        if self.kept_names.len() < NAMES {
            self.kept_names.push(name());
        }
    }
}

struct Doomed {
    key: i64,
    id: i64,
    location: String,
}

impl Tracking {
    /// Removes for good what was deleted: runs, logged models, experiments, with their files. What a model version
    /// still needs stays, and is named.
    pub async fn gc(&self, scope: &Scope, plan: GcPlan) -> Result<GcReport, TrackingError> {
        self.ready(scope).await?;
        let before = self.now() - plan.older_than.unwrap_or_default();
        let in_use = InUse::of(&plan.in_use);
        let mut report = GcReport::default();
        // All that is named is looked at before anything goes.
        let runs = self.named_runs(scope, &plan, before).await?;
        let models = self.named_models(scope, &plan, before).await?;
        let doomed = self.doomed(scope, &plan, before).await?;
        self.take(scope, Kind::Run, false, runs, &in_use, &mut report)
            .await?;
        self.take(scope, Kind::Model, false, models, &in_use, &mut report)
            .await?;
        if !plan.is_named() {
            for experiment in self.experiment_keys(scope).await? {
                for kind in [Kind::Run, Kind::Model] {
                    self.take_all(scope, kind, experiment, Some(before), &in_use, &mut report)
                        .await?;
                }
            }
        }
        for experiment in doomed {
            self.take_experiment(scope, &experiment, &in_use, &mut report)
                .await?;
        }
        Ok(report)
    }

    async fn experiment_keys(&self, scope: &Scope) -> Result<Vec<i64>, TrackingError> {
        let workspace = scope.workspace.clone();
        self.db()
            .read(move |tx| {
                let rows = tx.query(
                    "SELECT key FROM experiment WHERE workspace_id = ?1 ORDER BY key",
                    params![&workspace],
                )?;
                Ok(rows
                    .iter()
                    .map(|row| row.get(0))
                    .collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn named_runs(
        &self,
        scope: &Scope,
        plan: &GcPlan,
        before: Time,
    ) -> Result<Vec<Candidate>, TrackingError> {
        let ids = plan.runs.clone().unwrap_or_default();
        let ids: Vec<Id> = ids.into_iter().map(Id::Run).collect();
        self.named(scope, Kind::Run, ids, plan, before).await
    }

    async fn named_models(
        &self,
        scope: &Scope,
        plan: &GcPlan,
        before: Time,
    ) -> Result<Vec<Candidate>, TrackingError> {
        let ids = plan.logged_models.clone().unwrap_or_default();
        let ids: Vec<Id> = ids.into_iter().map(Id::Model).collect();
        self.named(scope, Kind::Model, ids, plan, before).await
    }

    /// What was named, if all of it may go.
    async fn named(
        &self,
        scope: &Scope,
        kind: Kind,
        ids: Vec<Id>,
        plan: &GcPlan,
        before: Time,
    ) -> Result<Vec<Candidate>, TrackingError> {
        let (workspace, older_than, ignore_unknown) = (
            scope.workspace.clone(),
            plan.older_than,
            plan.ignore_unknown,
        );
        self.db()
            .read(move |tx| {
                let sql = format!("{} WHERE workspace_id = ?1 AND id = ?2", columns(kind));
                let mut found = Vec::new();
                for id in ids {
                    let wanted = match id {
                        Id::Run(id) => Value::from(id),
                        Id::Model(id) => Value::from(id),
                    };
                    let Some(row) = tx.query_opt(&sql, &[Value::from(&workspace), wanted])? else {
                        if ignore_unknown {
                            continue;
                        }
                        return Err(TrackingError::not_found(match id {
                            Id::Run(id) => format!("Run with id={id} not found"),
                            Id::Model(id) => format!("Logged model with ID 'm-{id}' not found."),
                        }));
                    };
                    let candidate = read(kind, &row)?;
                    if candidate.lifecycle != Lifecycle::Deleted {
                        return Err(TrackingError::invalid(
                            "ids",
                            format!("{id} is not deleted: only what is deleted can be collected"),
                        ));
                    }
                    if let Some(older_than) = older_than
                        && candidate.deleted_at.is_none_or(|at| at >= before)
                    {
                        return Err(too_young(&id.to_string(), older_than));
                    }
                    found.push(candidate);
                }
                Ok(found)
            })
            .await
    }

    /// The experiments that go, if all that were named may.
    async fn doomed(
        &self,
        scope: &Scope,
        plan: &GcPlan,
        before: Time,
    ) -> Result<Vec<Doomed>, TrackingError> {
        if plan.is_named() && plan.experiments.is_none() {
            return Ok(Vec::new());
        }
        let (workspace, plan) = (scope.workspace.clone(), plan.clone());
        self.db()
            .read(move |tx| {
                let Some(ids) = plan.experiments else {
                    let mut values = vec![Value::from(&workspace)];
                    let age = plan.older_than.map_or("", |_| {
                        values.push(before.into());
                        " AND updated_at < ?2"
                    });
                    return tx
                        .query(
                            &format!("SELECT key, id, artifact_location FROM experiment WHERE workspace_id = ?1 AND stage = 1{age} ORDER BY key"),
                            &values,
                        )?
                        .iter()
                        .map(|row| {
                            Ok(Doomed { key: row.get(0)?, id: row.get(1)?, location: row.get(2)? })
                        })
                        .collect();
                };
                let mut doomed = Vec::new();
                for id in ids {
                    let (key, lifecycle, location) =
                        match service::find_experiment(tx, &workspace, id) {
                            Err(TrackingError::NotFound { .. }) if plan.ignore_unknown => continue,
                            found => found?,
                        };
                    if lifecycle != Lifecycle::Deleted {
                        return Err(TrackingError::invalid(
                            "experiment_ids",
                            format!("Experiments ['{id}'] are not in the deleted lifecycle stage. Only experiments in the deleted lifecycle stage can be hard-deleted."),
                        ));
                    }
                    let updated: Time = tx
                        .query_one("SELECT updated_at FROM experiment WHERE key = ?1", params![key])?
                        .get(0)?;
                    if let Some(older_than) = plan.older_than
                        && updated >= before
                    {
                        return Err(too_young(&format!("experiment {id}"), older_than));
                    }
                    doomed.push(Doomed { key, id, location });
                }
                Ok(doomed)
            })
            .await
    }

    /// Takes the deleted runs or models of an experiment; those that stay are counted. Without a time, all of them,
    /// deleted or not: the experiment itself goes.
    async fn take_all(
        &self,
        scope: &Scope,
        kind: Kind,
        experiment: i64,
        before: Option<Time>,
        in_use: &InUse,
        report: &mut GcReport,
    ) -> Result<(), TrackingError> {
        // A run that somebody restored inside a deleted experiment is wanted: it stays, and the experiment with it.
        let stages: &[i64] = match (before, kind) {
            (Some(_), _) | (None, Kind::Run) => &[1],
            (None, Kind::Model) => &[1, 0],
        };
        for stage in stages {
            let (stage, mut after) = (*stage, None);
            loop {
                let found = self
                    .db()
                    .read(move |tx| page(tx, kind, experiment, stage, after))
                    .await?;
                let Some(last) = found.last() else { break };
                after = Some((last.began_at, last.id));
                let old: Vec<Candidate> = found
                    .into_iter()
                    .filter(|candidate| {
                        before.is_none_or(|before| {
                            candidate.deleted_at.is_some_and(|at| at <= before)
                        })
                    })
                    .collect();
                self.take(scope, kind, before.is_none(), old, in_use, report)
                    .await?;
            }
        }
        Ok(())
    }

    /// Removes candidates, but those whose files are in use.
    async fn take(
        &self,
        scope: &Scope,
        kind: Kind,
        is_forced: bool,
        candidates: Vec<Candidate>,
        in_use: &InUse,
        report: &mut GcReport,
    ) -> Result<(), TrackingError> {
        let mut chunk: Vec<Candidate> = Vec::new();
        let mut weight = 0;
        let mut open = Vec::new();
        for candidate in candidates {
            if in_use.holds(&candidate) {
                report.keep(|| {
                    format!(
                        "{}: a version of a registered model has its files",
                        candidate.id
                    )
                });
                continue;
            }
            report.foreign += u64::from(candidate.root.is_none());
            open.push(candidate);
        }
        let workspace = scope.workspace.clone();
        let weighed: Vec<(Candidate, u64)> = self
            .db()
            .read(move |tx| {
                open.into_iter()
                    .map(|candidate| {
                        let parts = parts(tx, &workspace, &candidate)?;
                        Ok::<_, TrackingError>((candidate, parts))
                    })
                    .collect()
            })
            .await?;
        for (candidate, parts) in weighed {
            if parts > MOST_PARTS {
                self.slim(scope, &candidate, report).await?;
            }
            if !chunk.is_empty() && (chunk.len() == MOST_ROWS || weight + parts > MOST_PARTS) {
                self.remove_chunk(scope, kind, is_forced, std::mem::take(&mut chunk), report)
                    .await?;
                weight = 0;
            }
            chunk.push(candidate);
            weight += parts.min(MOST_PARTS);
        }
        if !chunk.is_empty() {
            self.remove_chunk(scope, kind, is_forced, chunk, report)
                .await?;
        }
        Ok(())
    }

    /// Takes the points and files of something large, a slice at a time, so that no writer waits long.
    async fn slim(
        &self,
        scope: &Scope,
        candidate: &Candidate,
        report: &mut GcReport,
    ) -> Result<(), TrackingError> {
        if matches!(candidate.id, Id::Run(_)) {
            let run = candidate.key;
            while self
                .db()
                .write(Lane::Bulk, move |tx| remove_points(tx, run))
                .await?
            {}
        }
        if let Some(root) = &candidate.root {
            report.files += self.artifact_delete_counted(scope, root).await?;
        }
        Ok(())
    }

    async fn remove_chunk(
        &self,
        scope: &Scope,
        kind: Kind,
        is_forced: bool,
        chunk: Vec<Candidate>,
        report: &mut GcReport,
    ) -> Result<(), TrackingError> {
        let (this, of_command) = (self.clone(), scope.clone());
        let (count, files, unused) = self
            .db()
            .write_again(Lane::Bulk, move |tx| {
                remove(tx, &this, &of_command, kind, is_forced, &chunk)
            })
            .await?;
        for key in &unused {
            self.0.blobs.remove_file(key);
        }
        match kind {
            Kind::Run => report.runs += count,
            Kind::Model => report.logged_models += count,
        }
        report.files += files;
        Ok(())
    }

    /// Takes an experiment with all in it, unless something in it is in use.
    async fn take_experiment(
        &self,
        scope: &Scope,
        experiment: &Doomed,
        in_use: &InUse,
        report: &mut GcReport,
    ) -> Result<(), TrackingError> {
        let (key, id) = (experiment.key, experiment.id);
        for kind in [Kind::Run, Kind::Model] {
            self.take_all(scope, kind, key, None, in_use, report)
                .await?;
        }
        // Files that no run and no model owned: only in the folder that the server itself gave the experiment.
        let own = ArtifactPath::parse(&id.to_string())?;
        if experiment.location == format!("mlflow-artifacts:/{id}")
            && !in_use.is_below(own.as_str())
        {
            report.files += self.artifact_delete_counted(scope, &own).await?;
        }
        if id == 0 {
            // Clients that name no experiment log to it: it stays deleted, and can be restored.
            return Ok(());
        }
        let is_gone = self
            .db()
            .write(Lane::Control, move |tx| {
                for table in ["run", "logged_model"] {
                    let left = tx.query_opt(
                        &format!("SELECT 1 FROM {table} WHERE experiment = ?1 LIMIT 1"),
                        params![key],
                    )?;
                    if left.is_some() {
                        return Ok(false);
                    }
                }
                let is_deleted = tx.query_opt(
                    "SELECT 1 FROM experiment WHERE key = ?1 AND stage = 1",
                    params![key],
                )?;
                if is_deleted.is_none() {
                    return Ok(false);
                }
                for table in OF_EXPERIMENT {
                    tx.execute(
                        &format!("DELETE FROM {table} WHERE experiment = ?1"),
                        params![key],
                    )?;
                }
                tx.execute(
                    "INSERT INTO experiment_collected (workspace_id, last) SELECT workspace_id, id FROM experiment WHERE key = ?1
                     ON CONFLICT (workspace_id) DO UPDATE SET last = CASE WHEN excluded.last > experiment_collected.last THEN excluded.last ELSE experiment_collected.last END",
                    params![key],
                )?;
                tx.execute("DELETE FROM experiment WHERE key = ?1", params![key])?;
                Ok::<_, TrackingError>(true)
            })
            .await?;
        if is_gone {
            report.experiments += 1;
        } else {
            report.keep(|| format!("experiment {id}: a run or logged model of it stays"));
        }
        Ok(())
    }
}

fn too_young(what: &str, older_than: Duration) -> TrackingError {
    TrackingError::invalid(
        "older_than",
        format!(
            "{what} is not older than the required age: only what was deleted more than {older_than} ago can be collected"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tables that have a column of that name, but those that are the things themselves.
    fn with_column(column: &str) -> Vec<&'static str> {
        let mut tables: Vec<&str> = crate::MIGRATIONS
            .iter()
            .flat_map(|migration| migration.sql.split(";\n"))
            .filter_map(|statement| statement.split_once("CREATE TABLE ").map(|(_, rest)| rest))
            .filter_map(|rest| rest.split_once(" ("))
            .filter(|(_, columns)| {
                let mut columns = columns.split(", ");
                columns.any(|text| text.starts_with(&format!("{column} BIGINT")))
            })
            .map(|(table, _)| table)
            .filter(|table| !["run", "logged_model"].contains(table) && !table.ends_with("_new"))
            .collect();
        tables.sort_unstable();
        tables.dedup();
        tables
    }

    #[test]
    fn no_table_is_forgotten() {
        for (column, known) in [
            ("run", OF_RUN),
            ("model", OF_MODEL),
            ("experiment", OF_EXPERIMENT),
        ] {
            let mut known = known.to_vec();
            known.sort_unstable();
            assert_eq!(with_column(column), known, "{column}");
        }
    }
}
