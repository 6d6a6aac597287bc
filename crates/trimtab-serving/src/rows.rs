//! Rows of a table as a model's input tensors: columns by the signature's names, cast to its types.

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array, RecordBatch,
        StringArray,
    },
    compute::{CastOptions, cast_with_options},
    datatypes::{
        ArrowPrimitiveType, DataType as ArrowType, Float32Type, Float64Type, Int8Type, Int16Type,
        Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    },
    util::display::FormatOptions,
};
use bytes::Bytes;
use trimtab_infer::{DataType, Tensor, TensorData};

use crate::{Layout, ServingError};

/// The input tensors for a batch of rows. A number that is null becomes NaN, a null text the empty text; a null
/// where the model takes integers or booleans has no such stand-in and is refused.
pub(crate) fn tensors(layout: &Layout, batch: &RecordBatch) -> Result<Vec<Tensor>, ServingError> {
    let columns = layout
        .columns()
        .iter()
        .map(|column| {
            let array = batch.column_by_name(&column.name).ok_or_else(|| {
                refused(
                    &column.name,
                    "the rows have no such column, the model needs it",
                )
            })?;
            convert(&column.name, array, column.datatype)
        })
        .collect::<Result<Vec<TensorData>, ServingError>>()?;
    Ok(layout.assemble(columns)?)
}

fn convert(name: &str, array: &ArrayRef, wanted: DataType) -> Result<TensorData, ServingError> {
    Ok(match wanted {
        DataType::Bool => {
            let array = cast(name, array, &ArrowType::Boolean)?;
            no_nulls(name, &array)?;
            let array: &BooleanArray = array.as_boolean();
            TensorData::Bool(array.values().iter().collect())
        }
        DataType::Uint8 => TensorData::Uint8(ints::<UInt8Type>(name, array)?),
        DataType::Uint16 => TensorData::Uint16(ints::<UInt16Type>(name, array)?),
        DataType::Uint32 => TensorData::Uint32(ints::<UInt32Type>(name, array)?),
        DataType::Uint64 => TensorData::Uint64(ints::<UInt64Type>(name, array)?),
        DataType::Int8 => TensorData::Int8(ints::<Int8Type>(name, array)?),
        DataType::Int16 => TensorData::Int16(ints::<Int16Type>(name, array)?),
        DataType::Int32 => TensorData::Int32(ints::<Int32Type>(name, array)?),
        DataType::Int64 => TensorData::Int64(ints::<Int64Type>(name, array)?),
        DataType::Fp16 => TensorData::Fp16(
            singles(name, array)?
                .into_iter()
                .map(half::f16::from_f32)
                .collect(),
        ),
        DataType::Bf16 => TensorData::Bf16(
            singles(name, array)?
                .into_iter()
                .map(half::bf16::from_f32)
                .collect(),
        ),
        DataType::Fp32 => TensorData::Fp32(singles(name, array)?),
        DataType::Fp64 => {
            let array = cast(name, array, &ArrowType::Float64)?;
            let array: &Float64Array = array.as_primitive::<Float64Type>();
            TensorData::Fp64(array.iter().map(|v| v.unwrap_or(f64::NAN)).collect())
        }
        DataType::Bytes => {
            let array = cast(name, array, &ArrowType::Utf8)?;
            let array: &StringArray = array.as_string();
            TensorData::Bytes(
                array
                    .iter()
                    .map(|text| Bytes::copy_from_slice(text.unwrap_or_default().as_bytes()))
                    .collect(),
            )
        }
    })
}

fn singles(name: &str, array: &ArrayRef) -> Result<Vec<f32>, ServingError> {
    let array = cast(name, array, &ArrowType::Float32)?;
    let array: &Float32Array = array.as_primitive::<Float32Type>();
    Ok(array.iter().map(|v| v.unwrap_or(f32::NAN)).collect())
}

fn ints<T: ArrowPrimitiveType>(
    name: &str,
    array: &ArrayRef,
) -> Result<Vec<T::Native>, ServingError> {
    no_nulls(name, array)?;
    let is_float = array.data_type().is_floating();
    let ints = cast(name, array, &T::DATA_TYPE)?;
    if is_float {
        // Casting drops fractions without a word.
        let back = cast(name, &ints, array.data_type())?;
        if back.to_data() != array.to_data() {
            return Err(refused(
                name,
                "it has fractions, the model takes whole numbers",
            ));
        }
    }
    Ok(ints.as_primitive::<T>().values().to_vec())
}

fn cast(name: &str, array: &ArrayRef, to: &ArrowType) -> Result<ArrayRef, ServingError> {
    let options = CastOptions {
        safe: false,
        format_options: FormatOptions::default(),
    };
    cast_with_options(array, to, &options).map_err(|error| {
        refused(
            name,
            &format!("cannot be read as {to} from {}: {error}", array.data_type()),
        )
    })
}

fn no_nulls(name: &str, array: &dyn Array) -> Result<(), ServingError> {
    match array.null_count() {
        0 => Ok(()),
        nulls => Err(refused(
            name,
            &format!("{nulls} values are null, the model takes none"),
        )),
    }
}

fn refused(name: &str, reason: &str) -> ServingError {
    ServingError::Request {
        field: name.to_owned(),
        reason: format!("column `{name}`: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{DictionaryArray, Int64Array},
        datatypes::Int8Type as Key,
    };
    use trimtab_infer::{Signature, TensorSpec};

    use super::*;

    fn layout(inputs: &[(&str, DataType)]) -> Layout {
        let inputs = inputs
            .iter()
            .map(|(name, datatype)| TensorSpec {
                name: (*name).to_owned(),
                datatype: *datatype,
                shape: vec![-1, 1],
            })
            .collect();
        let signature = Signature {
            inputs,
            ..Signature::default()
        };
        Layout::of(&signature, None).unwrap()
    }

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter(columns).unwrap()
    }

    #[test]
    fn columns_are_cast_and_nulls_have_stand_ins() {
        let layout = layout(&[
            ("f", DataType::Fp32),
            ("s", DataType::Bytes),
            ("i", DataType::Int64),
        ]);
        let dictionary: DictionaryArray<Key> = vec![Some("EWR"), None].into_iter().collect();
        let tensors = tensors(
            &layout,
            &batch(vec![
                ("i", Arc::new(Float64Array::from(vec![1.0, 2.0]))),
                ("extra", Arc::new(Int64Array::from(vec![0, 0]))),
                ("s", Arc::new(dictionary)),
                ("f", Arc::new(Int64Array::from(vec![Some(7), None]))),
            ]),
        )
        .unwrap();
        assert_eq!(tensors[0].data().as_f64(0), Some(7.0));
        assert!(tensors[0].data().as_f64(1).unwrap().is_nan());
        assert_eq!(
            tensors[1].data(),
            &TensorData::Bytes(vec!["EWR".into(), "".into()])
        );
        assert_eq!(tensors[2].data(), &TensorData::Int64(vec![1, 2]));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let message = |datatype, column: ArrayRef| {
            tensors(&layout(&[("x", datatype)]), &batch(vec![("x", column)]))
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            message(DataType::Int64, Arc::new(Float64Array::from(vec![1.5]))),
            "column `x`: it has fractions, the model takes whole numbers"
        );
        assert_eq!(
            message(
                DataType::Int64,
                Arc::new(Int64Array::from(vec![None, Some(1)]))
            ),
            "column `x`: 1 values are null, the model takes none"
        );
        assert!(
            message(DataType::Fp32, Arc::new(StringArray::from(vec!["a"])))
                .starts_with("column `x`: cannot be read as Float32 from Utf8")
        );
        let missing = tensors(
            &layout(&[("x", DataType::Fp32)]),
            &batch(vec![("y", Arc::new(Int64Array::from(vec![1])))]),
        )
        .unwrap_err();
        assert_eq!(
            missing.to_string(),
            "column `x`: the rows have no such column, the model needs it"
        );
    }
}
