//! Tensors whose shape is checked against data that is already there: nothing is allocated from a declared shape.

use std::{fmt, str::FromStr};

use bytes::Bytes;
use half::{bf16, f16};

use crate::InferError;

/// Defines the types once: V2 spelling, variant, element.
macro_rules! data_types {
    ($($(#[$doc:meta])* $variant:ident, $spelling:literal, $element:ty, $size:expr;)*) => {
        /// The type of a tensor's elements, in the V2 protocol's set.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum DataType {
            $($(#[$doc])* $variant,)*
        }

        impl DataType {
            /// The V2 protocol's spelling.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $spelling,)*
                }
            }

            /// Bytes per element in the binary form; `None` where elements carry their own length.
            pub fn size(self) -> Option<usize> {
                match self {
                    $(Self::$variant => $size,)*
                }
            }
        }

        impl FromStr for DataType {
            type Err = UnknownDataType;

            fn from_str(text: &str) -> Result<Self, UnknownDataType> {
                match text {
                    $($spelling => Ok(Self::$variant),)*
                    _ => Err(UnknownDataType(text.chars().take(64).collect())),
                }
            }
        }

        /// The elements of a tensor, row by row.
        #[derive(Debug, Clone, PartialEq)]
        pub enum TensorData {
            $($(#[$doc])* $variant(Vec<$element>),)*
        }

        impl TensorData {
            /// The elements' type.
            pub fn data_type(&self) -> DataType {
                match self {
                    $(Self::$variant(_) => DataType::$variant,)*
                }
            }

            /// The number of elements.
            pub fn len(&self) -> usize {
                match self {
                    $(Self::$variant(values) => values.len(),)*
                }
            }

            /// No elements of that type.
            pub fn empty(data_type: DataType) -> Self {
                match data_type {
                    $(DataType::$variant => Self::$variant(Vec::new()),)*
                }
            }
        }

        $(impl From<Vec<$element>> for TensorData {
            fn from(values: Vec<$element>) -> Self {
                Self::$variant(values)
            }
        })*
    };
}

data_types! {
    /// Booleans.
    Bool, "BOOL", bool, Some(1);
    /// 8 bits, unsigned.
    Uint8, "UINT8", u8, Some(1);
    /// 16 bits, unsigned.
    Uint16, "UINT16", u16, Some(2);
    /// 32 bits, unsigned.
    Uint32, "UINT32", u32, Some(4);
    /// 64 bits, unsigned.
    Uint64, "UINT64", u64, Some(8);
    /// 8 bits, signed.
    Int8, "INT8", i8, Some(1);
    /// 16 bits, signed.
    Int16, "INT16", i16, Some(2);
    /// 32 bits, signed.
    Int32, "INT32", i32, Some(4);
    /// 64 bits, signed.
    Int64, "INT64", i64, Some(8);
    /// IEEE half precision.
    Fp16, "FP16", f16, Some(2);
    /// The upper half of an IEEE single.
    Bf16, "BF16", bf16, Some(2);
    /// IEEE single precision.
    Fp32, "FP32", f32, Some(4);
    /// IEEE double precision.
    Fp64, "FP64", f64, Some(8);
    /// Bytes or text.
    Bytes, "BYTES", Bytes, None;
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not one of V2's data types.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a datatype: use BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FP16, BF16, FP32, FP64 or BYTES"
)]
pub struct UnknownDataType(pub String);

impl TensorData {
    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One element as a number; `None` for bytes and past the end.
    #[expect(
        clippy::cast_precision_loss,
        reason = "scores and event columns are doubles"
    )]
    pub fn as_f64(&self, index: usize) -> Option<f64> {
        Some(match self {
            Self::Bool(values) => f64::from(u8::from(*values.get(index)?)),
            Self::Uint8(values) => (*values.get(index)?).into(),
            Self::Uint16(values) => (*values.get(index)?).into(),
            Self::Uint32(values) => (*values.get(index)?).into(),
            Self::Uint64(values) => *values.get(index)? as f64,
            Self::Int8(values) => (*values.get(index)?).into(),
            Self::Int16(values) => (*values.get(index)?).into(),
            Self::Int32(values) => (*values.get(index)?).into(),
            Self::Int64(values) => *values.get(index)? as f64,
            Self::Fp16(values) => (*values.get(index)?).into(),
            Self::Bf16(values) => (*values.get(index)?).into(),
            Self::Fp32(values) => (*values.get(index)?).into(),
            Self::Fp64(values) => *values.get(index)?,
            Self::Bytes(_) => return None,
        })
    }
}

/// A named tensor; its shape always fits its data.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    name: String,
    shape: Vec<usize>,
    data: TensorData,
}

impl Tensor {
    /// A tensor; refused when the shape's product is not the number of elements.
    pub fn new(
        name: impl Into<String>,
        shape: Vec<usize>,
        data: impl Into<TensorData>,
    ) -> Result<Self, InferError> {
        let (name, data) = (name.into(), data.into());
        let elements = shape
            .iter()
            .try_fold(1_usize, |product, dim| product.checked_mul(*dim));
        if elements == Some(data.len()) {
            return Ok(Self { name, shape, data });
        }
        let expected = elements.map_or_else(|| "too many".to_owned(), |n| n.to_string());
        Err(InferError::Tensor {
            name,
            reason: format!(
                "shape {} has {expected} elements, {} were given",
                Dims(&shape),
                data.len()
            ),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its dimensions; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its elements.
    pub fn data(&self) -> &TensorData {
        &self.data
    }

    /// Its elements' type.
    pub fn data_type(&self) -> DataType {
        self.data.data_type()
    }

    /// The number of rows: the first dimension, 1 for a scalar.
    pub fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// Elements per row: the product of all dimensions but the first.
    pub fn width(&self) -> usize {
        self.shape.iter().skip(1).product()
    }

    /// The same tensor under another name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Its name, shape and elements.
    pub fn into_parts(self) -> (String, Vec<usize>, TensorData) {
        (self.name, self.shape, self.data)
    }
}

/// A tensor as a model declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// Its name.
    pub name: String,
    /// Its elements' type.
    pub datatype: DataType,
    /// Its dimensions; -1 = any.
    pub shape: Vec<i64>,
}

impl TensorSpec {
    /// Refuses a tensor of another type or shape.
    pub fn check(&self, tensor: &Tensor) -> Result<(), InferError> {
        if tensor.data_type() != self.datatype {
            return Err(InferError::InputType {
                name: self.name.clone(),
                expected: self.datatype.as_str(),
                found: tensor.data_type().as_str(),
            });
        }
        let fits = self.shape.len() == tensor.shape.len()
            && self
                .shape
                .iter()
                .zip(&tensor.shape)
                .all(|(want, have)| *want < 0 || i64::try_from(*have) == Ok(*want));
        if fits {
            Ok(())
        } else {
            Err(InferError::InputShape {
                name: self.name.clone(),
                expected: Dims(&self.shape).to_string(),
                found: Dims(&tensor.shape).to_string(),
            })
        }
    }

    /// Elements per row where the model fixes them: the product of all dimensions but the first.
    pub fn width(&self) -> Option<usize> {
        self.shape.iter().skip(1).try_fold(1_usize, |product, dim| {
            usize::try_from(*dim)
                .ok()
                .and_then(|dim| product.checked_mul(dim))
        })
    }
}

/// What a model takes and gives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signature {
    /// Inputs in the model's order.
    pub inputs: Vec<TensorSpec>,
    /// Outputs in the model's order.
    pub outputs: Vec<TensorSpec>,
    /// Whether the model takes inputs of other names too: nobody wrote down what it takes.
    pub is_open: bool,
}

impl Signature {
    /// The input of that name.
    pub fn input(&self, name: &str) -> Option<&TensorSpec> {
        self.inputs.iter().find(|input| input.name == name)
    }

    /// Refuses missing, unknown and doubled inputs, and those of another type or shape.
    pub fn check(&self, tensors: &[Tensor]) -> Result<(), InferError> {
        for (at, tensor) in tensors.iter().enumerate() {
            let Some(spec) = self.input(&tensor.name) else {
                if self.is_open {
                    continue;
                }
                let known: Vec<&str> = self.inputs.iter().map(|i| i.name.as_str()).collect();
                return Err(InferError::InputUnknown {
                    name: tensor.name.clone(),
                    known: known.join(", "),
                });
            };
            if tensors[..at].iter().any(|other| other.name == tensor.name) {
                return Err(InferError::InputTwice {
                    name: tensor.name.clone(),
                });
            }
            spec.check(tensor)?;
        }
        if self.is_open && !tensors.is_empty() {
            return Ok(());
        }
        match self
            .inputs
            .iter()
            .find(|input| tensors.iter().all(|tensor| tensor.name != input.name))
        {
            None => Ok(()),
            Some(missing) => Err(InferError::InputMissing {
                name: missing.name.clone(),
            }),
        }
    }
}

/// Prints dimensions as `[1, 28]`, at most eight of them.
struct Dims<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Dims<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (at, dim) in self.0.iter().take(8).enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{dim}")?;
        }
        f.write_str(if self.0.len() > 8 { ", …]" } else { "]" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_that_does_not_fit_is_refused_without_allocating() {
        assert!(Tensor::new("x", vec![2, 2], vec![1.0_f32; 4]).is_ok());
        assert!(Tensor::new("x", vec![], vec![1_i64]).is_ok());
        assert!(Tensor::new("x", vec![0, 7], Vec::<i64>::new()).is_ok());
        for shape in [vec![2, 3], vec![1 << 40, 28], vec![usize::MAX, usize::MAX]] {
            let error = Tensor::new("x", shape, vec![1.0_f32; 4]).unwrap_err();
            assert!(matches!(error, InferError::Tensor { .. }), "{error}");
        }
    }

    #[test]
    fn every_datatype_round_trips_its_spelling() {
        for spelling in [
            "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64",
            "FP16", "BF16", "FP32", "FP64", "BYTES",
        ] {
            assert_eq!(spelling.parse::<DataType>().unwrap().as_str(), spelling);
        }
        assert!("FP8".parse::<DataType>().is_err());
    }

    #[test]
    fn a_signature_names_what_is_wrong() {
        let signature = Signature {
            inputs: vec![
                TensorSpec {
                    name: "a".to_owned(),
                    datatype: DataType::Fp32,
                    shape: vec![-1, 2],
                },
                TensorSpec {
                    name: "b".to_owned(),
                    datatype: DataType::Bytes,
                    shape: vec![-1, 1],
                },
            ],
            ..Signature::default()
        };
        let a = Tensor::new("a", vec![1, 2], vec![1.0_f32, 2.0]).unwrap();
        let b = Tensor::new("b", vec![1, 1], vec![Bytes::from_static(b"x")]).unwrap();
        assert!(signature.check(&[b.clone(), a.clone()]).is_ok());
        let message = |tensors: &[Tensor]| signature.check(tensors).unwrap_err().to_string();
        assert_eq!(message(std::slice::from_ref(&a)), "input `b` is missing");
        assert_eq!(
            message(&[a.clone(), b.clone(), b.clone().named("c")]),
            "the model has no input `c`; it takes a, b"
        );
        assert_eq!(
            message(&[a.clone(), a.clone()]),
            "input `a` was given twice"
        );
        let wrong = Tensor::new("a", vec![1, 2], vec![1_i64, 2]).unwrap();
        assert_eq!(
            message(&[wrong]),
            "input `a` has type INT64, the model takes FP32"
        );
        let wrong = Tensor::new("a", vec![2], vec![1.0_f32, 2.0]).unwrap();
        assert_eq!(
            message(&[wrong]),
            "input `a` has shape [2], the model takes [-1, 2] (-1 = any)"
        );
    }
}
