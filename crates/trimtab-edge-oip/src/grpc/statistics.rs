//! Statistics over gRPC.

use axum::{body::Body, extract::State, response::Response};
use http::HeaderMap;
use prost::Message;
use trimtab_edge::{CallScope, Failure};
use trimtab_serving::{RevisionStatistics, Serving, Timed};
use trimtab_types::Time;

use super::{call, describe::ModelRequest, model};

#[derive(Clone, PartialEq, Message)]
struct ModelStatisticsResponse {
    #[prost(message, repeated, tag = "1")]
    model_stats: Vec<ModelStatistics>,
}

#[derive(Clone, PartialEq, Message)]
struct ModelStatistics {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
    #[prost(uint64, tag = "3")]
    last_inference: u64,
    #[prost(uint64, tag = "4")]
    inference_count: u64,
    #[prost(uint64, tag = "5")]
    execution_count: u64,
    #[prost(message, optional, tag = "6")]
    inference_stats: Option<InferStatistics>,
    #[prost(message, repeated, tag = "7")]
    batch_stats: Vec<InferBatchStatistics>,
}

#[derive(Clone, PartialEq, Message)]
struct InferStatistics {
    #[prost(message, required, tag = "1")]
    success: StatisticDuration,
    #[prost(message, required, tag = "2")]
    fail: StatisticDuration,
    #[prost(message, required, tag = "3")]
    queue: StatisticDuration,
    #[prost(message, required, tag = "4")]
    compute_input: StatisticDuration,
    #[prost(message, required, tag = "5")]
    compute_infer: StatisticDuration,
    #[prost(message, required, tag = "6")]
    compute_output: StatisticDuration,
    #[prost(message, required, tag = "7")]
    cache_hit: StatisticDuration,
    #[prost(message, required, tag = "8")]
    cache_miss: StatisticDuration,
}

#[derive(Clone, PartialEq, Message)]
struct InferBatchStatistics {
    #[prost(uint64, tag = "1")]
    batch_size: u64,
    #[prost(message, required, tag = "2")]
    compute_input: StatisticDuration,
    #[prost(message, required, tag = "3")]
    compute_infer: StatisticDuration,
    #[prost(message, required, tag = "4")]
    compute_output: StatisticDuration,
}

#[derive(Clone, PartialEq, Message)]
struct StatisticDuration {
    #[prost(uint64, tag = "1")]
    count: u64,
    #[prost(uint64, tag = "2")]
    ns: u64,
}

pub(super) async fn statistics(
    State(serving): State<Serving>,
    CallScope(scope): CallScope,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    call(&headers, body, async |asked: ModelRequest| {
        let found = if asked.name.is_empty() {
            serving.statistics(&scope, None, None)?
        } else {
            let (name, version) = model(&asked.name, &asked.version)?;
            serving.statistics(&scope, Some(&name), version)?
        };
        Ok(ModelStatisticsResponse {
            model_stats: found.into_iter().map(ModelStatistics::from).collect(),
        })
    })
    .await
}

fn timed(timed: Timed) -> StatisticDuration {
    StatisticDuration {
        count: timed.count,
        ns: timed.ns,
    }
}

impl From<RevisionStatistics> for ModelStatistics {
    fn from(of: RevisionStatistics) -> Self {
        let last = of.last_inference.map_or(0, Time::as_millis);
        Self {
            name: of.endpoint.to_string(),
            version: of.version.to_string(),
            last_inference: u64::try_from(last).unwrap_or(0),
            inference_count: of.rows,
            execution_count: of.executions,
            inference_stats: Some(InferStatistics {
                success: timed(of.success),
                fail: timed(of.fail),
                queue: timed(of.queue),
                compute_input: timed(of.input),
                compute_infer: timed(of.infer),
                compute_output: timed(of.output),
                // There is no response cache.
                cache_hit: timed(Timed::default()),
                cache_miss: timed(Timed::default()),
            }),
            batch_stats: of
                .batches
                .into_iter()
                .map(|batch| InferBatchStatistics {
                    batch_size: batch.rows,
                    compute_input: timed(batch.input),
                    compute_infer: timed(batch.infer),
                    compute_output: timed(batch.output),
                })
                .collect(),
        }
    }
}
