//! Columns of a history as the raw tensors of the Open Inference Protocol.

use arrow::datatypes::{ArrowPrimitiveType, Float16Type};

/// The values of one column.
#[derive(Debug)]
pub(super) enum Values {
    Number(Vec<f64>),
    /// Exact whole numbers, and truth values as 0 and 1: the types that have no missing value.
    Whole(Vec<i128>),
    Text(Vec<String>),
}

/// The least and the greatest value of a type without fractions.
pub(super) fn bounds(datatype: &str) -> Option<(i128, i128)> {
    match datatype {
        "BOOL" => Some((0, 1)),
        "INT8" => Some((i8::MIN.into(), i8::MAX.into())),
        "INT16" => Some((i16::MIN.into(), i16::MAX.into())),
        "INT32" => Some((i32::MIN.into(), i32::MAX.into())),
        "INT64" => Some((i64::MIN.into(), i64::MAX.into())),
        "UINT8" => Some((0, u8::MAX.into())),
        "UINT16" => Some((0, u16::MAX.into())),
        "UINT32" => Some((0, u32::MAX.into())),
        "UINT64" => Some((0, u64::MAX.into())),
        _ => None,
    }
}

/// The raw bytes of these rows in a type of the protocol, scaled by a fault's factor, or null.
pub(super) fn encode(
    values: &Values,
    rows: &[usize],
    datatype: &str,
    factor: f64,
    is_null: bool,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in rows {
        match values {
            // A text column sent where numbers are expected (a swap) has no value to send.
            Values::Text(_) if datatype != "BYTES" => push_float(&mut bytes, f64::NAN, datatype),
            Values::Text(texts) => push_text(&mut bytes, if is_null { "" } else { &texts[*row] }),
            Values::Number(numbers) if datatype == "BYTES" => {
                push_text(
                    &mut bytes,
                    &if is_null {
                        String::new()
                    } else {
                        numbers[*row].to_string()
                    },
                );
            }
            Values::Number(numbers) => {
                let number = if is_null {
                    f64::NAN
                } else {
                    numbers[*row] * factor
                };
                push_float(&mut bytes, number, datatype);
            }
            Values::Whole(numbers) => {
                push_whole(&mut bytes, scaled(numbers[*row], factor), datatype);
            }
        }
    }
    bytes
}

/// A whole number in another unit is rounded, as a pipeline that keeps whole numbers would.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "without a factor nothing is lost; with one it is rounded anyway"
)]
fn scaled(number: i128, factor: f64) -> i128 {
    if factor == 1.0 {
        number
    } else {
        (number as f64 * factor).round() as i128
    }
}

pub(super) fn push_text(bytes: &mut Vec<u8>, text: &str) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the model's own precision; casts of floats saturate"
)]
fn push_float(bytes: &mut Vec<u8>, number: f64, datatype: &str) {
    match datatype {
        "FP16" => {
            let half = <Float16Type as ArrowPrimitiveType>::Native::from_f64(number);
            bytes.extend_from_slice(&half.to_le_bytes());
        }
        // The upper half of single precision, rounded to even; a NaN stays one.
        "BF16" => {
            let bits = (number as f32).to_bits();
            let rounded = if number.is_nan() {
                bits | 0x0040_0000
            } else {
                bits + 0x7fff + ((bits >> 16) & 1)
            };
            bytes.extend_from_slice(&rounded.to_le_bytes()[2..]);
        }
        "FP32" => bytes.extend_from_slice(&(number as f32).to_le_bytes()),
        _ => bytes.extend_from_slice(&number.to_le_bytes()),
    }
}

/// The number in as many bytes as its type has; one that a fault moved out of the type stops at its end.
fn push_whole(bytes: &mut Vec<u8>, number: i128, datatype: &str) {
    let (least, greatest) = bounds(datatype).unwrap_or((i128::MIN, i128::MAX));
    let size = match datatype {
        "BOOL" | "INT8" | "UINT8" => 1,
        "INT16" | "UINT16" => 2,
        "INT32" | "UINT32" => 4,
        _ => 8,
    };
    bytes.extend_from_slice(&number.clamp(least, greatest).to_le_bytes()[..size]);
}
