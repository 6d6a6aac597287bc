//! Dataset versions and quarantines.

use trimtab_data as data;

use crate::{
    convert::at,
    wire::{
        ColumnProfile, ColumnSchema, DatasetVersion, NumericProfile, QuarantineRow, ValueCount,
    },
};

/// How many values of a text column are shown.
const VALUES: usize = 50;

pub(crate) fn dataset(version: data::DatasetVersion, with_profile: bool) -> DatasetVersion {
    DatasetVersion {
        id: version.id.to_string(),
        name: version.name,
        number: version.number,
        digest: version.digest,
        rows: version.rows,
        columns: version
            .columns
            .into_iter()
            .map(|column| ColumnSchema {
                name: column.name,
                kind: column.kind.as_str().to_owned(),
                nullable: column.nullable,
            })
            .collect(),
        source: source(&version.source),
        from: at(version.from),
        to: at(version.to),
        created_at: version.created_at.into(),
        created_by: version.created_by,
        profile: with_profile.then(|| version.profile.columns.into_iter().map(profile).collect()),
    }
}

fn source(source: &data::DatasetSource) -> serde_json::Value {
    match source {
        data::DatasetSource::Table { path } => {
            serde_json::json!({ "kind": "table", "path": path })
        }
        data::DatasetSource::Events {
            endpoint,
            from,
            to,
            labelled,
            exclude_quarantined,
            as_of,
            rows_excluded,
        } => serde_json::json!({
            "kind": "events", "endpoint": endpoint, "from": from, "to": to, "labelled": labelled,
            "exclude_quarantined": exclude_quarantined, "as_of": as_of, "rows_excluded": rows_excluded,
        }),
    }
}

fn profile(column: data::ColumnProfile) -> ColumnProfile {
    ColumnProfile {
        name: column.name,
        count: column.count,
        nulls: column.nulls,
        distinct: column.distinct,
        numeric: column.numeric.map(|numeric| NumericProfile {
            min: numeric.min,
            max: numeric.max,
            mean: numeric.mean,
            std: numeric.std,
            edges: numeric.histogram.edges,
            counts: numeric.histogram.counts,
        }),
        values: column
            .values
            .into_iter()
            .take(VALUES)
            .map(|(value, count)| ValueCount { value, count })
            .collect(),
    }
}

pub(crate) fn quarantine(quarantine: data::Quarantine) -> QuarantineRow {
    QuarantineRow {
        endpoint: quarantine.endpoint.to_string(),
        from: quarantine.from.into(),
        to: quarantine.to.into(),
        columns: quarantine.columns,
        cause: quarantine.cause,
        alert: quarantine.alert.map(|id| id.to_string()),
        at: quarantine.at.into(),
    }
}
