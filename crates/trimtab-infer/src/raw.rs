//! Elements in V2's binary form: little endian, row by row; texts carry their length in four bytes.

use crate::{DataType, TensorData};
use bytes::Bytes;
use half::{bf16, f16};

/// Elements from their bytes; `None` when the bytes are cut off or left over.
pub fn decode(datatype: DataType, bytes: &Bytes) -> Option<TensorData> {
    macro_rules! numbers {
        ($variant:ident, $element:ty) => {{
            let (chunks, []) = bytes.as_chunks::<{ size_of::<$element>() }>() else {
                return None;
            };
            TensorData::$variant(
                chunks
                    .iter()
                    .map(|c| <$element>::from_le_bytes(*c))
                    .collect(),
            )
        }};
    }
    Some(match datatype {
        DataType::Bool => TensorData::Bool(bytes.iter().map(|byte| *byte != 0).collect()),
        DataType::Uint8 => TensorData::Uint8(bytes.to_vec()),
        DataType::Uint16 => numbers!(Uint16, u16),
        DataType::Uint32 => numbers!(Uint32, u32),
        DataType::Uint64 => numbers!(Uint64, u64),
        DataType::Int8 => numbers!(Int8, i8),
        DataType::Int16 => numbers!(Int16, i16),
        DataType::Int32 => numbers!(Int32, i32),
        DataType::Int64 => numbers!(Int64, i64),
        DataType::Fp16 => numbers!(Fp16, f16),
        DataType::Bf16 => numbers!(Bf16, bf16),
        DataType::Fp32 => numbers!(Fp32, f32),
        DataType::Fp64 => numbers!(Fp64, f64),
        DataType::Bytes => TensorData::Bytes(texts(bytes)?),
    })
}

fn texts(bytes: &Bytes) -> Option<Vec<Bytes>> {
    let mut texts = Vec::new();
    let mut rest = bytes.clone();
    while !rest.is_empty() {
        let (length, _) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let end = length.checked_add(4)?;
        if end > rest.len() {
            return None;
        }
        let mut text = rest.split_to(end);
        texts.push(text.split_off(4));
    }
    Some(texts)
}

/// How many bytes [`encode`] will append.
pub fn length(data: &TensorData) -> usize {
    match data {
        TensorData::Bytes(values) => values.iter().map(|value| 4 + value.len()).sum(),
        TensorData::Bool(_)
        | TensorData::Uint8(_)
        | TensorData::Uint16(_)
        | TensorData::Uint32(_)
        | TensorData::Uint64(_)
        | TensorData::Int8(_)
        | TensorData::Int16(_)
        | TensorData::Int32(_)
        | TensorData::Int64(_)
        | TensorData::Fp16(_)
        | TensorData::Bf16(_)
        | TensorData::Fp32(_)
        | TensorData::Fp64(_) => data.len() * data.data_type().size().unwrap_or(0),
    }
}

/// Appends elements as bytes.
pub fn encode(data: &TensorData, out: &mut Vec<u8>) {
    macro_rules! numbers {
        ($values:expr) => {
            for value in $values {
                out.extend_from_slice(&value.to_le_bytes());
            }
        };
    }
    match data {
        TensorData::Bool(values) => out.extend(values.iter().map(|value| u8::from(*value))),
        TensorData::Uint8(values) => out.extend_from_slice(values),
        TensorData::Uint16(values) => numbers!(values),
        TensorData::Uint32(values) => numbers!(values),
        TensorData::Uint64(values) => numbers!(values),
        TensorData::Int8(values) => numbers!(values),
        TensorData::Int16(values) => numbers!(values),
        TensorData::Int32(values) => numbers!(values),
        TensorData::Int64(values) => numbers!(values),
        TensorData::Fp16(values) => numbers!(values),
        TensorData::Bf16(values) => numbers!(values),
        TensorData::Fp32(values) => numbers!(values),
        TensorData::Fp64(values) => numbers!(values),
        TensorData::Bytes(values) => {
            for value in values {
                let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
                out.extend_from_slice(&length.to_le_bytes());
                out.extend_from_slice(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [DataType; 14] = [
        DataType::Bool,
        DataType::Uint8,
        DataType::Uint16,
        DataType::Uint32,
        DataType::Uint64,
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::Fp16,
        DataType::Bf16,
        DataType::Fp32,
        DataType::Fp64,
        DataType::Bytes,
    ];

    #[test]
    fn every_type_round_trips() {
        for data in [
            TensorData::Bool(vec![true, false]),
            TensorData::Uint8(vec![1, 255]),
            TensorData::Uint16(vec![1, u16::MAX]),
            TensorData::Uint32(vec![1, u32::MAX]),
            TensorData::Uint64(vec![1, u64::MAX]),
            TensorData::Int8(vec![-1, 5]),
            TensorData::Int16(vec![-1, 5]),
            TensorData::Int32(vec![-1, 5]),
            TensorData::Int64(vec![i64::MIN, 5]),
            TensorData::Fp16(vec![f16::from_f32(1.5)]),
            TensorData::Bf16(vec![bf16::from_f32(1.5)]),
            TensorData::Fp32(vec![1.5, f32::INFINITY]),
            TensorData::Fp64(vec![1.5, -0.0]),
            TensorData::Bytes(vec!["".into(), "abc".into(), Bytes::from_static(&[0, 255])]),
        ] {
            let mut bytes = Vec::new();
            encode(&data, &mut bytes);
            assert_eq!(bytes.len(), length(&data));
            assert_eq!(decode(data.data_type(), &bytes.into()), Some(data));
        }
    }

    #[test]
    fn cut_bytes_are_refused() {
        let cut = |datatype, bytes: &'static [u8]| decode(datatype, &Bytes::from_static(bytes));
        assert_eq!(cut(DataType::Fp32, &[0; 7]), None);
        assert_eq!(cut(DataType::Bytes, &[0; 3]), None);
        assert_eq!(cut(DataType::Bytes, &[255, 255, 255, 255, 1]), None);
        assert_eq!(cut(DataType::Bytes, &[2, 0, 0, 0, 1]), None);
    }

    proptest! {
        #[test]
        fn bytes_at_random_are_elements_that_encode_as_they_were_or_none(
            bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), any::<u8>()], 0..64),
        ) {
            for datatype in ALL {
                let Some(data) = decode(datatype, &bytes.clone().into()) else {
                    continue;
                };
                let mut again = Vec::new();
                encode(&data, &mut again);
                prop_assert_eq!(again.len(), length(&data));
                // Every byte that is not 0 is true; all else is kept to the bit.
                if datatype != DataType::Bool {
                    prop_assert_eq!(&again, &bytes);
                }
            }
        }
    }
}
