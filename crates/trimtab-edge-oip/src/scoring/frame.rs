//! `dataframe_split` and `dataframe_records`.

use std::fmt;

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use trimtab_edge::Failure;
use trimtab_serving::{ModelInfo, PredictRequest};

use super::{
    columns::{Columns, Place},
    in_field,
};

#[derive(Deserialize)]
struct Split<'a> {
    columns: Option<Vec<String>>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// `{"columns": [...], "index": [...], "data": [[...], ...]}`; without `columns` the model's own order counts.
pub(super) fn split(
    info: &ModelInfo,
    row_key: Option<&str>,
    json: &RawValue,
) -> Result<PredictRequest, Failure> {
    let field = "dataframe_split";
    let split: Split<'_> =
        serde_json::from_str(json.get()).map_err(|error| in_field(field, &error))?;
    let mut columns = Columns::new(info, row_key)?;
    let places: Vec<Place> = match &split.columns {
        Some(names) => names.iter().map(|name| columns.place(name)).collect(),
        None => (0..info.layout.as_ref().map_or(0, |l| l.columns().len()))
            .map(Place::Column)
            .collect(),
    };
    columns.check(&places)?;
    let rows = Rows {
        columns: &mut columns,
        places: &places,
    };
    rows.deserialize(&mut serde_json::Deserializer::from_str(split.data.get()))
        .map_err(|error| in_field(field, &error))?;
    columns.finish()
}

/// `[{"column": value, ...}, ...]`.
pub(super) fn records(
    info: &ModelInfo,
    row_key: Option<&str>,
    json: &RawValue,
) -> Result<PredictRequest, Failure> {
    let mut columns = Columns::new(info, row_key)?;
    Records(&mut columns)
        .deserialize(&mut serde_json::Deserializer::from_str(json.get()))
        .map_err(|error| in_field("dataframe_records", &error))?;
    columns.check_given()?;
    columns.finish()
}

/// A list of rows, each a list of cells in the order of `places`.
struct Rows<'a, 'm> {
    columns: &'a mut Columns<'m>,
    places: &'a [Place],
}

impl<'de> DeserializeSeed<'de> for Rows<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq
            .next_element_seed(Row {
                columns: self.columns,
                places: self.places,
            })?
            .is_some()
        {}
        Ok(())
    }
}

struct Row<'a, 'm> {
    columns: &'a mut Columns<'m>,
    places: &'a [Place],
}

impl<'de> DeserializeSeed<'de> for Row<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Row<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a row of {} values", self.places.len())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let row = self.columns.rows() + 1;
        for (at, place) in self.places.iter().enumerate() {
            if seq.next_element_seed(self.columns.cell(*place))?.is_none() {
                return Err(A::Error::custom(format!(
                    "row {row} has {at} values for {} columns",
                    self.places.len()
                )));
            }
        }
        if seq.next_element::<IgnoredAny>()?.is_some() {
            return Err(A::Error::custom(format!(
                "row {row} has more values than the {} columns",
                self.places.len()
            )));
        }
        self.columns.end_row().map_err(A::Error::custom)
    }
}

struct Records<'a, 'm>(&'a mut Columns<'m>);

impl<'de> DeserializeSeed<'de> for Records<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Records<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Record(self.0))?.is_some() {}
        Ok(())
    }
}

struct Record<'a, 'm>(&'a mut Columns<'m>);

impl<'de> DeserializeSeed<'de> for Record<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Record<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record of column and value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let place = self.0.place(&name);
            map.next_value_seed(self.0.cell(place))?;
        }
        self.0.end_row().map_err(A::Error::custom)
    }
}
