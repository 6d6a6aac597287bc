//! Tensors as columns of an event: what was asked and what was answered, row by row.

use trimtab_events::Column;
use trimtab_infer::{Tensor, TensorData};

use crate::layout::{Layout, MAX_WIDTH};

/// The number of rows that all tensors agree on; 1 where they have no common first dimension.
pub(crate) fn rows(tensors: &[Tensor]) -> usize {
    let mut rows = tensors.iter().map(Tensor::rows);
    match rows.next() {
        Some(first) if rows.all(|other| other == first) => first,
        Some(_) | None => 1,
    }
}

/// Every tensor with that many rows as columns; the others, and the very wide ones, are left out.
pub(crate) fn flatten(
    tensors: &[Tensor],
    rows: usize,
    layout: Option<&Layout>,
) -> Vec<(String, Column)> {
    let mut columns = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        let width = tensor.width();
        if tensor.rows() != rows || width == 0 || width > MAX_WIDTH {
            continue;
        }
        let names = layout
            .and_then(|layout| layout.names_of(tensor.name()))
            .filter(|names| names.len() == width);
        for n in 0..width {
            let name = match names {
                Some(names) => names[n].name.clone(),
                None if width == 1 => tensor.name().to_owned(),
                None => format!("{}.{n}", tensor.name()),
            };
            columns.push((name, column(tensor.data(), n, width)));
        }
    }
    columns
}

/// Every `width`-th element from `at`; NaN is no value.
fn column(data: &TensorData, at: usize, width: usize) -> Column {
    fn pick<T: Clone, U>(
        values: &[T],
        at: usize,
        width: usize,
        convert: impl Fn(T) -> Option<U>,
    ) -> Vec<Option<U>> {
        values
            .iter()
            .skip(at)
            .step_by(width)
            .cloned()
            .map(convert)
            .collect()
    }
    macro_rules! float {
        ($values:expr) => {
            Column::Float(pick($values, at, width, |value| {
                let value = f64::from(value);
                (!value.is_nan()).then_some(value)
            }))
        };
    }
    macro_rules! int {
        ($values:expr) => {
            Column::Int(pick($values, at, width, |value| Some(i64::from(value))))
        };
    }
    match data {
        TensorData::Bool(values) => Column::Bool(pick(values, at, width, Some)),
        TensorData::Uint8(values) => int!(values),
        TensorData::Uint16(values) => int!(values),
        TensorData::Uint32(values) => int!(values),
        TensorData::Uint64(values) => Column::Int(pick(values, at, width, |value| {
            Some(i64::try_from(value).unwrap_or(i64::MAX))
        })),
        TensorData::Int8(values) => int!(values),
        TensorData::Int16(values) => int!(values),
        TensorData::Int32(values) => int!(values),
        TensorData::Int64(values) => Column::Int(pick(values, at, width, Some)),
        TensorData::Fp16(values) => float!(values),
        TensorData::Bf16(values) => float!(values),
        TensorData::Fp32(values) => float!(values),
        TensorData::Fp64(values) => float!(values),
        TensorData::Bytes(values) => Column::Text(pick(values, at, width, |value| {
            Some(String::from_utf8_lossy(&value).into_owned())
        })),
    }
}

/// A column's values as keys of rows.
pub(crate) fn keys(tensor: &Tensor) -> Vec<Option<String>> {
    fn texts<T: ToString>(values: Vec<Option<T>>) -> Vec<Option<String>> {
        values
            .into_iter()
            .map(|value| value.map(|value| value.to_string()))
            .collect()
    }
    match column(tensor.data(), 0, tensor.width().max(1)) {
        Column::Int(values) => texts(values),
        Column::Float(values) => texts(values),
        Column::Bool(values) => texts(values),
        Column::Text(values) => values,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_become_columns_and_nan_is_no_value() {
        let tensors = [
            Tensor::new("p", vec![2, 2], vec![0.25_f32, 0.75, f32::NAN, 1.0]).unwrap(),
            Tensor::new("label", vec![2], vec![7_i64, 8]).unwrap(),
            Tensor::new("other", vec![3], vec![1_i64, 2, 3]).unwrap(),
        ];
        let expected = vec![
            ("p.0".to_owned(), Column::Float(vec![Some(0.25), None])),
            ("p.1".to_owned(), Column::Float(vec![Some(0.75), Some(1.0)])),
            ("label".to_owned(), Column::Int(vec![Some(7), Some(8)])),
        ];
        assert_eq!(flatten(&tensors, 2, None), expected);
        assert_eq!(rows(&tensors), 1);
        assert_eq!(rows(&tensors[..2]), 2);
    }
}
