//! Records from elsewhere, as an import sends them. Times are milliseconds since the epoch: what the tools that they
//! come from count in. Everything may be sent again: what is known changes nothing.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Pair;

/// Which records an import would like to bring.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IngestCheck {
    /// At most 10,000.
    pub keys: Vec<IngestKey>,
}

/// A record that an import would like to bring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IngestKey {
    /// `experiment`, `run`, `logged_model`, `model` or `files`.
    pub kind: String,
    /// A number, an id, a name, or the path of a folder of artifacts.
    pub id: String,
    /// What tells it from another record of that id, such as when it was made.
    #[serde(default)]
    pub origin: String,
    /// The name that must be free for it.
    #[serde(default)]
    pub name: Option<String>,
}

/// What is here of the records that an import would like to bring.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IngestState {
    /// Those that an import brought.
    pub known: Vec<IngestMark>,
    /// Those that cannot come.
    pub collisions: Vec<IngestCollision>,
}

/// A record that an import brought, and how its source was then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IngestMark {
    /// `experiment`, `run`, `logged_model`, `model` or `files`.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// What tells it from another record of that id.
    #[serde(default)]
    pub origin: String,
    /// How its source was.
    pub mark: String,
}

/// A record that cannot come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IngestCollision {
    /// `experiment`, `run`, `logged_model` or `model`.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Why not.
    pub message: String,
}

/// Records to take over, with the ids, times and users that they have.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IngestRequest {
    /// Experiments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub experiments: Vec<IngestExperiment>,
    /// Runs, of experiments that are here or in this request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<IngestRun>,
    /// Points, of runs that are here or in this request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<IngestSeries>,
    /// Logged models.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logged_models: Vec<IngestLoggedModel>,
    /// Registered models with versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<IngestModel>,
    /// Marks, written last: those of records that are whole now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<IngestMark>,
}

/// How much was taken over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IngestReceipt {
    /// Experiments.
    pub experiments: u64,
    /// Runs.
    pub runs: u64,
    /// Points.
    pub points: u64,
    /// Logged models.
    pub logged_models: u64,
    /// Registered models.
    pub models: u64,
    /// Versions.
    pub versions: u64,
}

/// An experiment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IngestExperiment {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Where its artifacts go.
    pub artifact_location: String,
    /// Deleted, and restorable.
    #[serde(default)]
    pub is_deleted: bool,
    /// When it was made.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Pair>,
    /// What tells it from another experiment of that number.
    #[serde(default)]
    pub origin: String,
    /// How its source is.
    pub mark: String,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IngestRun {
    /// Its id.
    pub id: String,
    /// Number of its experiment.
    pub experiment: i64,
    /// Its name.
    pub name: String,
    /// Who made it.
    pub user: String,
    /// `RUNNING`, `SCHEDULED`, `FINISHED`, `FAILED` or `KILLED`.
    pub status: String,
    /// When it began.
    pub start_ms: i64,
    /// When it ended.
    #[serde(default)]
    pub end_ms: Option<i64>,
    /// Where its artifacts are.
    pub artifact_uri: String,
    /// Where the files below `EXPERIMENT/ID/artifacts` of the server's tree lie, when it reads them in another store.
    #[serde(default)]
    pub reference: Option<String>,
    /// Deleted, and restorable.
    #[serde(default)]
    pub is_deleted: bool,
    /// When it was deleted.
    #[serde(default)]
    pub deleted_ms: Option<i64>,
    /// Its params.
    #[serde(default)]
    pub params: Vec<Pair>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Pair>,
    /// The datasets that it read.
    #[serde(default)]
    pub datasets: Vec<IngestDataset>,
    /// The logged models that it read.
    #[serde(default)]
    pub model_inputs: Vec<String>,
    /// The logged models that it made.
    #[serde(default)]
    pub model_outputs: Vec<IngestOutput>,
    /// How its source is; a mark of its own replaces it when the points are in too.
    pub mark: String,
}

/// A dataset that a run read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IngestDataset {
    /// Its name.
    pub name: String,
    /// Its digest.
    pub digest: String,
    /// What kind of source it has.
    pub source_type: String,
    /// Where it came from.
    pub source: String,
    /// Its schema.
    #[serde(default)]
    pub schema: Option<String>,
    /// Its profile.
    #[serde(default)]
    pub profile: Option<String>,
    /// Tags of the use.
    #[serde(default)]
    pub tags: Vec<Pair>,
}

/// A logged model that a run made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IngestOutput {
    /// Its id.
    pub model: String,
    /// The step at which it was made.
    pub step: i64,
}

/// Points of one metric of one run, in three columns of one length.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IngestSeries {
    /// The run.
    pub run: String,
    /// The metric.
    pub key: String,
    /// When.
    pub at_ms: Vec<i64>,
    /// At which step.
    pub step: Vec<i64>,
    /// The values; NaN and the infinities as `"NaN"`, `"Infinity"`, `"-Infinity"`.
    #[schema(value_type = Vec<Object>)]
    pub value: Vec<IngestValue>,
}

/// A number that may be NaN or infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IngestValue(pub f64);

impl Serialize for IngestValue {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_nan() {
            serializer.serialize_str("NaN")
        } else if self.0.is_infinite() {
            serializer.serialize_str(if self.0 > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            })
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for IngestValue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl serde::de::Visitor<'_> for Number {
            type Value = IngestValue;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number, \"NaN\", \"Infinity\" or \"-Infinity\"")
            }

            fn visit_f64<E>(self, value: f64) -> Result<IngestValue, E> {
                Ok(IngestValue(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<IngestValue, E> {
                Ok(IngestValue(value as f64))
            }

            fn visit_u64<E>(self, value: u64) -> Result<IngestValue, E> {
                Ok(IngestValue(value as f64))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<IngestValue, E> {
                match text {
                    "NaN" => Ok(IngestValue(f64::NAN)),
                    "Infinity" => Ok(IngestValue(f64::INFINITY)),
                    "-Infinity" => Ok(IngestValue(f64::NEG_INFINITY)),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_any(Number)
    }
}

/// A logged model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IngestLoggedModel {
    /// Its id, without `m-`.
    pub id: String,
    /// Number of its experiment.
    pub experiment: i64,
    /// Its name.
    pub name: String,
    /// Where its files are.
    pub artifact_uri: String,
    /// Where the files below `EXPERIMENT/models/m-ID/artifacts` of the server's tree lie, when it reads them in another store.
    #[serde(default)]
    pub reference: Option<String>,
    /// `PENDING`, `READY` or `FAILED`.
    pub status: String,
    /// More about its status.
    #[serde(default)]
    pub status_message: Option<String>,
    /// Its kind.
    #[serde(default)]
    pub model_type: Option<String>,
    /// The run that made it.
    #[serde(default)]
    pub source_run: Option<String>,
    /// When it was made.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
    /// Deleted, and kept until collected.
    #[serde(default)]
    pub is_deleted: bool,
    /// Its params.
    #[serde(default)]
    pub params: Vec<Pair>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Pair>,
    /// Its metrics.
    #[serde(default)]
    pub metrics: Vec<IngestModelMetric>,
    /// How its source is.
    pub mark: String,
}

/// A metric of a logged model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IngestModelMetric {
    /// The metric.
    pub key: String,
    /// Its value.
    #[schema(value_type = Object)]
    pub value: IngestValue,
    /// When.
    pub at_ms: i64,
    /// At which step.
    pub step: i64,
    /// The run that measured it.
    pub run: String,
    /// Name of the dataset that it was measured on.
    #[serde(default)]
    pub dataset_name: Option<String>,
    /// Digest of that dataset.
    #[serde(default)]
    pub dataset_digest: Option<String>,
}

/// A registered model with some of its versions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IngestModel {
    /// Its name.
    pub name: String,
    /// What its makers say about it.
    #[serde(default)]
    pub description: Option<String>,
    /// When it was made.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Pair>,
    /// The highest number that it has given, also to versions that are gone.
    #[serde(default)]
    pub last_number: i64,
    /// Versions, which need not be all of them.
    #[serde(default)]
    pub versions: Vec<IngestVersion>,
    /// Aliases of versions that are here or in this request.
    #[serde(default)]
    pub aliases: Vec<IngestAlias>,
    /// What tells it from another model of that name.
    #[serde(default)]
    pub origin: String,
    /// How its source is.
    pub mark: String,
}

/// An alias of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IngestAlias {
    /// The alias.
    pub alias: String,
    /// The version's number.
    pub version: i64,
}

/// A version of a registered model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IngestVersion {
    /// Its number.
    pub version: i64,
    /// The run that made it.
    #[serde(default)]
    pub run_id: Option<String>,
    /// Where its files are.
    pub source: String,
    /// Where its files really are, where `source` names another version.
    #[serde(default)]
    pub storage: Option<String>,
    /// A link to its run, for people.
    #[serde(default)]
    pub run_link: Option<String>,
    /// What its makers say about it.
    #[serde(default)]
    pub description: Option<String>,
    /// `READY`, `PENDING_REGISTRATION` or `FAILED_REGISTRATION`.
    pub status: String,
    /// Why not ready.
    #[serde(default)]
    pub status_message: Option<String>,
    /// `None`, `Staging`, `Production` or `Archived`.
    pub stage: String,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Pair>,
    /// When it was made.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
    /// Who made it.
    #[serde(default)]
    pub created_by: Option<String>,
}

/// A folder that the workspace may read in place, and never writes or collects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IngestRoot {
    /// An absolute path on the server's machine, or `file://` and one.
    pub uri: String,
}

/// A file that was stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IngestFile {
    /// Its path in the workspace's artifacts.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// BLAKE3 of its content, as it was stored: 64 hex digits.
    pub blake3: String,
}

/// Of which runs the fingerprints are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IngestPrintsOf {
    /// At most 1,000 ids.
    pub runs: Vec<String>,
}

/// What a run holds, counted and summed: equal runs have equal fingerprints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IngestPrint {
    /// The run.
    pub run: String,
    /// Its params.
    pub params: u64,
    /// Its tags.
    pub tags: u64,
    /// The points of all its metrics.
    pub points: u64,
    /// Sum of the hashes of all of them, in any order.
    pub sum: String,
}

/// Makes an [`IngestPrint`], piece by piece, in any order.
#[derive(Debug, Clone, Default)]
pub struct IngestPrinter {
    params: u64,
    tags: u64,
    points: u64,
    sum: u128,
}

impl IngestPrinter {
    fn add(&mut self, parts: &[&[u8]]) {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let hash = hasher.finalize();
        let (half, _) = hash.as_bytes().split_at(16);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(half);
        self.sum = self.sum.wrapping_add(u128::from_le_bytes(bytes));
    }

    /// A param.
    pub fn param(&mut self, key: &str, value: &str) {
        self.params += 1;
        self.add(&[b"param", key.as_bytes(), value.as_bytes()]);
    }

    /// A tag.
    pub fn tag(&mut self, key: &str, value: &str) {
        self.tags += 1;
        self.add(&[b"tag", key.as_bytes(), value.as_bytes()]);
    }

    /// A point of a metric.
    pub fn point(&mut self, key: &str, at_ms: i64, step: i64, value: f64) {
        self.points += 1;
        // One NaN, one zero: as they are stored.
        let value = if value.is_nan() {
            f64::NAN
        } else {
            value + 0.0
        };
        self.add(&[
            b"point",
            key.as_bytes(),
            &at_ms.to_le_bytes(),
            &step.to_le_bytes(),
            &value.to_bits().to_le_bytes(),
        ]);
    }

    /// The fingerprint of the run.
    pub fn finish(self, run: String) -> IngestPrint {
        IngestPrint {
            run,
            params: self.params,
            tags: self.tags,
            points: self.points,
            sum: format!("{:032x}", self.sum),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_know_no_order_and_one_nan() {
        let mut one = IngestPrinter::default();
        one.point("a", 1, 2, f64::NAN);
        one.point("a", 1, 2, -0.0);
        one.param("k", "v");
        let mut two = IngestPrinter::default();
        two.param("k", "v");
        two.point("a", 1, 2, 0.0);
        two.point("a", 1, 2, -f64::NAN);
        let one = one.finish(String::new());
        assert_eq!(one, two.clone().finish(String::new()));
        two.point("a", 1, 3, 0.0);
        assert_ne!(one.sum, two.finish(String::new()).sum);
    }

    #[test]
    fn values_that_json_has_no_numbers_for_are_words() {
        let text = r#"[1,0.1,"NaN","Infinity","-Infinity"]"#;
        let values: Vec<IngestValue> = serde_json::from_str(text).unwrap();
        assert!(values[2].0.is_nan());
        assert_eq!(
            serde_json::to_string(&values).unwrap(),
            r#"[1.0,0.1,"NaN","Infinity","-Infinity"]"#
        );
        assert!(serde_json::from_str::<IngestValue>("\"1\"").is_err());
    }
}
