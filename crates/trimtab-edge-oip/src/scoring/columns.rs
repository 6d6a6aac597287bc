//! Rows of a table into the typed columns that the model takes.

use std::fmt;

use bytes::Bytes;
use serde::{
    Deserialize as _,
    de::{DeserializeSeed, Deserializer, Error, IgnoredAny, Visitor},
};
use trimtab_edge::Failure;
use trimtab_infer::{DataType, TensorData};
use trimtab_serving::{Layout, ModelInfo, PredictRequest};

use crate::element::{self, Misfit, Nulls};

/// Columns that grow row by row.
#[derive(Debug)]
pub(super) struct Columns<'m> {
    layout: &'m Layout,
    data: Vec<TensorData>,
    /// Which columns of the model any row gave, null or not.
    is_given: Vec<bool>,
    /// The column that identifies rows and is no feature, and its values.
    row_key: Option<(&'m str, Vec<Bytes>)>,
    rows: usize,
}

/// Where a cell goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Into a column of the model.
    Column(usize),
    /// To the row keys.
    Key,
    /// Nowhere: the model takes no such column.
    Nowhere,
}

impl<'m> Columns<'m> {
    pub(super) fn new(info: &'m ModelInfo, row_key: Option<&'m str>) -> Result<Self, Failure> {
        let layout = info.layout.as_deref().ok_or_else(|| {
            Failure::invalid(
                "",
                "this model does not take the columns of a table: use `inputs` or `instances`",
            )
        })?;
        // A row key that is also a feature is read from the tensors.
        let row_key = row_key
            .filter(|key| layout.columns().iter().all(|column| column.name != *key))
            .map(|key| (key, Vec::new()));
        Ok(Self {
            data: layout
                .columns()
                .iter()
                .map(|column| TensorData::empty(column.datatype))
                .collect(),
            is_given: vec![false; layout.columns().len()],
            layout,
            row_key,
            rows: 0,
        })
    }

    /// Where the cells of a column go.
    pub(super) fn place(&self, name: &str) -> Place {
        let column = self
            .layout
            .columns()
            .iter()
            .position(|column| column.name == name);
        match (column, &self.row_key) {
            (Some(column), _) => Place::Column(column),
            (None, Some((key, _))) if *key == name => Place::Key,
            (None, _) => Place::Nowhere,
        }
    }

    /// Refuses a header that lacks a column of the model, or has one twice.
    pub(super) fn check(&self, places: &[Place]) -> Result<(), Failure> {
        for (at, column) in self.layout.columns().iter().enumerate() {
            let times = places
                .iter()
                .filter(|place| **place == Place::Column(at))
                .count();
            if times != 1 {
                let what = if times == 0 {
                    "is missing"
                } else {
                    "is given twice"
                };
                return Err(Failure::invalid(
                    column.name.clone(),
                    format!("column `{}` {what}", column.name),
                ));
            }
        }
        Ok(())
    }

    /// Refuses rows of which none has a column of the model: that is a misspelt name, and no missing value.
    pub(super) fn check_given(&self) -> Result<(), Failure> {
        let columns = self.layout.columns().iter().zip(&self.is_given);
        let missing = columns.filter(|(_, is_given)| !**is_given);
        match missing.map(|(column, _)| column).next() {
            Some(column) if self.rows > 0 => Err(Failure::invalid(
                column.name.clone(),
                format!("column `{}` is missing", column.name),
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Takes one cell.
    pub(super) fn cell(&mut self, place: Place) -> Cell<'_, 'm> {
        Cell {
            columns: self,
            place,
        }
    }

    /// Ends a row; cells that it had none for are null.
    pub(super) fn end_row(&mut self) -> Result<(), Misfit> {
        self.rows += 1;
        for (column, data) in self.layout.columns().iter().zip(&mut self.data) {
            if data.len() < self.rows {
                element::push_null(data, Nulls::StandIn).map_err(|_| {
                    Misfit(format!(
                        "column `{}` is missing in row {}",
                        column.name, self.rows
                    ))
                })?;
            }
            if data.len() > self.rows {
                return Err(Misfit(format!(
                    "column `{}` is given twice in row {}",
                    column.name, self.rows
                )));
            }
        }
        match &self.row_key {
            Some((key, keys)) if !keys.is_empty() && keys.len() != self.rows => {
                Err(Misfit(format!("column `{key}` is not in every row")))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The number of rows so far.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The request that the rows make.
    pub(super) fn finish(self) -> Result<PredictRequest, Failure> {
        let row_keys = self
            .row_key
            .map(|(_, keys)| keys)
            .filter(|keys| !keys.is_empty())
            .map(|keys| {
                keys.iter()
                    .map(|key| String::from_utf8_lossy(key).into_owned())
                    .collect()
            });
        Ok(PredictRequest {
            inputs: self.layout.assemble(self.data)?,
            row_keys,
            ..PredictRequest::default()
        })
    }

    /// Takes a cell of CSV: text of the column's type.
    pub(super) fn text(&mut self, place: Place, text: &str) -> Result<(), Misfit> {
        let column = match place {
            Place::Nowhere => return Ok(()),
            Place::Key => {
                self.key(text.to_owned());
                return Ok(());
            }
            Place::Column(column) => column,
        };
        let data = &mut self.data[column];
        let is_null = matches!(text, "" | "NaN" | "nan" | "NA" | "null" | "NULL" | "None");
        let result = match data.data_type() {
            DataType::Bytes => element::push_text(data, text),
            _ if is_null => element::push_null(data, Nulls::StandIn),
            DataType::Bool => match text {
                "true" | "True" | "TRUE" => element::push_bool(data, true),
                "false" | "False" | "FALSE" => element::push_bool(data, false),
                _ => element::push_text(data, text),
            },
            DataType::Uint8
            | DataType::Uint16
            | DataType::Uint32
            | DataType::Uint64
            | DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Fp16
            | DataType::Bf16
            | DataType::Fp32
            | DataType::Fp64 => {
                if let Ok(value) = text.parse::<i64>() {
                    element::push_int(data, value.into())
                } else if let Ok(value) = text.parse::<f64>() {
                    element::push_float(data, value)
                } else {
                    element::push_text(data, text)
                }
            }
        };
        result.map_err(|misfit| self.in_column(column, &misfit))
    }

    fn key(&mut self, text: String) {
        if let Some((_, keys)) = &mut self.row_key {
            keys.push(Bytes::from(text));
        }
    }

    fn in_column(&self, column: usize, misfit: &Misfit) -> Misfit {
        let name = &self.layout.columns()[column].name;
        Misfit(format!("column `{name}`: {misfit}"))
    }
}

/// One cell of JSON.
#[derive(Debug)]
pub(super) struct Cell<'a, 'm> {
    columns: &'a mut Columns<'m>,
    place: Place,
}

impl Cell<'_, '_> {
    fn put<E: Error>(
        self,
        push: impl FnOnce(&mut TensorData) -> Result<(), Misfit>,
        key: impl FnOnce() -> Option<String>,
    ) -> Result<(), E> {
        match self.place {
            Place::Nowhere => Ok(()),
            Place::Key => match key() {
                Some(key) => {
                    self.columns.key(key);
                    Ok(())
                }
                None => Err(E::custom("a row key must be a text or a whole number")),
            },
            Place::Column(column) => {
                self.columns.is_given[column] = true;
                push(&mut self.columns.data[column])
                    .map_err(|misfit| E::custom(self.columns.in_column(column, &misfit)))
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Cell<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.place == Place::Nowhere {
            return IgnoredAny::deserialize(deserializer).map(|_| ());
        }
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Cell<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Column(column) => {
                let column = &self.columns.layout.columns()[column];
                write!(f, "one {} for column `{}`", column.datatype, column.name)
            }
            Place::Key | Place::Nowhere => f.write_str("a row key"),
        }
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.put(|data| element::push_bool(data, value), || None)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.put(
            |data| element::push_int(data, value.into()),
            || Some(value.to_string()),
        )
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.put(
            |data| element::push_int(data, value.into()),
            || Some(value.to_string()),
        )
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.put(|data| element::push_float(data, value), || None)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.put(
            |data| element::push_text(data, value),
            || Some(value.to_owned()),
        )
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.put(|data| element::push_null(data, Nulls::StandIn), || None)
    }
}
