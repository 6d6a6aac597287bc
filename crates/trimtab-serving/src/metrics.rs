//! What serving counts. The label `endpoint` is a declared name, a small set; outcomes are a closed set.

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Unit,
};
use trimtab_telemetry::{Metrics, latency_buckets};

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    /// Answered.
    Ok,
    /// Refused: the request was wrong.
    Refused,
    /// The revision failed and the champion answered in its place.
    Rescued,
    /// The model failed.
    Failed,
}

impl EncodeLabelValue for Outcome {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), std::fmt::Error> {
        let word = match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Rescued => "rescued",
            Self::Failed => "failed",
        };
        EncodeLabelValue::encode(&word, encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    endpoint: String,
    outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndpointLabel {
    endpoint: String,
}

/// All metrics of this crate.
#[derive(Debug, Clone)]
pub(crate) struct ServingMetrics {
    predictions: Family<Labels, Counter>,
    latency: Family<EndpointLabel, Histogram, fn() -> Histogram>,
    pub(crate) compared: Counter,
    pub(crate) compared_dropped: Counter,
    pub(crate) events_dropped: Counter,
}

/// The metrics of one endpoint, looked up once.
#[derive(Debug, Clone)]
pub(crate) struct EndpointMetrics {
    ok: Counter,
    refused: Counter,
    rescued: Counter,
    failed: Counter,
    pub(crate) latency: Histogram,
}

impl ServingMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let this = Self {
            predictions: Family::default(),
            latency: Family::new_with_constructor(|| Histogram::new(latency_buckets())),
            compared: Counter::default(),
            compared_dropped: Counter::default(),
            events_dropped: Counter::default(),
        };
        metrics.register(|registry| {
            registry.register(
                "serving_predictions",
                "Prediction requests by endpoint and outcome",
                this.predictions.clone(),
            );
            registry.register_with_unit(
                "serving_latency",
                "Time from the decoded request to the answer",
                Unit::Seconds,
                this.latency.clone(),
            );
            registry.register(
                "serving_compared",
                "Requests also scored by a revision that did not answer them",
                this.compared.clone(),
            );
            registry.register(
                "serving_compared_dropped",
                "Requests not scored for comparison because the queue was full",
                this.compared_dropped.clone(),
            );
            registry.register(
                "serving_events_dropped",
                "Prediction events that the event log did not take",
                this.events_dropped.clone(),
            );
        });
        this
    }

    pub(crate) fn endpoint(&self, endpoint: &str) -> EndpointMetrics {
        let counter = |outcome| {
            self.predictions
                .get_or_create(&Labels {
                    endpoint: endpoint.to_owned(),
                    outcome,
                })
                .clone()
        };
        EndpointMetrics {
            ok: counter(Outcome::Ok),
            refused: counter(Outcome::Refused),
            rescued: counter(Outcome::Rescued),
            failed: counter(Outcome::Failed),
            latency: self
                .latency
                .get_or_create(&EndpointLabel {
                    endpoint: endpoint.to_owned(),
                })
                .clone(),
        }
    }
}

impl EndpointMetrics {
    pub(crate) fn count(&self, outcome: Outcome) {
        match outcome {
            Outcome::Ok => self.ok.inc(),
            Outcome::Refused => self.refused.inc(),
            Outcome::Rescued => self.rescued.inc(),
            Outcome::Failed => self.failed.inc(),
        };
    }
}
