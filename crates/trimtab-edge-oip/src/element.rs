//! JSON values straight into a tensor's elements, without a tree in between.

use std::fmt;

use bytes::Bytes;
use half::{bf16, f16};
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use trimtab_infer::TensorData;

/// Integers of this size and below are exact in a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// What `null` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nulls {
    /// An error.
    Refuse,
    /// NaN for floating-point numbers, the empty text for texts, an error for the rest.
    StandIn,
}

/// Why a value does not fit a type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misfit(pub(crate) String);

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn misfit<T>(value: impl fmt::Display, data: &TensorData) -> Result<T, Misfit> {
    Err(Misfit(format!("{value} is no {}", data.data_type())))
}

/// Runs a block with the vector of a variant of integers; `$other` sees the rest.
macro_rules! push_int {
    ($data:expr, $value:expr, { $($pattern:pat => $body:expr,)* }) => {
        match $data {
            TensorData::Uint8(values) => values.push($value.try_into().or_else(|_| misfit($value, &TensorData::Uint8(Vec::new())))?),
            TensorData::Uint16(values) => values.push($value.try_into().or_else(|_| misfit($value, &TensorData::Uint16(Vec::new())))?),
            TensorData::Uint32(values) => values.push($value.try_into().or_else(|_| misfit($value, &TensorData::Uint32(Vec::new())))?),
            TensorData::Uint64(values) => values.push($value.try_into().or_else(|_| misfit($value, &TensorData::Uint64(Vec::new())))?),
            TensorData::Int8(values) => values.push($value.try_into().or_else(|_| misfit($value, &TensorData::Int8(Vec::new())))?),
            TensorData::Int16(values) => values.push($value.try_into().or_else(|_| misfit($value, &TensorData::Int16(Vec::new())))?),
            TensorData::Int32(values) => values.push($value.try_into().or_else(|_| misfit($value, &TensorData::Int32(Vec::new())))?),
            TensorData::Int64(values) => values.push($value.try_into().or_else(|_| misfit($value, &TensorData::Int64(Vec::new())))?),
            $($pattern => $body,)*
        }
    };
}

/// Adds an integer.
pub(crate) fn push_int(data: &mut TensorData, value: i128) -> Result<(), Misfit> {
    push_int!(data, value, {
        TensorData::Fp16(values) => values.push(f16::from_f64(value as f64)),
        TensorData::Bf16(values) => values.push(bf16::from_f64(value as f64)),
        TensorData::Fp32(values) => values.push(value as f32),
        TensorData::Fp64(values) => values.push(value as f64),
        other @ (TensorData::Bool(_) | TensorData::Bytes(_)) => return misfit(value, other),
    });
    Ok(())
}

/// Adds a number with a fraction or exponent; whole ones count as integers.
#[expect(
    clippy::cast_possible_truncation,
    reason = "checked to be whole and exact, or wanted as a float"
)]
pub(crate) fn push_float(data: &mut TensorData, value: f64) -> Result<(), Misfit> {
    match data {
        TensorData::Fp16(values) => values.push(f16::from_f64(value)),
        TensorData::Bf16(values) => values.push(bf16::from_f64(value)),
        TensorData::Fp32(values) => values.push(value as f32),
        TensorData::Fp64(values) => values.push(value),
        other if value.fract() == 0.0 && value.abs() <= EXACT => {
            return push_int(other, value as i128);
        }
        other => return misfit(value, other),
    }
    Ok(())
}

/// Adds a boolean.
pub(crate) fn push_bool(data: &mut TensorData, value: bool) -> Result<(), Misfit> {
    match data {
        TensorData::Bool(values) => {
            values.push(value);
            Ok(())
        }
        other => misfit(value, other),
    }
}

/// Adds a text: one of the numbers that JSON does not have, where the elements are floating-point.
pub(crate) fn push_text(data: &mut TensorData, text: &str) -> Result<(), Misfit> {
    let is_float = matches!(
        data,
        TensorData::Fp16(_) | TensorData::Bf16(_) | TensorData::Fp32(_) | TensorData::Fp64(_)
    );
    match (data, text) {
        (TensorData::Bytes(values), text) => {
            values.push(Bytes::copy_from_slice(text.as_bytes()));
            Ok(())
        }
        (data, "NaN") if is_float => push_float(data, f64::NAN),
        (data, "Infinity") if is_float => push_float(data, f64::INFINITY),
        (data, "-Infinity") if is_float => push_float(data, f64::NEG_INFINITY),
        (other, text) => {
            let start: String = text.chars().take(32).collect();
            misfit(format_args!("{start:?}"), other)
        }
    }
}

/// Adds what stands for `null`.
pub(crate) fn push_null(data: &mut TensorData, nulls: Nulls) -> Result<(), Misfit> {
    match data {
        TensorData::Fp16(values) if nulls == Nulls::StandIn => values.push(f16::NAN),
        TensorData::Bf16(values) if nulls == Nulls::StandIn => values.push(bf16::NAN),
        TensorData::Fp32(values) if nulls == Nulls::StandIn => values.push(f32::NAN),
        TensorData::Fp64(values) if nulls == Nulls::StandIn => values.push(f64::NAN),
        TensorData::Bytes(values) if nulls == Nulls::StandIn => values.push(Bytes::new()),
        TensorData::Fp16(_) | TensorData::Bf16(_) | TensorData::Fp32(_) | TensorData::Fp64(_) => {
            return Err(Misfit(
                "null is no number: write \"NaN\", or send the tensor in binary form".to_owned(),
            ));
        }
        other => return misfit("null", other),
    }
    Ok(())
}

/// Takes a scalar, or arrays of scalars nested at will, into `data`, one after the other.
#[derive(Debug)]
pub(crate) struct Elements<'a> {
    pub(crate) data: &'a mut TensorData,
    pub(crate) nulls: Nulls,
}

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} values", self.data.data_type())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq
            .next_element_seed(Elements {
                data: self.data,
                nulls: self.nulls,
            })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        push_bool(self.data, value).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        push_int(self.data, value.into()).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        push_int(self.data, value.into()).map_err(E::custom)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        push_float(self.data, value).map_err(E::custom)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        push_text(self.data, value).map_err(E::custom)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        push_null(self.data, self.nulls).map_err(E::custom)
    }
}

/// Takes nested arrays into `data` and notes their shape; ragged ones are refused.
#[derive(Debug)]
pub(crate) struct Nested<'a> {
    pub(crate) data: &'a mut TensorData,
    pub(crate) shape: &'a mut Shape,
    pub(crate) depth: usize,
}

/// The shape of arrays seen so far.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    dims: Vec<usize>,
    /// How deep the scalars lie, once one was seen.
    rank: Option<usize>,
}

impl Shape {
    /// The dimensions, once everything was taken.
    pub(crate) fn into_dims(self) -> Vec<usize> {
        self.dims
    }

    fn scalar(&mut self, depth: usize) -> Result<(), Misfit> {
        match self.rank {
            Some(rank) if rank != depth => Err(Misfit("the arrays are ragged".to_owned())),
            Some(_) => Ok(()),
            None => {
                self.rank = Some(depth);
                Ok(())
            }
        }
    }

    fn array(&mut self, depth: usize, length: usize) -> Result<(), Misfit> {
        if self.rank.is_some_and(|rank| depth >= rank) {
            return Err(Misfit("the arrays are ragged".to_owned()));
        }
        // Arrays end from the inside out, so a place may come before those around it.
        if self.dims.len() <= depth {
            self.dims.resize(depth + 1, usize::MAX);
        }
        let known = &mut self.dims[depth];
        if *known == usize::MAX {
            *known = length;
        }
        if *known == length {
            Ok(())
        } else {
            Err(Misfit("the arrays are ragged".to_owned()))
        }
    }
}

impl<'de> DeserializeSeed<'de> for Nested<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Nested<'_> {
    fn scalar<E: Error>(
        self,
        push: impl FnOnce(&mut TensorData) -> Result<(), Misfit>,
    ) -> Result<(), E> {
        self.shape.scalar(self.depth).map_err(E::custom)?;
        push(self.data).map_err(E::custom)
    }
}

impl<'de> Visitor<'de> for Nested<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} values", self.data.data_type())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut length = 0;
        while seq
            .next_element_seed(Nested {
                data: self.data,
                shape: self.shape,
                depth: self.depth + 1,
            })?
            .is_some()
        {
            length += 1;
        }
        self.shape
            .array(self.depth, length)
            .map_err(A::Error::custom)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.scalar(|data| push_bool(data, value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.scalar(|data| push_int(data, value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.scalar(|data| push_int(data, value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.scalar(|data| push_float(data, value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.scalar(|data| push_text(data, value))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.scalar(|data| push_null(data, Nulls::StandIn))
    }
}

#[cfg(test)]
mod tests {
    use trimtab_infer::DataType;

    use super::*;

    fn parse(datatype: DataType, json: &str) -> Result<TensorData, String> {
        let mut data = TensorData::empty(datatype);
        let seed = Elements {
            data: &mut data,
            nulls: Nulls::Refuse,
        };
        let mut deserializer = serde_json::Deserializer::from_str(json);
        seed.deserialize(&mut deserializer)
            .and_then(|()| deserializer.end())
            .map_err(|error| error.to_string())?;
        Ok(data)
    }

    #[test]
    fn values_fit_their_type_or_are_refused() {
        assert_eq!(
            parse(DataType::Int8, "[[1,-2],[3.0]]"),
            Ok(TensorData::Int8(vec![1, -2, 3]))
        );
        assert_eq!(
            parse(DataType::Uint64, "18446744073709551615"),
            Ok(TensorData::Uint64(vec![u64::MAX]))
        );
        assert_eq!(
            parse(DataType::Fp64, "[\"Infinity\", 1]"),
            Ok(TensorData::Fp64(vec![f64::INFINITY, 1.0]))
        );
        for (datatype, json) in [
            (DataType::Int8, "[200]"),
            (DataType::Int64, "[1.5]"),
            (DataType::Int64, "[1e300]"),
            (DataType::Uint8, "[-1]"),
            (DataType::Fp32, "[null]"),
            (DataType::Fp32, "[\"x\"]"),
            (DataType::Fp32, "[true]"),
            (DataType::Fp32, "[{}]"),
            (DataType::Bytes, "[1]"),
            (DataType::Bool, "[1]"),
            (DataType::Fp32, "[1"),
            (DataType::Fp32, "[NaN]"),
        ] {
            assert!(parse(datatype, json).is_err(), "{datatype} {json}");
        }
        let deep = "[".repeat(200_000);
        assert!(
            parse(DataType::Fp32, &deep)
                .unwrap_err()
                .contains("recursion")
        );
    }

    #[test]
    fn shapes_are_seen_and_ragged_arrays_refused() {
        let shape = |json: &str| {
            let mut data = TensorData::empty(DataType::Fp32);
            let mut shape = Shape::default();
            let seed = Nested {
                data: &mut data,
                shape: &mut shape,
                depth: 0,
            };
            seed.deserialize(&mut serde_json::Deserializer::from_str(json))
                .map(|()| shape.into_dims())
                .map_err(|error| error.to_string())
        };
        assert_eq!(shape("1"), Ok(vec![]));
        assert_eq!(shape("[[1,2],[3,4],[5,null]]"), Ok(vec![3, 2]));
        assert_eq!(shape("[[[1]],[[2]]]"), Ok(vec![2, 1, 1]));
        assert_eq!(shape("[]"), Ok(vec![0]));
        for ragged in [
            "[[1,2],[3]]",
            "[1,[2]]",
            "[[1],2]",
            "[[[1]],[2]]",
            "[[],[1]]",
        ] {
            assert!(shape(ragged).unwrap_err().contains("ragged"), "{ragged}");
        }
    }
}
