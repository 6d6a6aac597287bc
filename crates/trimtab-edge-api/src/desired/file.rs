//! The file as it is written.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_saphyr::Spanned;

use super::DesiredError;

/// A text with its place.
pub(super) type Word = Spanned<String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) project: Word,
    #[serde(default)]
    pub(super) server: Option<String>,
    #[serde(default)]
    pub(super) endpoints: Entries<EndpointEntry>,
    #[serde(default)]
    pub(super) monitors: Entries<MonitorEntry>,
    #[serde(default)]
    pub(super) triggers: Entries<TriggerEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndpointEntry {
    pub(super) model: Word,
    pub(super) alias: Option<String>,
    pub(super) row_key: Option<String>,
    pub(super) event_time: Option<Word>,
    pub(super) label: Option<String>,
    pub(super) score: Option<String>,
    pub(super) pin: Option<i64>,
    pub(super) rollout: Option<RolloutEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RolloutEntry {
    pub(super) autonomy: Option<Word>,
    pub(super) steps: Option<Spanned<Vec<StepEntry>>>,
    pub(super) time_limit: Option<Word>,
    pub(super) alpha: Option<Spanned<f64>>,
    pub(super) margin: Option<Spanned<f64>>,
    pub(super) min_labelled: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepEntry {
    pub(super) kind: Word,
    pub(super) share: Option<Word>,
    pub(super) hold: Option<Word>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MonitorEntry {
    pub(super) endpoint: Word,
    pub(super) window: Option<Word>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TriggerEntry {
    pub(super) endpoint: Word,
    pub(super) monitor: Option<Word>,
    pub(super) stages: Vec<Word>,
    pub(super) dataset: Word,
    pub(super) cooldown: Option<Word>,
}

impl File {
    pub(super) fn read(name: &str, text: &str) -> Result<Self, DesiredError> {
        serde_saphyr::from_str(text).map_err(|error| DesiredError::of_yaml(name, text, &error))
    }
}

/// A mapping in the order of the file, each key with its place.
#[derive(Debug)]
pub(super) struct Entries<T>(pub(super) Vec<(Word, T)>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

struct EntriesVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<T> {
    type Value = Entries<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping of names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<T>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Entries<T>, E> {
        Ok(Entries::default())
    }
}
