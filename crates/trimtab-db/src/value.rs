//! Values that travel between services and either database.

use trimtab_types::{
    AlertId, DatasetVersionId, ExecutionId, LoggedModelId, MonitorWindowId, Name, PlanId,
    PredictionId, RevisionId, RolloutId, RunId, Time, TokenId, WorkspaceId,
};

use crate::DbError;

/// One SQL value. Booleans are 0 and 1, times are microseconds, ids and names are text.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// An integer, a boolean or a time.
    Int(i64),
    /// A finite double (NaN and infinities are a value + class column: see the design).
    Real(f64),
    /// Text, compared as bytes.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Value {
    fn describe(&self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Int(_) => "an integer".to_owned(),
            Self::Real(_) => "a double".to_owned(),
            Self::Text(_) => "text".to_owned(),
            Self::Blob(_) => "bytes".to_owned(),
        }
    }
}

macro_rules! from {
    ($($type:ty, $value:ident => $made:expr;)*) => {$(
        impl From<$type> for Value {
            fn from($value: $type) -> Self {
                $made
            }
        }
    )*};
}

from! {
    i64, value => Self::Int(value);
    i32, value => Self::Int(value.into());
    u32, value => Self::Int(value.into());
    bool, value => Self::Int(value.into());
    f64, value => Self::Real(value);
    &str, value => Self::Text(value.to_owned());
    String, value => Self::Text(value);
    &String, value => Self::Text(value.clone());
    Vec<u8>, value => Self::Blob(value);
    &[u8], value => Self::Blob(value.to_vec());
    Time, value => Self::Int(value.as_micros());
    &Name, value => Self::Text(value.as_str().to_owned());
    Name, value => Self::Text(value.as_str().to_owned());
    &WorkspaceId, value => Self::Text(value.as_str().to_owned());
}

impl From<u64> for Value {
    /// Counters; a value above `i64::MAX` is stored as `i64::MAX`.
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A type that can be read from a column.
pub trait FromValue: Sized {
    /// What is expected, for the error.
    const EXPECTED: &'static str;

    /// The value, or `None` when the column holds something else.
    fn from_value(value: &Value) -> Option<Self>;
}

macro_rules! read {
    ($($type:ty, $expected:literal, $pattern:pat => $read:expr;)*) => {$(
        impl FromValue for $type {
            const EXPECTED: &'static str = $expected;

            fn from_value(value: &Value) -> Option<Self> {
                if let $pattern = value { $read } else { None }
            }
        }
    )*};
}

read! {
    i64, "an integer", Value::Int(value) => Some(*value);
    u32, "a small integer", Value::Int(value) => u32::try_from(*value).ok();
    u64, "a counter", Value::Int(value) => u64::try_from(*value).ok();
    bool, "0 or 1", Value::Int(value) => Some(*value != 0);
    String, "text", Value::Text(value) => Some(value.clone());
    Vec<u8>, "bytes", Value::Blob(value) => Some(value.clone());
    Time, "a time", Value::Int(value) => Some(Time::from_micros(*value));
    Name, "a name", Value::Text(value) => value.parse().ok();
    WorkspaceId, "a workspace", Value::Text(value) => Self::new(value).ok();
}

impl FromValue for f64 {
    const EXPECTED: &'static str = "a number";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Real(value) => Some(*value),
            Value::Int(value) => Some(*value as Self),
            Value::Null | Value::Text(_) | Value::Blob(_) => None,
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            Value::Int(_) | Value::Real(_) | Value::Text(_) | Value::Blob(_) => {
                T::from_value(value).map(Some)
            }
        }
    }
}

macro_rules! ids {
    ($($id:ident),*) => {$(
        impl From<$id> for Value {
            fn from(id: $id) -> Self {
                Self::Text(id.to_string())
            }
        }

        impl FromValue for $id {
            const EXPECTED: &'static str = stringify!($id);

            fn from_value(value: &Value) -> Option<Self> {
                if let Value::Text(text) = value { text.parse().ok() } else { None }
            }
        }
    )*};
}

ids!(
    AlertId,
    DatasetVersionId,
    ExecutionId,
    LoggedModelId,
    MonitorWindowId,
    PlanId,
    PredictionId,
    RevisionId,
    RolloutId,
    RunId,
    TokenId
);

pub(crate) fn decode<T: FromValue>(values: &[Value], column: usize) -> Result<T, DbError> {
    let value = values.get(column).unwrap_or(&Value::Null);
    T::from_value(value).ok_or_else(|| DbError::Decode {
        column,
        expected: T::EXPECTED,
        found: value.describe(),
    })
}

/// Builds the parameter list of a statement: `params![a, b]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::Value::from($value)),*][..] };
}
