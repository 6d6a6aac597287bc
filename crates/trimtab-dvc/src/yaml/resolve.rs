//! What an unquoted scalar means: the YAML 1.2 resolver of ruamel.yaml, which DVC uses, underscores and all.

use std::sync::LazyLock;

use regex::Regex;

use super::Value;

struct Patterns {
    float: Option<Regex>,
    int: Option<Regex>,
    timestamp: Option<Regex>,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    Patterns {
    float: Regex::new(
        r"^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+|[-+]?\.[0-9_]+(?:[eE][-+][0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
    )
    .ok(),
    int: Regex::new(r"^(?:[-+]?0b[01_]+|[-+]?0o?[0-7_]+|[-+]?[0-9_]+|[-+]?0x[0-9a-fA-F_]+)$").ok(),
    timestamp: Regex::new(
        r"^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?)$",
    )
    .ok(),
}
});

fn matches(pattern: Option<&Regex>, text: &str) -> bool {
    pattern.is_some_and(|pattern| pattern.is_match(text))
}

/// What a plain scalar is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Resolved {
    /// A value.
    Value(Value),
    /// A date or time, which DVC refuses in its files.
    Timestamp,
    /// `<<`.
    Merge,
    /// `=`, of which no loader makes anything.
    Default,
    /// An integer beyond 127 bits.
    Huge,
}

/// Resolves a plain scalar.
pub(crate) fn resolve(text: &str) -> Resolved {
    let first = text.bytes().next();
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Resolved::Value(Value::Null),
        "true" | "True" | "TRUE" => return Resolved::Value(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Resolved::Value(Value::Bool(false)),
        "<<" => return Resolved::Merge,
        "=" => return Resolved::Default,
        _ => {}
    }
    if !matches!(first, Some(b'-' | b'+' | b'.' | b'0'..=b'9')) {
        return Resolved::Value(Value::text(text));
    }
    if matches(PATTERNS.float.as_ref(), text) {
        return Resolved::Value(float(text).map_or_else(|| Value::text(text), Value::Float));
    }
    if first != Some(b'.') && matches(PATTERNS.int.as_ref(), text) {
        return int(text);
    }
    if matches(PATTERNS.timestamp.as_ref(), text) {
        return Resolved::Timestamp;
    }
    Resolved::Value(Value::text(text))
}

fn float(text: &str) -> Option<f64> {
    let text = text.replace('_', "").to_ascii_lowercase();
    match text.trim_start_matches('+') {
        ".inf" => Some(f64::INFINITY),
        "-.inf" => Some(f64::NEG_INFINITY),
        ".nan" => Some(f64::NAN),
        text => text.parse().ok(),
    }
}

fn int(text: &str) -> Resolved {
    let digits = text.replace('_', "");
    let (sign, magnitude) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits.strip_prefix('+').unwrap_or(&digits)),
    };
    let (radix, magnitude) = match magnitude.get(..2) {
        Some("0b") => (2, &magnitude[2..]),
        Some("0o") => (8, &magnitude[2..]),
        Some("0x") => (16, &magnitude[2..]),
        _ => (10, magnitude),
    };
    if magnitude.is_empty() {
        return Resolved::Value(Value::text(text));
    }
    match i128::from_str_radix(&format!("{sign}{magnitude}"), radix) {
        Ok(value) => Resolved::Value(Value::Int(value)),
        Err(_) if radix == 10 || magnitude.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Resolved::Huge
        }
        Err(_) => Resolved::Value(Value::text(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_mean_what_ruamel_says() {
        let value = |text| match resolve(text) {
            Resolved::Value(value) => value,
            other => panic!("{text}: {other:?}"),
        };
        for text in [
            "no", "yes", "on", "off", "y", "n", "nul", "+", "-", ".", "..", "1.2.3", "0x", "0b",
            "e5", "1e", "-a", "._", "0o9",
        ] {
            assert_eq!(value(text), Value::text(text), "{text}");
        }
        for (text, int) in [
            ("0o14", 12),
            ("014", 14),
            ("1_000", 1000),
            ("0x1F", 31),
            ("-0b11", -3),
            ("+7", 7),
        ] {
            assert_eq!(value(text), Value::Int(int), "{text}");
        }
        for (text, float) in [
            ("1e-4", 1e-4),
            ("1.", 1.0),
            (".5", 0.5),
            ("1e3", 1000.0),
            ("-.inf", f64::NEG_INFINITY),
            ("+.5e+1", 5.0),
        ] {
            assert_eq!(value(text), Value::Float(float), "{text}");
        }
        assert_eq!(resolve("2024-01-01"), Resolved::Timestamp);
        assert_eq!(resolve("2024-1-1 10:00:00 Z"), Resolved::Timestamp);
        assert_eq!(resolve(&"9".repeat(60)), Resolved::Huge);
    }
}
