//! Evaluation: champion and challenger on the same frozen, labelled rows.

use arrow::{
    array::{Array, AsArray, BooleanArray, Float64Array, RecordBatch},
    compute::filter_record_batch,
    datatypes::{Float64Type, TimestampMicrosecondType},
};
use trimtab_serving::EndpointSpec;
use trimtab_types::{DatasetVersionId, Duration, RevisionId, Scope, Time};

use crate::{
    GateInput, GateReport, Loop, LoopError, PairedRow,
    error::service,
    expectation::{Judged, expect},
    judge_gate,
    steps::Frozen,
};

/// Rows of a given dataset that a first revision is tried on.
const FIRST_REVISION_ROWS: usize = 1_000;

/// What is evaluated on what.
#[derive(Debug, Clone)]
pub(crate) struct Evaluation {
    pub(crate) frozen: Option<Frozen>,
    pub(crate) champion: Option<RevisionId>,
    pub(crate) challenger: RevisionId,
    pub(crate) dataset: Option<DatasetVersionId>,
    /// Of the gate's bootstrap.
    pub(crate) seed: u64,
}

/// Labelled rows without those in quarantined spans: inputs named as the model's inputs, labels, units.
#[derive(Debug, Clone, Default)]
pub(crate) struct LabelledRows {
    batches: Vec<RecordBatch>,
    labels: Vec<f64>,
    units: Vec<String>,
    days: Vec<i64>,
}

impl LabelledRows {
    pub(crate) fn new(batches: &[RecordBatch], quarantined: &[(Time, Time)]) -> Self {
        let mut rows = Self::default();
        for batch in batches {
            let times = batch
                .column_by_name("event_time")
                .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
            let labels = batch
                .column_by_name("label")
                .and_then(|column| column.as_primitive_opt::<Float64Type>());
            let (Some(times), Some(labels)) = (times, labels) else {
                continue;
            };
            let keep: BooleanArray = (0..batch.num_rows())
                .map(|row| {
                    let time = Time::from_micros(times.value(row));
                    let is_quarantined = quarantined
                        .iter()
                        .any(|(from, to)| *from <= time && time < *to);
                    Some(labels.is_valid(row) && !is_quarantined)
                })
                .collect();
            let Ok(kept) = filter_record_batch(batch, &keep) else {
                continue;
            };
            let labels = kept
                .column_by_name("label")
                .and_then(|column| column.as_primitive_opt::<Float64Type>());
            let units = kept
                .column_by_name("assignment_key")
                .and_then(|column| column.as_string_opt::<i32>());
            let times = kept
                .column_by_name("event_time")
                .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
            let (Some(labels), Some(units), Some(times)) = (labels, units, times) else {
                continue;
            };
            let day = Duration::from_days(1).as_micros();
            rows.days
                .extend(times.values().iter().map(|time| time.div_euclid(day)));
            rows.labels.extend(labels.values().iter());
            rows.units
                .extend(units.iter().map(|unit| unit.unwrap_or_default().to_owned()));
            rows.batches.push(model_inputs(&kept));
        }
        rows
    }

    pub(crate) fn rows(&self) -> usize {
        self.labels.len()
    }
}

/// The `in.*` columns of events under the names of the model's inputs.
pub fn model_inputs(batch: &RecordBatch) -> RecordBatch {
    let schema = batch.schema();
    let (fields, columns): (Vec<_>, Vec<_>) = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .filter_map(|(field, column)| {
            let name = field.name().strip_prefix("in.")?;
            Some((field.as_ref().clone().with_name(name), column.clone()))
        })
        .unzip();
    let schema = std::sync::Arc::new(arrow::datatypes::Schema::new(fields));
    RecordBatch::try_new(std::sync::Arc::clone(&schema), columns)
        .unwrap_or_else(|_| RecordBatch::new_empty(schema))
}

impl Loop {
    pub(crate) async fn evaluate(
        &self,
        scope: &Scope,
        spec: &EndpointSpec,
        evaluation: &Evaluation,
    ) -> Result<GateReport, LoopError> {
        let serving = &self.0.services.serving;
        let training = match evaluation.dataset {
            Some(id) => self
                .0
                .services
                .data
                .read(scope, id)
                .await
                .map_err(service("data", "read the training dataset version"))?,
            None => Vec::new(),
        };
        let score = |revision, batches: Vec<RecordBatch>| async move {
            serving
                .score_rows(scope, &spec.name, revision, &batches)
                .await
                .map_err(service("serving", "score the evaluation window"))
        };
        let (Some(frozen), Some(champion)) = (&evaluation.frozen, evaluation.champion) else {
            let sample: Vec<RecordBatch> = training
                .first()
                .map(|batch| batch.slice(0, batch.num_rows().min(FIRST_REVISION_ROWS)))
                .into_iter()
                .collect();
            let scores = score(evaluation.challenger, sample).await?;
            let rows = scores
                .into_iter()
                .map(|candidate| PairedRow {
                    unit: String::new(),
                    champion: None,
                    candidate,
                    label: Some(0.0),
                })
                .collect();
            return Ok(judge_gate(&GateInput {
                rows,
                has_champion: false,
                training_label_means: Vec::new(),
                seed: evaluation.seed,
            }));
        };
        let span = (frozen.evaluation_from, frozen.evaluation_to);
        let window = self.labelled_rows(scope, spec, span, frozen.as_of).await?;
        let old = score(champion, window.batches.clone()).await?;
        let new = score(evaluation.challenger, window.batches.clone()).await?;
        let judged: Vec<Judged> = window
            .days
            .iter()
            .zip(&window.labels)
            .zip(&new)
            .filter_map(|((&day, &label), score)| {
                let score = (*score)?;
                Some(Judged { day, label, score })
            })
            .collect();
        let rows = window
            .units
            .iter()
            .zip(&window.labels)
            .zip(old.into_iter().zip(new))
            .map(|((unit, label), (champion, candidate))| PairedRow {
                unit: unit.clone(),
                champion,
                candidate,
                label: Some(*label),
            })
            .collect();
        let mut report = judge_gate(&GateInput {
            rows,
            has_champion: true,
            training_label_means: label_means(
                &training,
                &spec.label,
                span.1.since(span.0).as_micros(),
            ),
            seed: evaluation.seed,
        });
        report.expected = expect(&judged);
        Ok(report)
    }
}

/// Mean label of consecutive spans of the training data, each as long as the window.
fn label_means(training: &[RecordBatch], label: &str, width_micros: i64) -> Vec<f64> {
    let mut sums: std::collections::BTreeMap<i64, (f64, f64)> = std::collections::BTreeMap::new();
    for batch in training {
        let labels = batch.column_by_name(label).and_then(|column| {
            arrow::compute::cast(column, &arrow::datatypes::DataType::Float64).ok()
        });
        let Some(labels) = labels else { continue };
        let labels: &Float64Array = labels.as_primitive();
        let times = ["event_time", "time"].iter().find_map(|name| {
            batch
                .column_by_name(name)
                .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>())
        });
        for row in (0..batch.num_rows()).filter(|row| labels.is_valid(*row)) {
            let span = times.map_or(0, |times| times.value(row).div_euclid(width_micros.max(1)));
            let entry = sums.entry(span).or_default();
            entry.0 += labels.value(row);
            entry.1 += 1.0;
        }
    }
    // Spans cut short at either end say little.
    let most = sums.values().map(|(_, count)| *count).fold(0.0, f64::max);
    sums.values()
        .filter(|(_, count)| *count >= most / 4.0)
        .map(|(sum, count)| sum / count)
        .collect()
}
