//! The path of a request: who answers, the answer, and what is written down.

use std::{sync::Arc, time::Instant};

use arrow::array::RecordBatch;
use trimtab_events::ServedAs;
use trimtab_infer::{Answer, InferError, Tensor};
use trimtab_types::{Name, PredictionId, RevisionId, Scope};

use crate::{
    EventTimeSource, PredictRequest, Prediction, Scored, Serving, ServingError, columns,
    metrics::Outcome,
    mirror::Asked,
    route::{Arm, Route},
    rows,
    score::ScoreRule,
    statistics::Spent,
};

/// Rows that one run of the gate's scoring takes.
const SCORE_ROWS: usize = 4_096;

impl Serving {
    /// Answers a request and logs it. During a rollout the other revisions are asked too, off this path; where the
    /// canary fails on what the champion can answer, the champion's answer goes out and the failure is logged as
    /// the canary's. A request for one version is outside traffic: no event, no comparison.
    pub async fn predict(
        &self,
        scope: &Scope,
        endpoint: &Name,
        request: PredictRequest,
    ) -> Result<Prediction, ServingError> {
        let started = Instant::now();
        let route = self.route(scope, endpoint)?;
        let (answer, outcome) = self.answer(scope, &route, request, started).await;
        route
            .metrics
            .latency
            .observe(started.elapsed().as_secs_f64());
        route.metrics.count(outcome);
        answer
    }

    async fn answer(
        &self,
        scope: &Scope,
        route: &Route,
        mut request: PredictRequest,
        started: Instant,
    ) -> (Result<Prediction, ServingError>, Outcome) {
        let prediction_id = PredictionId::new();
        let key = request
            .assignment_key
            .take()
            .unwrap_or_else(|| prediction_id.to_string());
        let arm = match choose(route, request.version, &key) {
            Ok(arm) => arm,
            Err(error @ ServingError::VersionNotServed { .. }) => {
                return (Err(error), Outcome::Refused);
            }
            Err(error) => return (Err(error), Outcome::Failed),
        };
        let is_pinned = request.version.is_some();
        let asked = match self.asked(scope, route, arm, request, prediction_id, key) {
            Ok(asked) => Arc::new(asked),
            Err(error) => {
                arm.loaded.statistics.failed(started.elapsed());
                return (Err(error), Outcome::Refused);
            }
        };
        let input = started.elapsed();
        let (answer, took) = arm.loaded.run(&asked.inputs).await;
        let champion = route
            .traffic
            .champion
            .filter(|champion| *champion != arm.loaded.revision.id)
            .and_then(|champion| route.arm(champion));
        let (outcome, answering, answer) = match (answer, champion) {
            (Ok(answer), _) => (Outcome::Ok, arm, Ok((answer, took))),
            (Err(error), Some(champion)) if !is_pinned => {
                arm.loaded.statistics.failed(started.elapsed());
                let (rescue, champion_took) = champion.loaded.run(&asked.inputs).await;
                let is_request_at_fault = rescue.as_ref().is_err_and(is_request_fault);
                if !is_request_at_fault {
                    let event = asked.event(arm, ServedAs::Shadow, Err(&error), took);
                    self.mirror().record(event).await;
                }
                match rescue {
                    Ok(answer) => (Outcome::Rescued, champion, Ok((answer, champion_took))),
                    Err(error) => (Outcome::Failed, champion, Err((error, champion_took))),
                }
            }
            (Err(error), _) => (Outcome::Failed, arm, Err((error, took))),
        };
        let ran = started.elapsed();
        let statistics = &answering.loaded.statistics;
        match answer {
            Ok((Answer { outputs, form }, took)) => {
                if !is_pinned {
                    let event = asked.event(answering, ServedAs::Served, Ok(&outputs), took);
                    self.mirror().record(event).await;
                    self.compare(route, &asked, arm, answering).await;
                }
                let total = started.elapsed();
                let spent = Spent {
                    total,
                    input,
                    queue: ran.saturating_sub(input + took),
                    infer: took,
                    output: total.saturating_sub(ran),
                };
                let rows = asked.row_keys.len();
                statistics.answered(rows, spent, asked.received_at);
                let revision = &answering.loaded.revision;
                let prediction = Prediction {
                    prediction_id,
                    revision: revision.id,
                    version: revision.version,
                    outputs,
                    form,
                    rows,
                    spent,
                };
                (Ok(prediction), outcome)
            }
            Err((error, _)) if is_request_fault(&error) => {
                statistics.failed(ran);
                (Err(error.into()), Outcome::Refused)
            }
            Err((error, took)) => {
                statistics.failed(ran);
                if !is_pinned {
                    let event = asked.event(answering, ServedAs::Served, Err(&error), took);
                    self.mirror().record(event).await;
                    self.compare(route, &asked, arm, answering).await;
                }
                (Err(error.into()), outcome)
            }
        }
    }

    /// Asks everyone who takes part in the rollout and has not been asked.
    async fn compare(&self, route: &Route, asked: &Arc<Asked>, first: &Arm, answering: &Arm) {
        let others = route
            .traffic
            .compared(answering.loaded.revision.id)
            .filter(|other| *other != first.loaded.revision.id)
            .filter_map(|other| route.arm(other));
        for other in others {
            self.mirror().compare(asked, other).await;
        }
    }

    /// Checks the request's parts against each other and against the endpoint.
    fn asked(
        &self,
        scope: &Scope,
        route: &Route,
        arm: &Arm,
        request: PredictRequest,
        prediction_id: PredictionId,
        assignment_key: String,
    ) -> Result<Asked, ServingError> {
        let event_time = match (request.event_time, route.spec.event_time) {
            (Some(time), EventTimeSource::Caller) => time,
            (Some(_), EventTimeSource::Server) => {
                return Err(ServingError::EventTimeRefused(route.spec.name.clone()));
            }
            (None, _) => self.clock().now(),
        };
        let mut inputs = request.inputs;
        let mut row_keys = request
            .row_keys
            .map(|keys| keys.into_iter().map(Some).collect::<Vec<_>>());
        if let Some(column) = &route.spec.row_key
            && let Some(at) = inputs.iter().position(|input| input.name() == column)
        {
            if row_keys.is_none() {
                row_keys = Some(columns::keys(&inputs[at]));
            }
            if arm.loaded.signature.input(column).is_none() {
                inputs.remove(at);
            }
        }
        arm.loaded.signature.check(&inputs).or_else(|error| {
            // A canary with another signature is the canary's fault, and is told as such by its run.
            let fits_champion = route
                .traffic
                .champion
                .and_then(|champion| route.arm(champion))
                .is_some_and(|champion| champion.loaded.signature.check(&inputs).is_ok());
            if fits_champion && request.version.is_none() {
                Ok(())
            } else {
                Err(error)
            }
        })?;
        let rows = columns::rows(&inputs);
        if rows == 0 {
            return Err(ServingError::Request {
                field: "inputs".to_owned(),
                reason: "the inputs have no rows".to_owned(),
            });
        }
        let row_keys = row_keys.unwrap_or_else(|| vec![None; rows]);
        if row_keys.len() != rows {
            return Err(ServingError::Request {
                field: "row_keys".to_owned(),
                reason: format!("{} row keys were given for {rows} rows", row_keys.len()),
            });
        }
        Ok(Asked {
            workspace: scope.workspace.clone(),
            endpoint: route.spec.name.clone(),
            event_time,
            received_at: self.clock().wall(),
            prediction_id,
            client_request_id: request.client_request_id,
            assignment_key,
            row_keys,
            inputs: Arc::new(inputs),
        })
    }

    /// What one revision says, without an event; for the gate.
    pub async fn score(
        &self,
        scope: &Scope,
        endpoint: &Name,
        revision: RevisionId,
        inputs: Vec<Tensor>,
    ) -> Result<Scored, ServingError> {
        let route = self.route(scope, endpoint)?;
        let arm = route.require(revision)?;
        let rows = columns::rows(&inputs);
        let (answer, _) = arm.loaded.run(&Arc::new(inputs)).await;
        let outputs = answer?.outputs;
        Ok(Scored {
            scores: ScoreRule::scores(arm.score.as_ref(), &outputs, rows),
            outputs,
        })
    }

    /// The scores of a table's rows, in their order, without an event. Columns are found by the names of the
    /// model's inputs and cast to its types; others are ignored.
    pub async fn score_rows(
        &self,
        scope: &Scope,
        endpoint: &Name,
        revision: RevisionId,
        batches: &[RecordBatch],
    ) -> Result<Vec<Option<f64>>, ServingError> {
        let route = self.route(scope, endpoint)?;
        let arm = route.require(revision)?.clone();
        let Some(layout) = arm.loaded.layout.clone() else {
            return Err(ServingError::Request {
                field: "inputs".to_owned(),
                reason: format!(
                    "version {} of the model does not take the columns of a table",
                    arm.loaded.revision.version
                ),
            });
        };
        // Arrow's buffers are shared, not copied.
        let batches = batches.to_vec();
        tokio::task::spawn_blocking(move || {
            let mut scores = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
            for batch in &batches {
                for from in (0..batch.num_rows()).step_by(SCORE_ROWS) {
                    let rows = SCORE_ROWS.min(batch.num_rows() - from);
                    let inputs = rows::tensors(&layout, &batch.slice(from, rows))?;
                    let (outputs, _) = arm.loaded.run_here(&inputs);
                    scores.extend(ScoreRule::scores(arm.score.as_ref(), &outputs?, rows));
                }
            }
            Ok(scores)
        })
        .await
        .map_err(|_| ServingError::Closed)?
    }
}

/// Who answers: the version asked for, or whom the traffic assigns; a canary that is not loaded gives way to the
/// champion.
fn choose<'a>(route: &'a Route, version: Option<i64>, key: &str) -> Result<&'a Arm, ServingError> {
    if let Some(version) = version {
        return route.version(version);
    }
    let assigned = route
        .traffic
        .assign(key)
        .ok_or_else(|| route.no_champion())?;
    match (route.require(assigned), route.traffic.champion) {
        (Err(_), Some(champion)) if champion != assigned => route.require(champion),
        (arm, _) => arm,
    }
}

/// Whether the request does not fit the model, in distinction to a model that fails.
fn is_request_fault(error: &InferError) -> bool {
    match error {
        InferError::Tensor { .. }
        | InferError::InputMissing { .. }
        | InferError::InputUnknown { .. }
        | InferError::InputTwice { .. }
        | InferError::InputType { .. }
        | InferError::InputShape { .. }
        | InferError::InputValue { .. } => true,
        InferError::LibraryMissing { .. }
        | InferError::LibraryBroken { .. }
        | InferError::Model { .. }
        | InferError::Unsupported { .. }
        | InferError::Run { .. }
        | InferError::Environment { .. }
        | InferError::Worker { .. }
        | InferError::Raised { .. }
        | InferError::WorkerDied { .. }
        | InferError::WorkerDown { .. }
        | InferError::Late { .. }
        | InferError::Busy { .. }
        | InferError::Quarantined { .. } => false,
    }
}
