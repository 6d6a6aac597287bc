//! The history that is played: one table, sorted by time and id, checked before anything starts.

use std::{path::Path, sync::Arc};

use anyhow::{Context, bail};
use arrow::{
    array::{
        Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    },
    compute::{SortColumn, cast, concat_batches, lexsort_to_indices, take},
    datatypes::{DataType, TimeUnit, TimestampMicrosecondType},
};
use trimtab_types::Time;

/// What a column of times may hold.
const TIMES: &str = "give timestamps, dates or RFC 3339 text, such as 2013-01-01T05:15:00Z";

/// A history, sorted by (time, id).
#[derive(Debug)]
pub(crate) struct History {
    /// Every column as it came.
    pub(crate) table: RecordBatch,
    /// When each row happened.
    pub(crate) times: Vec<Time>,
    /// The id of each row; unique.
    pub(crate) ids: StringArray,
    /// The outcome of each row; null where it never came.
    pub(crate) labels: Float64Array,
}

/// Which columns are what.
#[derive(Debug, Clone)]
pub(crate) struct HistoryColumns<'a> {
    /// The time column.
    pub(crate) time: &'a str,
    /// The id column.
    pub(crate) id: &'a str,
    /// The label column.
    pub(crate) label: &'a str,
}

impl History {
    /// Reads and checks a table. Ties in time are ordered by id; gaps are fine; wrong types, missing columns,
    /// null times or ids and repeated ids are refused by name.
    pub(crate) fn read(path: &Path, columns: &HistoryColumns<'_>) -> anyhow::Result<Self> {
        let batches = trimtab_table::read(path, &trimtab_table::ReadOptions::default())
            .with_context(|| format!("cannot read the history {}", path.display()))?;
        let Some(first) = batches.first() else {
            bail!("the history {} has no rows", path.display())
        };
        let table = concat_batches(&first.schema(), &batches)
            .context("the history's batches do not agree")?;
        if table.num_rows() == 0 {
            bail!("the history {} has no rows", path.display());
        }
        let times = time_column(&table, columns.time)?;
        let ids = cast(column(&table, columns.id)?, &DataType::Utf8)
            .with_context(|| format!("column `{}` cannot be read as text", columns.id))?;
        no_nulls(&ids, columns.id)?;
        let order = lexsort_to_indices(
            &[
                SortColumn {
                    values: times,
                    options: None,
                },
                SortColumn {
                    values: ids,
                    options: None,
                },
            ],
            None,
        )?;
        let sorted: Vec<ArrayRef> = table
            .columns()
            .iter()
            .map(|values| take(values, &order, None))
            .collect::<Result<_, _>>()?;
        let table = RecordBatch::try_new(table.schema(), sorted)?;
        let times = time_column(&table, columns.time)?
            .as_primitive::<TimestampMicrosecondType>()
            .values()
            .iter()
            .map(|micros| Time::from_micros(*micros))
            .collect();
        let ids = cast(column(&table, columns.id)?, &DataType::Utf8)?
            .as_string::<i32>()
            .clone();
        let mut seen = std::collections::HashSet::with_capacity(ids.len());
        if let Some(twice) = ids.iter().flatten().find(|id| !seen.insert(*id)) {
            bail!(
                "id `{twice}` stands in column `{}` more than once; ids must be unique",
                columns.id
            );
        }
        let labels = label_column(&table, columns.label)?;
        if labels.null_count() == labels.len() {
            bail!("column `{}` holds no label at all", columns.label);
        }
        Ok(Self {
            table,
            times,
            ids,
            labels,
        })
    }

    /// The rows.
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    /// The rows before a time.
    pub(crate) fn before(self, time: Time) -> Self {
        let end = self.index_at(time);
        Self {
            table: self.table.slice(0, end),
            times: self.times[..end].to_vec(),
            ids: self.ids.slice(0, end),
            labels: self.labels.slice(0, end),
        }
    }

    /// The first and the last time.
    pub(crate) fn span(&self) -> (Time, Time) {
        match (self.times.first(), self.times.last()) {
            (Some(first), Some(last)) => (*first, *last),
            _ => (Time::MIN, Time::MIN),
        }
    }

    /// The index of the first row at or after a time.
    pub(crate) fn index_at(&self, time: Time) -> usize {
        self.times.partition_point(|row| *row < time)
    }

    /// Consecutive rows from `start` that share one time, at most `most`.
    pub(crate) fn group(&self, start: usize, most: usize) -> std::ops::Range<usize> {
        let time = self.times[start];
        let same = self.times[start..]
            .iter()
            .take(most)
            .take_while(|row| **row == time)
            .count();
        start..start + same
    }
}

fn column<'t>(table: &'t RecordBatch, name: &str) -> anyhow::Result<&'t ArrayRef> {
    table.column_by_name(name).with_context(|| {
        let schema = table.schema();
        let names: Vec<&str> = schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        format!(
            "the history has no column `{name}`; it has {}",
            names.join(", ")
        )
    })
}

fn no_nulls(values: &ArrayRef, name: &str) -> anyhow::Result<()> {
    match (0..values.len()).find(|row| values.is_null(*row)) {
        Some(row) => bail!("column `{name}` is empty in row {}", row + 1),
        None => Ok(()),
    }
}

fn time_column(table: &RecordBatch, name: &str) -> anyhow::Result<ArrayRef> {
    let values = column(table, name)?;
    // A time without a zone is taken as UTC; the zone's name is put on, not cast to, which would need a zone database.
    let micros = |zone| DataType::Timestamp(TimeUnit::Microsecond, zone);
    let times: ArrayRef = match values.data_type() {
        DataType::Timestamp(_, zone) => in_utc(&cast(values, &micros(zone.clone()))?),
        DataType::Date32 | DataType::Date64 => in_utc(&cast(values, &micros(None))?),
        DataType::Utf8 | DataType::LargeUtf8 => {
            let texts = cast(values, &DataType::Utf8)?;
            let parsed: Vec<Option<i64>> = texts
                .as_string::<i32>()
                .iter()
                .zip(1_u64..)
                .map(|(text, row)| {
                    let Some(text) = text else { return Ok(None) };
                    let time = text.parse::<Time>().with_context(|| {
                        format!("column `{name}` does not hold times: row {row} has `{text}` (hint: {TIMES})")
                    })?;
                    Ok(Some(time.as_micros()))
                })
                .collect::<anyhow::Result<_>>()?;
            in_utc(&(Arc::new(TimestampMicrosecondArray::from(parsed)) as ArrayRef))
        }
        other => bail!(
            "column `{name}` holds {other}, not times (hint: {TIMES}, or name another column with --time)"
        ),
    };
    no_nulls(&times, name)?;
    Ok(times)
}

/// Numbers; what is written there and is none is refused rather than taken as missing.
fn label_column(table: &RecordBatch, name: &str) -> anyhow::Result<Float64Array> {
    let values = column(table, name)?;
    let labels = cast(values, &DataType::Float64)
        .with_context(|| format!("column `{name}` is not a number"))?;
    if let Some(row) = (0..labels.len()).find(|row| values.is_valid(*row) && labels.is_null(*row)) {
        let text = cast(values, &DataType::Utf8)?;
        bail!(
            "column `{name}` holds `{}`, which is not a number",
            text.as_string::<i32>().value(row)
        );
    }
    Ok(labels
        .as_primitive::<arrow::datatypes::Float64Type>()
        .clone())
}

/// Timestamps of microseconds, whatever their zone was called: their numbers count in UTC anyway.
fn in_utc(times: &ArrayRef) -> ArrayRef {
    let times = times.as_primitive::<TimestampMicrosecondType>();
    Arc::new(times.clone().with_timezone("UTC"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(csv: &str) -> anyhow::Result<History> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.csv");
        std::fs::write(&path, csv).unwrap();
        History::read(
            &path,
            &HistoryColumns {
                time: "t",
                id: "id",
                label: "y",
            },
        )
    }

    #[test]
    fn rows_are_sorted_and_ties_are_grouped_by_time() {
        let history = read(
            "t,id,y\n2013-01-02T00:00:00Z,c,1\n2013-01-01T00:00:00Z,b,0\n2013-01-01T00:00:00Z,a,\n",
        )
        .unwrap();
        let ids: Vec<_> = history.ids.iter().flatten().collect();
        assert_eq!(ids, ["a", "b", "c"]);
        assert_eq!((history.group(0, 64), history.group(0, 1)), (0..2, 0..1));
        assert_eq!(history.index_at("2013-01-02".parse().unwrap()), 2);
        assert!(history.labels.is_null(0));
    }

    #[test]
    fn times_come_as_text_dates_and_timestamps_of_any_zone() {
        let first = |csv: &str| read(csv).unwrap().times[0].to_string();
        for time in [
            "2013-01-02",
            "2013-01-02T00:00:00Z",
            "2013-01-02T01:00:00+01:00",
            "2013-01-02 00:00:00",
        ] {
            let at = first(&format!("t,id,y\n{time},a,1\n"));
            assert!(at.starts_with("2013-01-02T00:00:00"), "{time}: {at}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (csv, why) in [
            ("t,id,y\n", "no rows"),
            ("t,id,z\n2013-01-01T00:00:00Z,a,1\n", "no column `y`"),
            (
                "t,id,y\n2013-01-01,a,1\n2013-01-01,b,never\n",
                "`never`, which is not a number",
            ),
            ("t,id,y\n17.5,a,1\n", "not times"),
            (
                "t,id,y\n2013-01-01,b,1\nyesterday,a,1\n",
                "column `t` does not hold times: row 2 has `yesterday`",
            ),
            (
                "t,id,y\n2013-01-01T00:00:00Z,a,1\n2013-01-02T00:00:00Z,a,1\n",
                "more than once",
            ),
            (
                "t,id,y\n2013-01-01T00:00:00Z,,1\n2013-01-01T00:00:00Z,b,1\n",
                "column `id` is empty in row 1",
            ),
        ] {
            let error = format!("{:#}", read(csv).unwrap_err());
            assert!(error.contains(why), "{csv}: {error}");
        }
    }
}
