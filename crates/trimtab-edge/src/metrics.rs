//! What the shell counts: requests and their latency, by edge.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
};
use trimtab_telemetry::{Metrics, latency_buckets};

use crate::Edge;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByEdge {
    edge: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    edge: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone)]
pub(crate) struct EdgeMetrics {
    requests: Family<ByOutcome, Counter>,
    latency: Family<ByEdge, Histogram>,
    panics: Counter,
}

impl EdgeMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let own = Self {
            requests: Family::default(),
            latency: Family::new_with_constructor(|| Histogram::new(latency_buckets())),
            panics: Counter::default(),
        };
        metrics.register(|registry| {
            registry.register(
                "edge_requests",
                "Requests answered, by edge and class of status",
                own.requests.clone(),
            );
            registry.register(
                "edge_latency_seconds",
                "Time from the request's head to the response's head, by edge",
                own.latency.clone(),
            );
            registry.register(
                "edge_panics",
                "Handlers that panicked; each is a defect",
                own.panics.clone(),
            );
        });
        own
    }

    pub(crate) fn count(&self, edge: Edge, status: u16, seconds: f64) {
        let edge = edge.as_str();
        let outcome = match status {
            0..=399 => "ok",
            400..=499 => "refused",
            _ => "failed",
        };
        self.requests
            .get_or_create(&ByOutcome { edge, outcome })
            .inc();
        self.latency
            .get_or_create(&ByEdge { edge })
            .observe(seconds);
    }

    pub(crate) fn panicked(&self) {
        self.panics.inc();
    }
}
