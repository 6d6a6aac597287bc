//! Inserting many rows: one by one through a prepared statement on SQLite, as arrays (`UNNEST`) in one statement on
//! PostgreSQL, where every statement is a journey.

use std::fmt::Write as _;

use crate::{DbError, Value};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Integers, booleans, times.
    Int,
    /// Doubles.
    Real,
    /// Text.
    Text,
    /// Bytes.
    Blob,
}

/// An insert of many rows. All parts come from the program, never from a caller.
#[derive(Debug, Clone, Copy)]
pub struct Insert {
    /// The table.
    pub table: &'static str,
    /// Its columns in the order of the rows' values.
    pub columns: &'static [(&'static str, Kind)],
    /// What follows, such as `ON CONFLICT DO NOTHING`. With `DO UPDATE`, no two rows may have the same key.
    pub tail: &'static str,
}

/// The values of one column.
#[derive(Debug)]
pub(crate) enum Column {
    Int(Vec<Option<i64>>),
    Real(Vec<Option<f64>>),
    Text(Vec<Option<String>>),
    Blob(Vec<Option<Vec<u8>>>),
}

impl Column {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Int(values) => values.is_empty(),
            Self::Real(values) => values.is_empty(),
            Self::Text(values) => values.is_empty(),
            Self::Blob(values) => values.is_empty(),
        }
    }

    fn push(&mut self, value: Value) -> Result<(), &'static str> {
        match (self, value) {
            (Self::Int(values), Value::Int(value)) => values.push(Some(value)),
            (Self::Int(values), Value::Null) => values.push(None),
            (Self::Real(values), Value::Real(value)) => values.push(Some(value)),
            (Self::Real(values), Value::Null) => values.push(None),
            (Self::Text(values), Value::Text(value)) => values.push(Some(value)),
            (Self::Text(values), Value::Null) => values.push(None),
            (Self::Blob(values), Value::Blob(value)) => values.push(Some(value)),
            (Self::Blob(values), Value::Null) => values.push(None),
            (Self::Int(_), _) => return Err("an integer"),
            (Self::Real(_), _) => return Err("a double"),
            (Self::Text(_), _) => return Err("text"),
            (Self::Blob(_), _) => return Err("bytes"),
        }
        Ok(())
    }
}

impl Insert {
    fn head(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        format!("INSERT INTO {} ({})", self.table, names.join(", "))
    }

    pub(crate) fn one_row(&self) -> String {
        let mut sql = self.head() + " VALUES (";
        for i in 1..=self.columns.len() {
            let _ = write!(sql, "{}?{i}", if i == 1 { "" } else { ", " });
        }
        sql + ") " + self.tail
    }

    pub(crate) fn all_rows(&self) -> String {
        let mut sql = self.head() + " SELECT * FROM UNNEST(";
        for (i, (_, kind)) in self.columns.iter().enumerate() {
            let kind = match kind {
                Kind::Int => "BIGINT",
                Kind::Real => "DOUBLE PRECISION",
                Kind::Text => "TEXT",
                Kind::Blob => "BYTEA",
            };
            let comma = if i == 0 { "" } else { ", " };
            let _ = write!(sql, "{comma}${}::{kind}[]", i + 1);
        }
        sql + ") " + self.tail
    }

    pub(crate) fn columns(
        &self,
        rows: &mut dyn Iterator<Item = Vec<Value>>,
    ) -> Result<Vec<Column>, DbError> {
        let mut columns: Vec<Column> = self
            .columns
            .iter()
            .map(|(_, kind)| match kind {
                Kind::Int => Column::Int(Vec::new()),
                Kind::Real => Column::Real(Vec::new()),
                Kind::Text => Column::Text(Vec::new()),
                Kind::Blob => Column::Blob(Vec::new()),
            })
            .collect();
        for row in rows {
            for (i, (column, value)) in columns.iter_mut().zip(row).enumerate() {
                column.push(value).map_err(|expected| DbError::Decode {
                    column: i,
                    expected,
                    found: "another value".to_owned(),
                })?;
            }
        }
        Ok(columns)
    }
}
