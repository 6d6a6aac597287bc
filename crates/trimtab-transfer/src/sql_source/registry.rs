//! Registered models and their versions, and what is not read.

use std::collections::{BTreeMap, HashMap, HashSet};

use trimtab_db::{DbError, Row, Value};
use trimtab_edge_api::wire::{IngestAlias, IngestModel, IngestVersion, Pair};

use super::{SqlSource, maybe, number, text};
use crate::TransferError;

impl SqlSource {
    pub(crate) async fn models(&self) -> Result<Vec<IngestModel>, TransferError> {
        let rows = self
            .rows(
                format!(
                    "SELECT name, creation_time, last_updated_time, description FROM registered_models{} ORDER BY name",
                    self.in_default("WHERE", "registered_models")
                ),
                Vec::new(),
            )
            .await?;
        let mut models = Vec::with_capacity(rows.len());
        for row in &rows {
            let created_ms = number(row, 1)?;
            models.push(IngestModel {
                name: text(row, 0)?,
                created_ms,
                updated_ms: row.get::<Option<i64>>(2)?.unwrap_or(created_ms),
                description: maybe(row, 3)?,
                origin: created_ms.to_string(),
                ..IngestModel::default()
            });
        }
        Ok(models)
    }

    pub(crate) async fn versions(&self, model: &mut IngestModel) -> Result<(), TransferError> {
        let name = || vec![Value::from(&model.name)];
        let tags = self
            .rows(
                format!(
                    "SELECT key, value FROM registered_model_tags WHERE name = ?1{} ORDER BY key",
                    self.in_default("AND", "registered_model_tags")
                ),
                name(),
            )
            .await?;
        model.tags = read_pairs(&tags, 0)?;
        if self.has_aliases {
            let aliases = self
                .rows(
                    format!(
                        "SELECT alias, version FROM registered_model_aliases WHERE name = ?1{} ORDER BY alias",
                        self.in_default("AND", "registered_model_aliases")
                    ),
                    name(),
                )
                .await?;
            model.aliases = aliases
                .iter()
                .map(|row| {
                    Ok(IngestAlias {
                        alias: text(row, 0)?,
                        version: number(row, 1)?,
                    })
                })
                .collect::<Result<_, DbError>>()?;
        }
        let version_tags = self
            .rows(
                format!(
                    "SELECT version, key, value FROM model_version_tags WHERE name = ?1{} ORDER BY version, key",
                    self.in_default("AND", "model_version_tags")
                ),
                name(),
            )
            .await?;
        let mut tags: HashMap<i64, Vec<Pair>> = HashMap::new();
        for row in &version_tags {
            tags.entry(number(row, 0)?).or_default().push(Pair {
                key: text(row, 1)?,
                value: text(row, 2)?,
            });
        }
        let storage = if self.has_storage {
            "storage_location"
        } else {
            "NULL"
        };
        let rows = self
            .rows(
                format!(
                    "SELECT version, creation_time, last_updated_time, description, user_id, current_stage, source, run_id, run_link, status, status_message, {storage} FROM model_versions WHERE name = ?1{} ORDER BY version",
                    self.in_default("AND", "model_versions")
                ),
                name(),
            )
            .await?;
        for row in &rows {
            let version = number(row, 0)?;
            model.last_number = model.last_number.max(version);
            let stage = text(row, 5)?;
            // MLflow keeps a row for the number of a version that was deleted.
            if stage == "Deleted_Internal" {
                continue;
            }
            let created_ms = number(row, 1)?;
            model.versions.push(IngestVersion {
                version,
                created_ms,
                updated_ms: row.get::<Option<i64>>(2)?.unwrap_or(created_ms),
                description: maybe(row, 3)?,
                created_by: maybe(row, 4)?,
                stage: if stage.is_empty() {
                    "None".to_owned()
                } else {
                    stage
                },
                source: text(row, 6)?,
                run_id: maybe(row, 7)?,
                run_link: maybe(row, 8)?,
                status: maybe(row, 9)?.unwrap_or_else(|| "READY".to_owned()),
                status_message: maybe(row, 10)?,
                storage: maybe(row, 11)?,
                tags: tags.remove(&version).unwrap_or_default(),
            });
        }
        let kept: HashSet<i64> = model
            .versions
            .iter()
            .map(|version| version.version)
            .collect();
        model.aliases.retain(|alias| kept.contains(&alias.version));
        Ok(())
    }

    pub(crate) async fn left_behind(&self) -> Result<BTreeMap<String, u64>, TransferError> {
        let mut left = BTreeMap::new();
        for (table, word) in [
            ("trace_info", "traces"),
            ("evaluation_datasets", "evaluation datasets"),
            ("scorers", "scorers"),
            ("webhooks", "webhooks"),
        ] {
            let counted = self
                .db
                .query(format!("SELECT COUNT(*) FROM {table}"), Vec::new())
                .await;
            if let Ok(rows) = counted
                && let Some(row) = rows.first()
                && let Some(count) = u64::try_from(row.get::<i64>(0)?).ok().filter(|n| *n > 0)
            {
                left.insert(word.to_owned(), count);
            }
        }
        if self.has_workspaces {
            let rows = self
                .rows(
                    "SELECT COUNT(*) FROM experiments WHERE workspace <> 'default'".to_owned(),
                    Vec::new(),
                )
                .await?;
            if let Some(row) = rows.first()
                && let Some(count) = u64::try_from(row.get::<i64>(0)?).ok().filter(|n| *n > 0)
            {
                left.insert("experiments of other workspaces".to_owned(), count);
            }
        }
        Ok(left)
    }
}

fn read_pairs(rows: &[Row], from: usize) -> Result<Vec<Pair>, DbError> {
    rows.iter()
        .map(|row| {
            Ok(Pair {
                key: text(row, from)?,
                value: text(row, from + 1)?,
            })
        })
        .collect()
}
