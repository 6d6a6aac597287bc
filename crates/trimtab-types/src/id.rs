//! Ids: one newtype per noun over a UUID version 7 (RFC 9562), spelled as 32 lower-case hex digits everywhere.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {}: expected 32 hexadecimal digits", words(kind))]
pub struct IdError {
    /// Which id was expected.
    pub kind: &'static str,
    /// What was found.
    pub text: String,
}

/// `PredictionId` as people say it: "prediction id".
fn words(kind: &str) -> String {
    let mut words = String::new();
    for (at, letter) in kind.char_indices() {
        if letter.is_uppercase() && at > 0 {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// A new id; later ids sort after earlier ones.
            #[expect(clippy::new_without_default, reason = "an id that appears by default is a bug")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The 16 bytes.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The id with these 16 bytes.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0.as_simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.as_simple())
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::try_parse(text)
                    .map(Self)
                    .map_err(|_| IdError { kind: stringify!($name), text: text.to_owned() })
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }
    )*};
}

ids! {
    /// One execution recorded in tracking.
    RunId;
    /// A logged model of tracking (MLflow 3); spelled `m-…` at the MLflow edge.
    LoggedModelId;
    /// An immutable version of files or of a table.
    DatasetVersionId;
    /// One execution of a pipeline.
    ExecutionId;
    /// A model version with an engine, behind an endpoint.
    RevisionId;
    /// The move of an endpoint from one revision to another.
    RolloutId;
    /// What the loop has written down to do after a trigger.
    PlanId;
    /// What a monitor raised.
    AlertId;
    /// One judged window of a monitor.
    MonitorWindowId;
    /// One prediction request; its rows are `PREDICTION_ID:row`.
    PredictionId;
    /// An access token (its public part).
    TokenId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_round_trips_and_dashes_are_accepted() {
        let id = RunId::new();
        let text = id.to_string();
        assert_eq!(text.len(), 32);
        assert_eq!(text.parse::<RunId>(), Ok(id));
        assert_eq!(
            "00000000-0000-7000-8000-000000000000"
                .parse::<RunId>()
                .unwrap()
                .to_string()
                .len(),
            32
        );
        assert_eq!(
            "xyz".parse::<DatasetVersionId>().unwrap_err().to_string(),
            "`xyz` is no dataset version id: expected 32 hexadecimal digits"
        );
    }
}
