//! Classification: an output's largest values as texts, `value:index`, as Triton writes them (models of ours name no
//! classes, so no label follows). Rows are the first dimension; an output of one dimension is one row.

use std::cmp::Ordering;

use bytes::Bytes;
use trimtab_edge::Failure;
use trimtab_infer::{Tensor, TensorData};

/// Sorting more values than this is no classification.
const MAX_ELEMENTS: usize = 1_000_000;

/// The `classes` largest values of each row.
pub(crate) fn largest(tensor: &Tensor, classes: usize) -> Result<Tensor, Failure> {
    let refused = |reason: String| {
        Failure::invalid(
            format!("outputs.{}", tensor.name()),
            format!("output `{}`: {reason}", tensor.name()),
        )
    };
    let data = tensor.data();
    if matches!(data, TensorData::Bytes(_) | TensorData::Bool(_)) {
        return Err(refused(format!(
            "{} values cannot be ranked as classes",
            tensor.data_type()
        )));
    }
    if data.len() > MAX_ELEMENTS {
        return Err(refused(format!(
            "{} values are too many to be classes",
            data.len()
        )));
    }
    let (rows, width) = match tensor.shape() {
        [_] | [] => (1, data.len()),
        [rows, ..] => (*rows, tensor.width()),
    };
    let kept = classes.min(width);
    let mut texts = Vec::with_capacity(rows * kept);
    for row in 0..rows {
        let mut places: Vec<usize> = (0..width).collect();
        places.sort_by(|a, b| compare(data, row * width + b, row * width + a));
        texts.extend(
            places
                .into_iter()
                .take(kept)
                .map(|place| Bytes::from(format!("{}:{place}", value(data, row * width + place)))),
        );
    }
    let shape = match tensor.shape() {
        [_] | [] => vec![kept],
        [_, ..] => vec![rows, kept],
    };
    Ok(Tensor::new(tensor.name(), shape, texts)?)
}

/// How two elements rank; NaN ranks lowest, wide integers are not rounded.
fn compare(data: &TensorData, a: usize, b: usize) -> Ordering {
    match data {
        TensorData::Int64(values) => values.get(a).cmp(&values.get(b)),
        TensorData::Uint64(values) => values.get(a).cmp(&values.get(b)),
        TensorData::Bool(_)
        | TensorData::Uint8(_)
        | TensorData::Uint16(_)
        | TensorData::Uint32(_)
        | TensorData::Int8(_)
        | TensorData::Int16(_)
        | TensorData::Int32(_)
        | TensorData::Fp16(_)
        | TensorData::Bf16(_)
        | TensorData::Fp32(_)
        | TensorData::Fp64(_)
        | TensorData::Bytes(_) => {
            let number = |at| data.as_f64(at).filter(|number| !number.is_nan());
            number(a).partial_cmp(&number(b)).unwrap_or(Ordering::Equal)
        }
    }
}

/// An element in the spelling of C++'s `std::to_string`: six digits behind the point of a floating-point number.
fn value(data: &TensorData, at: usize) -> String {
    let number = data.as_f64(at).unwrap_or(f64::NAN);
    match data {
        TensorData::Fp16(_) | TensorData::Bf16(_) | TensorData::Fp32(_) | TensorData::Fp64(_) => {
            if number.is_nan() {
                "nan".to_owned()
            } else {
                format!("{number:.6}")
            }
        }
        TensorData::Int64(values) => values.get(at).map_or_else(String::new, i64::to_string),
        TensorData::Uint64(values) => values.get(at).map_or_else(String::new, u64::to_string),
        TensorData::Bool(_)
        | TensorData::Uint8(_)
        | TensorData::Uint16(_)
        | TensorData::Uint32(_)
        | TensorData::Int8(_)
        | TensorData::Int16(_)
        | TensorData::Int32(_)
        | TensorData::Bytes(_) => format!("{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(shape: Vec<usize>, data: impl Into<TensorData>, classes: usize) -> Tensor {
        largest(&Tensor::new("p", shape, data).unwrap(), classes).unwrap()
    }

    fn bytes(texts: &[&'static str]) -> TensorData {
        TensorData::Bytes(texts.iter().copied().map(Bytes::from).collect())
    }

    #[test]
    fn each_row_has_its_largest_first() {
        let found = texts(vec![2, 3], vec![0.1_f32, 0.7, 0.2, f32::NAN, 0.5, 0.25], 2);
        assert_eq!(found.shape(), [2, 2]);
        assert_eq!(
            found.data(),
            &bytes(&["0.700000:1", "0.200000:2", "0.500000:1", "0.250000:2"])
        );
        // No more than there are; equal ones in their order; integers whole.
        let found = texts(vec![3], vec![5_i64, i64::MAX, 5], 9);
        assert_eq!(found.shape(), [3]);
        assert_eq!(
            found.data(),
            &bytes(&["9223372036854775807:1", "5:0", "5:2"])
        );
    }

    #[test]
    fn what_has_no_rank_is_refused() {
        for data in [TensorData::Bool(vec![true]), bytes(&["a"])] {
            let tensor = Tensor::new("p", vec![1], data).unwrap();
            let message = largest(&tensor, 1).unwrap_err().message;
            assert!(message.contains("cannot be ranked"), "{message}");
        }
        let tensor = Tensor::new("p", vec![MAX_ELEMENTS + 1], vec![0_u8; MAX_ELEMENTS + 1]);
        assert!(
            largest(&tensor.unwrap(), 1)
                .unwrap_err()
                .message
                .contains("too many")
        );
    }
}
