//! Values with the equality, the numbers and the JSON of Python, whose program wrote the files.

use std::fmt::Write;

/// A value of a YAML, JSON or TOML file. Maps keep the order of their file.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i128),
    /// A number with a point or an exponent; may be infinite or not a number.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A map. Keys are scalars.
    Map(Vec<(Value, Value)>),
}

impl Value {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// The value of a text key of a map.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries()?
            .iter()
            .find(|(name, _)| name.as_str() == Some(key))
            .map(|(_, value)| value)
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The entries, if it is a map.
    pub fn entries(&self) -> Option<&[(Self, Self)]> {
        if let Self::Map(entries) = self {
            Some(entries)
        } else {
            None
        }
    }

    /// Python's `==`: `1`, `1.0` and `true` are equal, the order of a list counts, that of keys does not.
    pub fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::List(a), Self::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.equals(b))
            }
            (Self::Map(a), Self::Map(b)) => {
                a.len() == b.len()
                    && a.iter().all(|(key, value)| {
                        b.iter()
                            .any(|(other, theirs)| key.equals(other) && value.equals(theirs))
                    })
            }
            _ => match (self.number(), other.number()) {
                (Some(Number::Int(a)), Some(Number::Int(b))) => a == b,
                #[expect(clippy::float_cmp, reason = "Python's == is exact")]
                (Some(Number::Float(a)), Some(Number::Float(b))) => a == b,
                (Some(Number::Int(int)), Some(Number::Float(float)))
                | (Some(Number::Float(float)), Some(Number::Int(int))) => is_exactly(int, float),
                _ => false,
            },
        }
    }

    fn number(&self) -> Option<Number> {
        match self {
            Self::Bool(value) => Some(Number::Int(i128::from(*value))),
            Self::Int(value) => Some(Number::Int(*value)),
            Self::Float(value) => Some(Number::Float(*value)),
            Self::Null | Self::Text(_) | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// What Python's `json.dumps(value, sort_keys=True)` gives.
    pub fn python_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    fn write_json(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Int(value) => out.push_str(&value.to_string()),
            Self::Float(value) => out.push_str(&match value {
                value if value.is_nan() => "NaN".to_owned(),
                value if value.is_infinite() => if *value > 0.0 {
                    "Infinity"
                } else {
                    "-Infinity"
                }
                .to_owned(),
                value => python_float(*value),
            }),
            Self::Text(text) => json_text(text, out),
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    item.write_json(out);
                }
                out.push(']');
            }
            Self::Map(entries) => {
                let mut sorted: Vec<(String, &Self)> = entries
                    .iter()
                    .map(|(key, value)| (key.json_key(), value))
                    .collect();
                // Python sorts by code point; so does comparing UTF-8.
                sorted.sort_by(|a, b| a.0.cmp(&b.0));
                out.push('{');
                for (index, (key, value)) in sorted.into_iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    json_text(&key, out);
                    out.push_str(": ");
                    value.write_json(out);
                }
                out.push('}');
            }
        }
    }

    fn json_key(&self) -> String {
        if let Self::Text(text) = self {
            text.clone()
        } else {
            self.python_json()
        }
    }
}

impl From<&serde_json::Value> for Value {
    fn from(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(int), _) => Self::Int(int.into()),
                (None, Some(int)) => Self::Int(int.into()),
                (None, None) => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(text) => Self::text(text),
            serde_json::Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            serde_json::Value::Object(entries) => Self::Map(
                entries
                    .iter()
                    .map(|(key, value)| (Self::text(key), Self::from(value)))
                    .collect(),
            ),
        }
    }
}

enum Number {
    Int(i128),
    Float(f64),
}

fn is_exactly(int: i128, float: f64) -> bool {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "compared back on the same line"
    )]
    #[expect(clippy::float_cmp, reason = "Python's == is exact")]
    let same =
        float.fract() == 0.0 && float.abs() < 1e38 && float as i128 == int && int as f64 == float;
    same
}

/// Python's `repr` of a finite float: the shortest digits that read back the same, with an exponent below 1e-4 and
/// from 1e16 on.
pub(crate) fn python_float(value: f64) -> String {
    let shortest = format!("{value:e}");
    let scientific = even_tie(value, &shortest).unwrap_or(shortest);
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if value != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let (sign, mantissa) = mantissa
        .strip_prefix('-')
        .map_or(("", mantissa), |rest| ("-", rest));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    // Digits before the point; at most 16, at least -3.
    let Ok(before) = usize::try_from(exponent + 1) else {
        return format!(
            "{sign}0.{}{digits}",
            "0".repeat(usize::try_from(-exponent - 1).unwrap_or_default())
        );
    };
    match digits.split_at_checked(before) {
        Some(("", fraction)) => format!("{sign}0.{fraction}"),
        Some((whole, "")) => format!("{sign}{whole}.0"),
        Some((whole, fraction)) => format!("{sign}{whole}.{fraction}"),
        None => format!("{sign}{digits}{}.0", "0".repeat(before - digits.len())),
    }
}

/// Of two equally short and equally near texts Python takes the one that ends in an even digit, Rust the greater.
fn even_tie(value: f64, shortest: &str) -> Option<String> {
    let (mantissa, exponent) = shortest.split_once('e')?;
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let exact = format!("{value:.*e}", digits + 40);
    let (start, rest) = exact.split_at_checked(mantissa.len())?;
    let is_tie = rest.starts_with('5')
        && rest[1..]
            .split('e')
            .next()?
            .bytes()
            .all(|digit| digit == b'0');
    let is_even = start
        .bytes()
        .next_back()
        .is_some_and(|digit| digit.is_ascii_digit() && digit % 2 == 0);
    let even = format!("{start}e{exponent}");
    (is_tie && is_even && even.parse() == Ok(value)).then_some(even)
}

/// A JSON text as Python writes it: ASCII only, other characters as lower-case UTF-16 escapes.
pub(crate) fn json_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_spelled_as_python_spells_them() {
        for (value, expected) in [
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e22, "1e+22"),
            (1e16, "1e+16"),
            (1e15, "1000000000000000.0"),
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (123.456, "123.456"),
            (1.5e-7, "1.5e-07"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (2_399_134_235_276_185.0 / 4.0, "599783558819046.2"),
            (2_399_134_235_276_187.0 / 4.0, "599783558819046.8"),
            (0.1 + 0.2, "0.30000000000000004"),
            (100.0, "100.0"),
            (-2.5, "-2.5"),
        ] {
            assert_eq!(python_float(value), expected);
        }
    }

    #[test]
    fn equality_is_pythons() {
        let list =
            |items: &[i128]| Value::List(items.iter().map(|item| Value::Int(*item)).collect());
        assert!(
            Value::Int(1).equals(&Value::Float(1.0))
                && Value::Bool(true).equals(&Value::Float(1.0))
        );
        assert!(!Value::Float(f64::NAN).equals(&Value::Float(f64::NAN)));
        assert!(!Value::Int(9_007_199_254_740_993).equals(&Value::Float(9_007_199_254_740_992.0)));
        assert!(!list(&[1, 2]).equals(&list(&[2, 1])));
        let map = |a: &str, b: &str| {
            Value::Map(vec![
                (Value::text(a), Value::Int(1)),
                (Value::text(b), Value::Int(1)),
            ])
        };
        assert!(map("a", "b").equals(&map("b", "a")) && !map("a", "b").equals(&map("a", "c")));
        assert!(
            !Value::Null.equals(&Value::Bool(false)) && !Value::text("1").equals(&Value::Int(1))
        );
    }

    #[test]
    fn json_is_pythons() {
        let value = Value::Map(vec![
            (
                Value::text("b"),
                Value::List(vec![Value::Null, Value::Float(1e-5), Value::Bool(true)]),
            ),
            (Value::text("a"), Value::text("é \"q\"\\\u{1f680}\u{7f}\n")),
        ]);
        assert_eq!(
            value.python_json(),
            r#"{"a": "\u00e9 \"q\"\\\ud83d\ude80\u007f\n", "b": [null, 1e-05, true]}"#
        );
    }
}
