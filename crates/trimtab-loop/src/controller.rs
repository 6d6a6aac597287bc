//! The rollout controller: looks at the guardrails, carries out the state machine's moves, and makes serving and
//! registry agree with what the rollout says. Everything it does to them follows from the stored rollout, so a
//! kill between two writes is healed by the next tick.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int32Type, Int64Type};
use trimtab_events::{Scan, ServedAs};
use trimtab_serving::{EndpointSpec, Traffic};
use trimtab_types::{Coded as _, Duration, ErrorCode, Scope, Time};

use crate::{
    Bounds, DecisionKind, Loop, LoopError, Move, Observed, PairedRow, Rollout, RolloutState,
    StepKind, error::service, judge_guardrails, sql,
};

/// Guardrails are looked at this many times in a step's hold.
const LOOKS_PER_HOLD: i64 = 24;

impl Loop {
    /// Drives an open rollout as far as it goes now.
    pub(crate) async fn drive_rollout(
        &self,
        scope: &Scope,
        spec: &EndpointSpec,
        rollout: &mut Rollout,
    ) -> Result<(), LoopError> {
        self.converge(scope, spec, rollout).await?;
        while !rollout.state.is_ended() {
            let now = self.0.clock.now();
            if is_look_due(rollout, now) {
                let observed = self.observe(scope, rollout).await?;
                let bounds = Bounds {
                    alpha: rollout.alpha,
                    margin: rollout.margin,
                    min_labelled: rollout.min_labelled,
                };
                rollout.guardrails = judge_guardrails(&observed, &bounds);
                rollout.looked_at = Some(now);
                let looked = rollout.clone();
                self.store(scope, move |tx, workspace| {
                    sql::put_rollout(tx, workspace, &looked)
                })
                .await?;
            }
            match rollout.decide(now) {
                Move::Stay => break,
                Move::Enter(index) => self.enter_step(scope, spec, rollout, index).await?,
                Move::Promote => match rollout.bake_index() {
                    Some(index) => self.enter_step(scope, spec, rollout, index).await?,
                    None => self.finish(scope, rollout).await?,
                },
                Move::Finish => self.finish(scope, rollout).await?,
                Move::RollBack { state, reason } => {
                    self.end_rollout(scope, rollout, state, reason).await?;
                }
            }
        }
        Ok(())
    }

    async fn enter_step(
        &self,
        scope: &Scope,
        spec: &EndpointSpec,
        rollout: &mut Rollout,
        index: usize,
    ) -> Result<(), LoopError> {
        rollout.enter(index, self.0.clock.now());
        let version = rollout.to.version;
        let Some(kind) = rollout.current().map(|step| step.spec.kind) else {
            return Ok(());
        };
        let (decided, text) = match kind {
            StepKind::Shadow => (
                DecisionKind::RolloutStep,
                format!(
                    "version {version} enters shadow: it scores every request and answers none"
                ),
            ),
            StepKind::Canary { weight } => (
                DecisionKind::RolloutStep,
                format!(
                    "version {version} answers {}% of requests",
                    f64::from(weight) / 100.0
                ),
            ),
            StepKind::Bake => (
                DecisionKind::Promoted,
                format!("version {version} is the champion; the old one stays warm"),
            ),
        };
        self.record(scope, rollout, decided, text).await?;
        self.converge(scope, spec, rollout).await
    }

    async fn finish(&self, scope: &Scope, rollout: &mut Rollout) -> Result<(), LoopError> {
        let spec = self.endpoint_spec(scope, &rollout.endpoint).await?;
        let is_first = rollout.from.is_none();
        rollout.end(
            RolloutState::Promoted,
            "promoted".to_owned(),
            self.0.clock.now(),
        );
        let version = rollout.to.version;
        let (kind, text) = if is_first {
            (
                DecisionKind::Promoted,
                format!("version {version} is the endpoint's first champion"),
            )
        } else {
            (
                DecisionKind::RolloutStep,
                format!("the bake of version {version} is over"),
            )
        };
        self.record(scope, rollout, kind, text).await?;
        self.converge(scope, &spec, rollout).await
    }

    pub(crate) async fn end_rollout(
        &self,
        scope: &Scope,
        rollout: &mut Rollout,
        state: RolloutState,
        reason: String,
    ) -> Result<(), LoopError> {
        let spec = self.endpoint_spec(scope, &rollout.endpoint).await?;
        let text = format!("version {} goes back: {reason}", rollout.to.version);
        rollout.end(state, reason, self.0.clock.now());
        self.record(scope, rollout, DecisionKind::RolledBack, text)
            .await?;
        self.converge(scope, &spec, rollout).await
    }

    async fn record(
        &self,
        scope: &Scope,
        rollout: &Rollout,
        kind: DecisionKind,
        text: String,
    ) -> Result<(), LoopError> {
        let evidence =
            serde_json::json!({ "guardrails": rollout.guardrails, "weight": rollout.weight() });
        let object = ("rollout", rollout.id.to_string());
        let decision = self.decision(scope, &rollout.endpoint, kind, text, object, evidence);
        let stored = rollout.clone();
        self.store(scope, move |tx, workspace| {
            sql::put_rollout(tx, workspace, &stored)?;
            sql::add_decision(tx, workspace, &decision)
        })
        .await
    }

    /// Makes traffic, alias and revisions what the stored rollout says that they are.
    pub(crate) async fn converge(
        &self,
        scope: &Scope,
        spec: &EndpointSpec,
        rollout: &Rollout,
    ) -> Result<(), LoopError> {
        let services = &self.0.services;
        let endpoint = &rollout.endpoint;
        let wanted = wanted_traffic(spec, rollout);
        let attempt = || format!("set the traffic of endpoint `{endpoint}`");
        let current = services
            .serving
            .traffic(scope, endpoint)
            .await
            .map_err(service("serving", attempt()))?;
        if (current.champion, current.canary, current.shadow)
            != (wanted.champion, wanted.canary, wanted.shadow)
        {
            services
                .serving
                .set_traffic(scope, endpoint, wanted)
                .await
                .map_err(service("serving", attempt()))?;
        }
        // The alias stands at the champion, also after a rollback out of the bake; where a person moved it elsewhere in
        // the meantime it stays, and is followed when the rollout has ended.
        let champion = match rollout.from {
            _ if rollout.weight() == 10_000 => Some(rollout.to.version),
            from => from
                .filter(|_| rollout.state.is_ended())
                .map(|from| from.version),
        };
        if let Some(champion) = champion {
            let sides = [
                rollout.from.map(|arm| arm.version),
                Some(rollout.to.version),
            ];
            if !self.is_alias_elsewhere(scope, spec, sides).await? {
                let attempt = || format!("move alias `{}` of `{}`", spec.alias, spec.model);
                services
                    .registry
                    .set_alias(scope, &spec.model, &spec.alias, champion)
                    .await
                    .map_err(service("registry", attempt()))?;
            }
        }
        if rollout.state.is_ended() {
            let idle = match (rollout.state, rollout.from) {
                (RolloutState::Promoted, from) => from.map(|arm| arm.revision),
                (
                    RolloutState::RolledBack
                    | RolloutState::Inconclusive
                    | RolloutState::Aborted
                    | RolloutState::Running,
                    _,
                ) => Some(rollout.to.revision),
            };
            if let Some(revision) = idle {
                services
                    .serving
                    .retire_revision(scope, endpoint, revision)
                    .await
                    .map_err(service("serving", "retire a revision"))?;
            }
        }
        Ok(())
    }

    /// Everything that both arms said since the rollout began, with the labels known by now.
    async fn observe(&self, scope: &Scope, rollout: &Rollout) -> Result<Observed, LoopError> {
        let now = self.0.clock.now();
        let attempt = "read the rollout's events";
        let columns = [
            "event_time",
            "prediction_id",
            "row",
            "row_key",
            "assignment_key",
            "revision",
            "served_as",
            "score",
            "latency_us",
            "error",
        ];
        let scan = Scan {
            workspace: scope.workspace.clone(),
            endpoint: rollout.endpoint.clone(),
            from: rollout.created_at,
            to: now,
            served_as: None,
            columns: Some(columns.map(str::to_owned).into()),
        };
        let events = &self.0.services.events;
        let all = events
            .predictions(&scan)
            .await
            .map_err(service("events", attempt))?;
        let served = Scan {
            served_as: Some(ServedAs::Served),
            columns: Some(["prediction_id", "row", "label"].map(str::to_owned).into()),
            ..scan
        };
        let labelled = events
            .labelled(&served, now)
            .await
            .map_err(service("events", attempt))?;
        let step = rollout.current();
        let canary = step.and_then(|step| match step.spec.kind {
            StepKind::Canary { weight } => {
                Some((weight, step.entered_at.unwrap_or(rollout.created_at)))
            }
            StepKind::Shadow | StepKind::Bake => None,
        });
        Ok(pair(rollout, &all, &labelled, canary))
    }

    pub(crate) async fn endpoint_spec(
        &self,
        scope: &Scope,
        endpoint: &trimtab_types::Name,
    ) -> Result<EndpointSpec, LoopError> {
        let serving = &self.0.services.serving;
        match serving.endpoint(scope, endpoint).await {
            Ok(found) => Ok(found.spec),
            Err(error) if error.code() == ErrorCode::NotFound => Err(LoopError::NotFound {
                kind: "endpoint",
                name: endpoint.to_string(),
            }),
            Err(error) => Err(service("serving", format!("read endpoint `{endpoint}`"))(
                error,
            )),
        }
    }
}

fn is_look_due(rollout: &Rollout, now: Time) -> bool {
    let Some(step) = rollout.current() else {
        return false;
    };
    let every = Duration::from_micros(step.spec.hold.as_micros() / LOOKS_PER_HOLD);
    rollout.looked_at.is_none_or(|at| now >= at + every)
}

/// The traffic that a rollout asks for. The salt is the same whenever the same version is sent to the same
/// endpoint, so that a unit keeps its arm over steps and over repeated replays.
fn wanted_traffic(spec: &EndpointSpec, rollout: &Rollout) -> Traffic {
    let (from, to) = (rollout.from.map(|arm| arm.revision), rollout.to.revision);
    let step = rollout.current().map(|step| step.spec.kind);
    let (champion, canary, shadow) = match (rollout.state, step) {
        (RolloutState::Promoted, _) => (Some(to), None, None),
        (RolloutState::Running, Some(StepKind::Shadow)) => (from, None, Some(to)),
        (RolloutState::Running, Some(StepKind::Canary { weight })) => {
            (from, Some((to, weight)), None)
        }
        (RolloutState::Running, Some(StepKind::Bake)) => (Some(to), None, from),
        (
            RolloutState::Running
            | RolloutState::RolledBack
            | RolloutState::Inconclusive
            | RolloutState::Aborted,
            _,
        ) => (from, None, None),
    };
    let salt = format!("{}:{}", spec.name, rollout.to.version);
    Traffic {
        champion,
        canary,
        shadow,
        salt,
        generation: 0,
    }
}

type RowId = (String, i32);

/// Pairs the rows that both arms scored. Pure; the order is that of the scan, which does not depend on arrival.
fn pair(
    rollout: &Rollout,
    all: &[RecordBatch],
    labelled: &[RecordBatch],
    canary: Option<(u32, Time)>,
) -> Observed {
    let (old, new) = (
        rollout.from.map(|arm| arm.revision.to_string()),
        rollout.to.revision.to_string(),
    );
    let mut labels: HashMap<RowId, f64> = HashMap::new();
    for batch in labelled {
        let Some(values) = batch
            .column_by_name("label")
            .and_then(|c| c.as_primitive_opt::<Float64Type>())
        else {
            continue;
        };
        for row in (0..batch.num_rows()).filter(|row| values.is_valid(*row)) {
            if let Some(id) = row_id(batch, row) {
                labels.insert(id, values.value(row));
            }
        }
    }
    let mut rows: Vec<(RowId, PairedRow, [bool; 2])> = Vec::new();
    let mut index: HashMap<RowId, usize> = HashMap::new();
    let mut latencies: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    let mut split = (0_u64, 0_u64);
    for batch in all {
        let (Some(revisions), Some(units), Some(served_as)) = (
            text(batch, "revision"),
            text(batch, "assignment_key"),
            text(batch, "served_as"),
        ) else {
            continue;
        };
        let scores = batch
            .column_by_name("score")
            .and_then(|c| c.as_primitive_opt::<Float64Type>());
        let latency = batch
            .column_by_name("latency_us")
            .and_then(|c| c.as_primitive_opt::<Int64Type>());
        let times = batch
            .column_by_name("event_time")
            .and_then(|c| c.as_primitive_opt::<arrow::datatypes::TimestampMicrosecondType>());
        for row in 0..batch.num_rows() {
            let revision = revisions.value(row);
            let arm = if revision == new {
                1
            } else if old.as_deref() == Some(revision) {
                0
            } else {
                continue;
            };
            let Some(id) = row_id(batch, row) else {
                continue;
            };
            let is_first_row = id.1 == 0;
            let is_served = served_as.value(row) == ServedAs::Served.as_str();
            if is_first_row && let Some(latency) = latency {
                latencies[arm].push(latency.value(row) as f64 / 1e3);
            }
            let in_step = canary.is_some_and(|(_, since)| {
                times.is_some_and(|times| Time::from_micros(times.value(row)) >= since)
            });
            if is_first_row && is_served && in_step {
                split.1 += 1;
                split.0 += u64::from(arm == 1);
            }
            let score = scores
                .filter(|s| s.is_valid(row))
                .map(|s| s.value(row))
                .filter(|s| s.is_finite());
            let at = *index.entry(id.clone()).or_insert_with(|| {
                let label = labels.get(&id).copied();
                let unit = units.value(row).to_owned();
                rows.push((
                    id,
                    PairedRow {
                        unit,
                        champion: None,
                        candidate: None,
                        label,
                    },
                    [false; 2],
                ));
                rows.len() - 1
            });
            rows[at].2[arm] = true;
            if arm == 1 {
                rows[at].1.candidate = score;
            } else {
                rows[at].1.champion = score;
            }
        }
    }
    let n = latencies[1].len() as u64;
    let medians = latencies.map(|mut values| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    });
    Observed {
        rows: rows
            .into_iter()
            .filter(|(_, _, seen)| seen[0] && seen[1])
            .map(|(_, row, _)| row)
            .collect(),
        split: canary.map(|(weight, _)| (split.0, split.1, weight)),
        latency_p50_ms: medians[0].zip(medians[1]).map(|(old, new)| (old, new, n)),
    }
}

fn text<'b>(batch: &'b RecordBatch, name: &str) -> Option<&'b arrow::array::StringArray> {
    batch.column_by_name(name)?.as_string_opt::<i32>()
}

fn row_id(batch: &RecordBatch, row: usize) -> Option<RowId> {
    let id = text(batch, "prediction_id")?.value(row).to_owned();
    let number = batch
        .column_by_name("row")?
        .as_primitive_opt::<Int32Type>()?
        .value(row);
    Some((id, number))
}
