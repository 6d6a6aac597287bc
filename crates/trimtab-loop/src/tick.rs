//! What happens by itself: monitors judge, alerts start plans, plans go on, rollouts move. Under the system clock a
//! task ticks; under the replay clock [`Loop::advance`] does, and answers when all work due by then is done.

use std::{sync::atomic::Ordering, time::Duration as StdDuration};

use trimtab_data::Quarantine;
use trimtab_db::{Db, Lane};
use trimtab_monitor::{Alert, AlertKind, Severity};
use trimtab_telemetry::Tasks;
use trimtab_types::{Duration, Scope, Time, WorkspaceId};

use crate::{
    Admission, Autonomy, Cause, DecisionKind, Loop, LoopError, PlanGiven, TriggerSpec, admit,
    error::service, has_new_data, sql, steps::chain,
};

/// How often the live loop looks, when nothing wakes it sooner.
const TICK: StdDuration = StdDuration::from_secs(5);
/// How long the controller's lease lasts without renewal.
const LEASE_MS: i64 = 60_000;
/// How often it is renewed in a long tick.
const RENEWAL: StdDuration = StdDuration::from_secs(20);
/// The replay clock stops at every multiple of this on its way, so that windows are judged as they close.
const STRIDE: Duration = Duration::from_days(1);
/// How long after its end an alert's last reach is still told.
const TOLD_AFTER: Duration = Duration::from_days(7);

impl Loop {
    /// Ticks until the process shuts down.
    pub async fn run(self, tasks: Tasks) {
        self.0.trainings.run_beside(&tasks);
        let mut changes = self.0.db.outbox_changes();
        let mut last_failure = String::new();
        while !tasks.is_cancelled() {
            if let Err(error) = self.tick().await {
                let said = chain(&error);
                if said != last_failure {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the loop's tick failed; it is tried again, and told again when it fails otherwise"
                    );
                    last_failure = said;
                }
                // What failed wrote messages of its own: they are no reason to try again at once.
                tokio::select! {
                    () = tasks.cancelled() => break,
                    () = tokio::time::sleep(TICK) => {}
                    () = self.0.woken.notified() => {}
                }
                changes.mark_unchanged();
                continue;
            }
            last_failure.clear();
            tokio::select! {
                () = tasks.cancelled() => break,
                () = tokio::time::sleep(TICK) => {}
                () = self.0.trainings.ended() => {}
                () = self.0.woken.notified() => {}
                changed = changes.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    // Let a burst of messages pass before looking again.
                    tokio::time::sleep(StdDuration::from_millis(200)).await;
                }
            }
        }
    }

    /// Moves the replay clock forward and answers, with where it stands, when all work due by then is done.
    pub async fn advance(&self, to: Time) -> Result<Time, LoopError> {
        if self.is_resumed().await? {
            self.tick_as_controller().await?;
        }
        loop {
            let now = self.0.clock.now();
            let next = to.min(now.floor(STRIDE) + STRIDE);
            self.0.clock.advance_to(next)?;
            self.tick_as_controller().await?;
            if next == to {
                return Ok(to);
            }
        }
    }

    /// Where the replay clock stood when the last process that drove it ended, however it ended.
    pub async fn clock_reached(db: &Db) -> Result<Option<Time>, LoopError> {
        db.read(|tx| Ok(sql::clock(tx)?)).await
    }

    /// Whether an earlier process may have been killed in the tick of the time at which the clock stands.
    async fn is_resumed(&self) -> Result<bool, LoopError> {
        if self.0.has_ticked.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let reached = Self::clock_reached(&self.0.db).await?;
        Ok(reached == Some(self.0.clock.now()))
    }

    /// Does all work that is due in every workspace, unless another process is the controller. A failure in one
    /// workspace does not stop the others.
    pub async fn tick(&self) -> Result<(), LoopError> {
        match self.tick_as_controller().await {
            Err(LoopError::Standby) => Ok(()),
            done => done,
        }
    }

    async fn tick_as_controller(&self) -> Result<(), LoopError> {
        let _one_at_a_time = self.0.ticking.lock().await;
        // Together, so that they share a commit; nothing is done before both stand.
        let (lease, clock) = tokio::join!(self.hold_lease(), self.note_clock());
        lease?;
        clock?;
        self.0.has_ticked.store(true, Ordering::Relaxed);
        // A training may take hours; who carries it out stays the controller.
        let renewed = async {
            loop {
                tokio::time::sleep(RENEWAL).await;
                if let Err(error) = self.hold_lease().await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the loop's lease was not renewed"
                    );
                }
            }
        };
        tokio::select! {
            done = self.do_due() => done,
            () = renewed => Ok(()),
        }
    }

    /// Writes down where the replay clock stands: a process that is killed from here on begins there again.
    async fn note_clock(&self) -> Result<(), LoopError> {
        if !self.0.clock.is_replay() {
            return Ok(());
        }
        let now = self.0.clock.now();
        self.0
            .db
            .write(Lane::Control, move |tx| Ok(sql::put_clock(tx, now)?))
            .await
    }

    async fn hold_lease(&self) -> Result<(), LoopError> {
        let (db, holder) = (&self.0.db, &self.0.holder);
        let held = db.acquire_lease("loop", holder, LEASE_MS).await?;
        let lease = held.ok_or(LoopError::Standby)?;
        *self.0.lease.write().await = Some(lease);
        Ok(())
    }

    async fn do_due(&self) -> Result<(), LoopError> {
        let services = &self.0.services;
        services
            .serving
            .drain()
            .await
            .map_err(service("serving", "drain mirrored requests"))?;
        services
            .events
            .flush()
            .await
            .map_err(service("events", "flush the event log"))?;
        let workspaces = self
            .0
            .db
            .read(|tx| Ok::<_, LoopError>(sql::workspaces(tx)?))
            .await?;
        let mut first_failure = None;
        for workspace in workspaces {
            if let Err(error) = self.tick_workspace(&workspace).await {
                // The first one is told by whoever called.
                if first_failure.is_some() {
                    tracing::warn!(%workspace, error = &error as &dyn std::error::Error, "the loop could not go on");
                }
                first_failure.get_or_insert(error);
            }
        }
        first_failure.map_or(Ok(()), Err)
    }

    async fn tick_workspace(&self, workspace: &WorkspaceId) -> Result<(), LoopError> {
        let scope = Scope::controller(workspace.clone());
        let monitors = &self.0.services.monitors;
        monitors
            .judge_due(workspace)
            .await
            .map_err(service("monitor", "judge the windows that are due"))?;
        let alerts = monitors
            .alerts(&scope, None, false, 200)
            .await
            .map_err(service("monitor", "read alerts"))?;
        for alert in &alerts {
            self.see(&scope, alert).await?;
        }
        self.go_on(&scope).await?;
        self.follow_aliases(&scope).await?;
        let open: Vec<&Alert> = alerts
            .iter()
            .filter(|alert| alert.closed_at.is_none())
            .collect();
        if self.start_due(&scope, &open).await? {
            self.go_on(&scope).await?;
        }
        Ok(())
    }

    pub(crate) async fn go_on(&self, scope: &Scope) -> Result<(), LoopError> {
        let workspace = scope.workspace.clone();
        let open = self
            .0
            .db
            .read(move |tx| Ok::<_, LoopError>(sql::open_plans(tx, &workspace)?))
            .await?;
        // One endpoint's trouble does not keep another's rollout from its guardrails.
        let mut first_failure = None;
        for mut plan in open {
            if let Err(error) = self.carry_on(scope, &mut plan).await {
                first_failure.get_or_insert(error);
            }
        }
        first_failure.map_or(Ok(()), Err)
    }

    /// Tells of a new alert once, and keeps the quarantine of broken data as wide as the alert.
    async fn see(&self, scope: &Scope, alert: &Alert) -> Result<(), LoopError> {
        let evidence = serde_json::json!({
            "kind": alert.kind, "columns": alert.columns, "from": alert.from, "to": alert.to, "evidence": alert.evidence,
        });
        let object = ("alert", alert.id.to_string());
        let decision = self.decision(
            scope,
            &alert.endpoint,
            DecisionKind::Alert,
            alert.cause.clone(),
            object,
            evidence,
        );
        let id = alert.id.to_string();
        self.store(scope, move |tx, workspace| {
            if sql::see_alert(tx, workspace, &id)? {
                sql::add_decision(tx, workspace, &decision)?;
            }
            Ok(())
        })
        .await?;
        let lately = self.0.clock.now() - TOLD_AFTER;
        if is_of_broken_data(alert) && alert.closed_at.is_none_or(|closed| closed >= lately) {
            let from = alert.from - alert.window;
            let text = match alert.closed_at {
                None => format!(
                    "rows from {from} on are not learned from until this ends: {}",
                    alert.cause
                ),
                Some(_) => format!(
                    "rows from {from} to {} are not learned from: {}",
                    alert.to, alert.cause
                ),
            };
            let quarantine = Quarantine {
                endpoint: alert.endpoint.clone(),
                from,
                to: alert.to,
                columns: alert.columns.clone(),
                cause: alert.cause.clone(),
                alert: Some(alert.id),
                at: self.0.clock.now(),
            };
            self.quarantine(scope, quarantine, text).await?;
        }
        Ok(())
    }

    /// Quarantines rows unless what is quarantined already covers them, and tells it in these words, once.
    pub(crate) async fn quarantine(
        &self,
        scope: &Scope,
        wanted: Quarantine,
        text: String,
    ) -> Result<(), LoopError> {
        let object = match wanted.alert {
            Some(alert) => ("alert", alert.to_string()),
            None => ("endpoint", wanted.endpoint.to_string()),
        };
        let evidence =
            serde_json::json!({ "from": wanted.from, "to": wanted.to, "columns": wanted.columns });
        let decision = self.decision(
            scope,
            &wanted.endpoint,
            DecisionKind::Quarantine,
            text,
            object,
            evidence,
        );
        // Told first: a kill in between repeats both, and the same words are not told again.
        self.store(scope, move |tx, workspace| {
            if sql::is_told(tx, workspace, &decision)? {
                return Ok(());
            }
            sql::add_decision(tx, workspace, &decision)
        })
        .await?;
        let data = &self.0.services.data;
        let attempt = "quarantine rows";
        let standing = data
            .quarantines(scope, &wanted.endpoint)
            .await
            .map_err(service("data", attempt))?;
        if standing
            .iter()
            .any(|old| old.from <= wanted.from && wanted.to <= old.to)
        {
            return Ok(());
        }
        data.quarantine(scope, wanted)
            .await
            .map_err(service("data", attempt))?;
        Ok(())
    }

    /// Starts the plans that open alerts ask for and the trigger's policy admits; answers whether any was.
    async fn start_due(&self, scope: &Scope, open: &[&Alert]) -> Result<bool, LoopError> {
        let mut is_any_started = false;
        for spec in self.triggers(scope).await? {
            if has_wrong_labels(&spec, open) {
                // Wrong outcomes judge nobody.
                continue;
            }
            let causes = causes(&spec, open);
            if self.policy(scope, &spec.endpoint).await?.autonomy == Autonomy::Observe {
                continue;
            }
            let history = self.history(scope, &spec).await?;
            if admit(&spec, &history, self.0.clock.now()) != Admission::Start {
                continue;
            }
            let cause = if causes.is_empty() {
                let rows = self.rows_served(scope, &spec.endpoint).await?;
                if spec.monitor.is_none() || !has_new_data(&history, rows) {
                    continue;
                }
                let known = history.known_rows;
                Cause::NewData { rows, known }
            } else {
                Cause::Alerts {
                    alerts: causes.iter().map(|alert| alert.id).collect(),
                    text: causes
                        .iter()
                        .map(|alert| alert.cause.as_str())
                        .collect::<Vec<_>>()
                        .join("; "),
                }
            };
            self.write_plan(
                scope,
                Some(spec.name),
                spec.endpoint,
                cause,
                PlanGiven::default(),
            )
            .await?;
            is_any_started = true;
        }
        Ok(is_any_started)
    }
}

/// Whether an alert says that rows must not be learned from.
fn is_of_broken_data(alert: &Alert) -> bool {
    matches!(alert.kind, AlertKind::Checks | AlertKind::Labels) && alert.severity == Severity::Error
}

/// The open alerts that ask for a trigger's plan. Broken data is not learned from: it quarantines and does not retrain.
/// What else drifts while inputs are broken is most likely theirs.
fn causes<'a>(spec: &TriggerSpec, open: &[&'a Alert]) -> Vec<&'a Alert> {
    let are_inputs_broken = own(spec, open).any(|alert| alert.kind == AlertKind::Checks);
    own(spec, open)
        .filter(|alert| match alert.kind {
            AlertKind::Checks | AlertKind::Labels => false,
            AlertKind::DataDrift | AlertKind::PredictionDrift => !are_inputs_broken,
            AlertKind::Performance => true,
        })
        .collect()
}

fn has_wrong_labels(spec: &TriggerSpec, open: &[&Alert]) -> bool {
    own(spec, open).any(|alert| alert.kind == AlertKind::Labels)
}

fn own<'a>(spec: &TriggerSpec, open: &[&'a Alert]) -> impl Iterator<Item = &'a Alert> {
    open.iter()
        .copied()
        .filter(|alert| spec.monitor.as_ref() == Some(&alert.monitor))
}
