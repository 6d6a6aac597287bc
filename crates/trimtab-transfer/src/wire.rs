//! MLflow's REST answers, as far as they are read.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use trimtab_edge_api::wire::Pair;

/// A whole number that may be text.
pub(crate) fn int(value: &Value) -> i64 {
    value
        .as_i64()
        .or_else(|| value.as_str()?.parse().ok())
        .unwrap_or_default()
}

/// A number that may be text, or a word.
pub(crate) fn real(value: &Value) -> f64 {
    if let Some(number) = value.as_f64() {
        return number;
    }
    match value.as_str() {
        Some("NaN") => f64::NAN,
        Some("Infinity") => f64::INFINITY,
        Some("-Infinity") => f64::NEG_INFINITY,
        Some(text) => text.parse().unwrap_or(f64::NAN),
        None => f64::NAN,
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(crate) fn maybe(value: &Value) -> Option<String> {
    value
        .as_str()
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

pub(crate) fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Keys with values, in the order of keys.
pub(crate) fn pairs(value: &Value) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = items(value)
        .iter()
        .map(|pair| Pair {
            key: text(&pair["key"]),
            value: text(&pair["value"]),
        })
        .collect();
    pairs.sort_by(|a, b| a.key.cmp(&b.key));
    pairs
}

/// A page of a list: its items and the token of the next.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) items: Vec<Value>,
    pub(crate) next: Option<String>,
}

/// Any JSON, of which one list is wanted.
#[derive(Debug)]
pub(crate) struct Answer(pub(crate) Value);

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self)
    }
}

impl Answer {
    pub(crate) fn page(mut self, field: &str) -> Page {
        let items = match self.0[field].take() {
            Value::Array(items) => items,
            _ => Vec::new(),
        };
        Page {
            items,
            next: maybe(&self.0["next_page_token"]),
        }
    }
}
