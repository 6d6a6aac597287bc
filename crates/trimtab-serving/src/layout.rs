//! A model's inputs as the columns of a table.

use trimtab_infer::{DataType, InferError, Signature, Tensor, TensorData};

/// The widest tensor that is taken apart into columns.
pub(crate) const MAX_WIDTH: usize = 256;

/// One column of a model's input table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutColumn {
    /// Its name: the input's, or `INPUT.n` in a matrix, or the name in the model's own signature.
    pub name: String,
    /// Its type.
    pub datatype: DataType,
}

/// How columns become input tensors. The columns of one input follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    columns: Vec<LayoutColumn>,
    inputs: Vec<Part>,
}

/// One input tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    name: String,
    width: usize,
    /// Whether the model takes `[rows]` instead of `[rows, width]`.
    flat: bool,
}

impl Layout {
    /// The layout of a signature; `None` when an input is no table of known, moderate width. `names` are the
    /// columns of the model's own signature: they name the columns of a model with one matrix as its input.
    pub(crate) fn of(signature: &Signature, names: Option<&[String]>) -> Option<Self> {
        let mut layout = Self {
            columns: Vec::new(),
            inputs: Vec::new(),
        };
        let is_single = signature.inputs.len() == 1;
        for input in &signature.inputs {
            let width = match input.shape.len() {
                1 => 1,
                2 => match (input.width(), names) {
                    (Some(width), _) => width,
                    (None, Some(names)) if is_single => names.len(),
                    (None, _) => return None,
                },
                _ => return None,
            };
            if width == 0 || width > MAX_WIDTH {
                return None;
            }
            let names = names.filter(|names| is_single && names.len() == width);
            layout.columns.extend((0..width).map(|n| LayoutColumn {
                name: match names {
                    Some(names) => names[n].clone(),
                    None if width == 1 => input.name.clone(),
                    None => format!("{}.{n}", input.name),
                },
                datatype: input.datatype,
            }));
            layout.inputs.push(Part {
                name: input.name.clone(),
                width,
                flat: input.shape.len() == 1,
            });
        }
        Some(layout)
    }

    /// The columns, in the order in which [`Layout::assemble`] takes them.
    pub fn columns(&self) -> &[LayoutColumn] {
        &self.columns
    }

    /// The names of an input's columns.
    pub(crate) fn names_of(&self, input: &str) -> Option<&[LayoutColumn]> {
        let mut from = 0;
        for part in &self.inputs {
            if part.name == input {
                return Some(&self.columns[from..from + part.width]);
            }
            from += part.width;
        }
        None
    }

    /// Input tensors from columns of one length, each of its column's type.
    pub fn assemble(&self, columns: Vec<TensorData>) -> Result<Vec<Tensor>, InferError> {
        let mut columns = columns.into_iter();
        self.inputs
            .iter()
            .map(|part| {
                let mut own: Vec<TensorData> = columns.by_ref().take(part.width).collect();
                let rows = own.first().map_or(0, TensorData::len);
                let data = match own.len() {
                    1 => own.remove(0),
                    _ => interleave(&part.name, own)?,
                };
                let shape = if part.flat {
                    vec![rows]
                } else {
                    vec![rows, part.width]
                };
                Tensor::new(&part.name, shape, data)
            })
            .collect()
    }
}

/// Columns side by side, as rows.
fn interleave(name: &str, columns: Vec<TensorData>) -> Result<TensorData, InferError> {
    macro_rules! by_type {
        ($($variant:ident)*) => {
            match columns.first() {
                None => Err(unlike(name)),
                $(Some(TensorData::$variant(first)) => {
                    let rows = first.len();
                    let columns: Option<Vec<_>> = columns.iter().map(|column| match column {
                        TensorData::$variant(values) if values.len() == rows => Some(values),
                        _ => None,
                    }).collect();
                    let columns = columns.ok_or_else(|| unlike(name))?;
                    let mut values = Vec::with_capacity(rows * columns.len());
                    for row in 0..rows {
                        values.extend(columns.iter().map(|column| column[row].clone()));
                    }
                    Ok(TensorData::$variant(values))
                })*
            }
        };
    }
    by_type!(Bool Uint8 Uint16 Uint32 Uint64 Int8 Int16 Int32 Int64 Fp16 Bf16 Fp32 Fp64 Bytes)
}

fn unlike(name: &str) -> InferError {
    InferError::InputValue {
        name: name.to_owned(),
        reason: "its columns differ in type or length".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use trimtab_infer::TensorSpec;

    use super::*;

    fn input(name: &str, datatype: DataType, shape: &[i64]) -> TensorSpec {
        TensorSpec {
            name: name.to_owned(),
            datatype,
            shape: shape.to_vec(),
        }
    }

    fn signature(inputs: Vec<TensorSpec>) -> Signature {
        Signature {
            inputs,
            ..Signature::default()
        }
    }

    #[test]
    fn a_matrix_takes_its_names_from_the_models_signature_when_they_fit() {
        let matrix = signature(vec![input("X", DataType::Fp32, &[-1, 2])]);
        let names = |layout: Layout| {
            layout
                .columns
                .into_iter()
                .map(|c| c.name)
                .collect::<Vec<_>>()
        };
        let own = ["age".to_owned(), "fare".to_owned()];
        assert_eq!(names(Layout::of(&matrix, None).unwrap()), ["X.0", "X.1"]);
        assert_eq!(
            names(Layout::of(&matrix, Some(&own)).unwrap()),
            ["age", "fare"]
        );
        assert_eq!(
            names(Layout::of(&matrix, Some(&own[..1])).unwrap()),
            ["X.0", "X.1"]
        );
        let image = signature(vec![input("X", DataType::Fp32, &[-1, 3, 224, 224])]);
        assert_eq!(Layout::of(&image, None), None);
        let wide = signature(vec![input("X", DataType::Fp32, &[-1, 100_000])]);
        assert_eq!(Layout::of(&wide, None), None);
    }

    #[test]
    fn columns_become_tensors_of_the_models_shapes() {
        let mixed = signature(vec![
            input("m", DataType::Fp32, &[-1, 2]),
            input("s", DataType::Bytes, &[-1, 1]),
            input("f", DataType::Int64, &[-1]),
        ]);
        let layout = Layout::of(&mixed, None).unwrap();
        let tensors = layout
            .assemble(vec![
                vec![1.0_f32, 3.0].into(),
                vec![2.0_f32, 4.0].into(),
                TensorData::Bytes(vec!["a".into(), "b".into()]),
                vec![5_i64, 6].into(),
            ])
            .unwrap();
        mixed.check(&tensors).unwrap();
        assert_eq!(
            tensors[0].data(),
            &TensorData::Fp32(vec![1.0, 2.0, 3.0, 4.0])
        );
        assert_eq!(tensors[2].shape(), [2]);
        assert!(
            layout
                .assemble(vec![
                    vec![1.0_f32].into(),
                    vec![2.0_f64].into(),
                    TensorData::Bytes(vec!["a".into()]),
                    vec![5_i64].into(),
                ])
                .is_err()
        );
    }
}
