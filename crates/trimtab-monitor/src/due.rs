//! Judging what is due: a window that has ended, or one whose outcomes have come.
//!
//! A step reads what stands, judges outside of any transaction, and writes window, alerts, messages and the monitor's new
//! place in one transaction that is refused when the monitor has moved meanwhile. Killed at any point, it is done anew.

use std::sync::{Arc, PoisonError};

use arrow::record_batch::RecordBatch;
use trimtab_db::Lane;
use trimtab_events::{Scan, ServedAs};
use trimtab_types::{Duration, MonitorWindowId, Name, Time, WorkspaceId};

use crate::{
    Alert, AlertKind, Baseline, EndpointReference, MonitorError, MonitorWindow, Monitors, Rescore,
    Severity, Verdict, WindowCheck, frame,
    incident::{self, Change},
    judge,
    performance::{self, STRETCH, Scored},
    reference::Learned,
    scores,
    sql::{self, StoredMonitor, StoredWindow},
    state::State,
};

/// When a window is judged again, in window widths after its end.
const RESCORE_AFTER: [i64; 4] = [1, 2, 7, 28];
/// Windows with fewer rows are judged together with those before them …
const ENOUGH_ROWS: u64 = 200;
/// … at most so many.
const POOLED_WINDOWS: usize = 28;
/// A monitor of an endpoint with a long past begins at most so many windows back.
const FIRST_WINDOWS: i64 = 400;
/// Earlier judgements that a window keeps.
const KEPT_HISTORY: usize = 8;

/// The rows of a window and all that they are judged with.
struct Evidence {
    batches: Vec<RecordBatch>,
    checks: Vec<WindowCheck>,
    /// Columns whose checks failed in windows that are judged together with this one.
    broken: Vec<String>,
    /// Rows that features and scores are judged on.
    judged: Vec<RecordBatch>,
}

impl Monitors {
    /// Does a monitor's next due piece of work. `None`: nothing is due. `Some(None)`: something was done, and no window
    /// came of it.
    pub(crate) async fn judge_next(
        &self,
        workspace: &WorkspaceId,
        name: &Name,
    ) -> Result<Option<Option<MonitorWindow>>, MonitorError> {
        let (of, monitor) = (workspace.clone(), name.clone());
        let found = self
            .0
            .db
            .read(move |tx| {
                let rescore = sql::next_rescore(tx, &of, &monitor)?;
                Ok::<_, MonitorError>((sql::monitor(tx, &of, &monitor)?, rescore))
            })
            .await?;
        let (Some(stored), rescore) = found else {
            return Ok(None);
        };
        let now = self.0.clock.now();
        let width = stored.monitor.window;
        let begin = match stored.monitor.last_judged_to {
            Some(judged_to) => Some(judged_to),
            None => self.bounds(workspace, &stored).await?.map(|(first, _)| {
                first.floor(width).max(
                    now.floor(width) - Duration::from_micros(width.as_micros() * FIRST_WINDOWS),
                )
            }),
        };
        if let Some((at, from)) = rescore
            && at <= now
            && begin.is_none_or(|begin| at <= begin + width)
        {
            return self.rescore(workspace, &stored, from, at).await.map(Some);
        }
        let until = rescore.map_or(now, |(at, _)| at.min(now));
        match begin {
            Some(begin) if begin + width <= until => {
                self.close(workspace, &stored, begin, until).await.map(Some)
            }
            Some(_) | None => Ok(None),
        }
    }

    async fn bounds(
        &self,
        workspace: &WorkspaceId,
        stored: &StoredMonitor,
    ) -> Result<Option<(Time, Time)>, MonitorError> {
        let endpoint = &stored.monitor.endpoint;
        let bounds = self
            .0
            .events
            .bounds(workspace, endpoint)
            .await
            .map_err(MonitorError::events(endpoint))?;
        Ok(bounds.map(|(first, last, _)| (first, last)))
    }

    /// Judges the first window from `begin` on that has rows and ends by `until`.
    async fn close(
        &self,
        workspace: &WorkspaceId,
        stored: &StoredMonitor,
        begin: Time,
        until: Time,
    ) -> Result<Option<MonitorWindow>, MonitorError> {
        let width = stored.monitor.window;
        let last = self.bounds(workspace, stored).await?.map(|(_, last)| last);
        let mut from = begin;
        let batches = loop {
            if last.is_none_or(|last| last < from) {
                // Nothing happened since: go to the last window that has ended.
                from = from.max(until.floor(width) - width);
                break Vec::new();
            }
            let batches = self
                .predictions(workspace, stored, from, from + width)
                .await?;
            if frame::rows(&batches) > 0 || from + width + width > until {
                break batches;
            }
            from = from + width;
        };
        let to = from + width;
        if frame::rows(&batches) == 0 {
            let (of, stored) = (workspace.clone(), stored.clone());
            let write = move |tx: &mut trimtab_db::Tx<'_>| {
                sql::turn(tx, &of, &stored, Some(to), &stored.state)
            };
            self.0.db.write(Lane::Control, write).await?;
            return Ok(None);
        }

        let reference = self.reference(workspace, &stored.monitor.endpoint).await?;
        let mut state = stored.state.clone();
        let is_new_champion = reference
            .as_ref()
            .is_some_and(|reference| state.follow(reference.model_version));
        let recent = self
            .recent(workspace, &stored.monitor.name, from, POOLED_WINDOWS)
            .await?;
        let evidence = self
            .evidence(
                workspace,
                stored,
                reference.as_ref(),
                (from, to),
                batches,
                &recent,
            )
            .await?;
        let scores = scores_of(&evidence.judged, state.model_version);
        let features = self
            .features(
                workspace,
                &stored.monitor.endpoint,
                reference.as_ref(),
                &evidence,
            )
            .await?;
        let prediction = scores::judge(&state.scores, &scores);
        state.learn_scores(&scores_of(&evidence.batches, state.model_version));
        let window = MonitorWindow {
            id: MonitorWindowId::new(),
            monitor: stored.monitor.name.clone(),
            endpoint: stored.monitor.endpoint.clone(),
            from,
            to,
            model_version: state.model_version,
            rows: frame::rows(&evidence.batches) as u64,
            judged_rows: frame::rows(&evidence.judged) as u64,
            labelled_rows: 0,
            checks: evidence.checks,
            features,
            prediction,
            performance: None,
            other_performance: Vec::new(),
            stretch: None,
            is_worse: false,
            verdict: Verdict::Ok,
            judged_at: to,
            history: Vec::new(),
        };
        let baseline = reference.and_then(|reference| reference.baseline);
        let mut fresh = StoredWindow {
            window,
            rescore_at: Some(to + width),
            scored: Scored::default(),
        };
        self.outcomes(
            workspace,
            stored,
            &mut fresh,
            &mut state,
            baseline.as_ref(),
            &recent,
            to,
        )
        .await?;
        self.finish(
            workspace,
            stored,
            fresh,
            state,
            recent,
            is_new_champion,
            Some(to),
        )
        .await
    }

    /// Judges a window again as of `at`: with the outcomes known by then, and with rows that came late.
    async fn rescore(
        &self,
        workspace: &WorkspaceId,
        stored: &StoredMonitor,
        from: Time,
        at: Time,
    ) -> Result<Option<MonitorWindow>, MonitorError> {
        let (of, name) = (workspace.clone(), stored.monitor.name.clone());
        let Some(mut again) = self
            .0
            .db
            .read(move |tx| sql::window_at(tx, &of, &name, from))
            .await?
        else {
            return Ok(None);
        };
        let (window, width) = (&mut again.window, stored.monitor.window);
        let before = Rescore {
            judged_at: window.judged_at,
            rows: window.rows,
            labelled_rows: window.labelled_rows,
            performance: window.performance.clone(),
            verdict: window.verdict,
        };
        let reference = self.reference(workspace, &stored.monitor.endpoint).await?;
        let mut state = stored.state.clone();
        let is_new_champion = reference
            .as_ref()
            .is_some_and(|reference| state.follow(reference.model_version));
        let is_current = window.model_version == state.model_version;
        let recent = self
            .recent(workspace, &stored.monitor.name, from, POOLED_WINDOWS)
            .await?;

        let batches = self
            .predictions(workspace, stored, window.from, window.to)
            .await?;
        let rows = frame::rows(&batches) as u64;
        if rows != window.rows {
            if is_current {
                let span = (window.from, window.to);
                let evidence = self
                    .evidence(
                        workspace,
                        stored,
                        reference.as_ref(),
                        span,
                        batches,
                        &recent,
                    )
                    .await?;
                window.features = self
                    .features(
                        workspace,
                        &stored.monitor.endpoint,
                        reference.as_ref(),
                        &evidence,
                    )
                    .await?;
                window.prediction = scores::judge(
                    &state.scores,
                    &scores_of(&evidence.judged, state.model_version),
                );
                window.judged_rows = frame::rows(&evidence.judged) as u64;
                window.checks = evidence.checks;
            }
            window.rows = rows;
        }
        window.judged_at = at;
        window.history.push(before);
        if window.history.len() > KEPT_HISTORY {
            window.history.remove(0);
        }
        again.rescore_at = RESCORE_AFTER
            .iter()
            .map(|widths| {
                window.to + Duration::from_micros(width.as_micros().saturating_mul(*widths))
            })
            .find(|due| *due > at);
        let baseline = if is_current {
            reference.and_then(|reference| reference.baseline)
        } else {
            None
        };
        self.outcomes(
            workspace,
            stored,
            &mut again,
            &mut state,
            baseline.as_ref(),
            &recent,
            at,
        )
        .await?;
        self.finish(
            workspace,
            stored,
            again,
            state,
            recent,
            is_new_champion,
            stored.monitor.last_judged_to,
        )
        .await
    }

    /// Fills in what the outcomes known at `as_of` say.
    #[expect(
        clippy::too_many_arguments,
        reason = "one step of two callers, with all that they hold"
    )]
    async fn outcomes(
        &self,
        workspace: &WorkspaceId,
        stored: &StoredMonitor,
        judged: &mut StoredWindow,
        state: &mut State,
        baseline: Option<&Baseline>,
        recent: &[StoredWindow],
        as_of: Time,
    ) -> Result<(), MonitorError> {
        let window = &mut judged.window;
        let endpoint = &stored.monitor.endpoint;
        let columns = ["score", "model_version", "label"]
            .map(str::to_owned)
            .to_vec();
        let scan = self.scan(workspace, stored, window.from, window.to, Some(columns));
        let batches = self
            .0
            .events
            .labelled(&scan, as_of)
            .await
            .map_err(MonitorError::events(endpoint))?;
        window.labelled_rows = frame::rows(&batches) as u64;
        let labels = of_version(
            &batches,
            window.model_version,
            frame::numbers(&batches, "label"),
        );
        let scores = scores_of(&batches, window.model_version);
        judged.scored = Scored::new(&labels, &scores);
        let is_current =
            window.model_version.is_some() && window.model_version == state.model_version;
        if is_current && baseline.is_none() {
            state.learn_outcomes(window.from, &judged.scored);
        }
        let learned = if is_current && baseline.is_none() {
            state.baseline()
        } else {
            None
        };
        let baseline = baseline.or(learned.as_ref());
        let mut by_metric = performance::of_window(&judged.scored, baseline).into_iter();
        window.performance = by_metric.next();
        window.other_performance = by_metric.collect();
        let stretch: Vec<&Scored> = std::iter::once(&judged.scored)
            .chain(
                recent
                    .iter()
                    .filter(|before| before.window.model_version == window.model_version)
                    .map(|before| &before.scored),
            )
            .filter(|scored| scored.rows() > 0)
            .take(STRETCH)
            .collect();
        let verdict = if judged.scored.rows() > 0 {
            performance::of_stretch(&stretch, baseline)
        } else {
            None
        };
        (window.stretch, window.is_worse) = verdict.map_or((None, false), |(stretch, is_worse)| {
            (Some(stretch), is_worse)
        });
        Ok(())
    }

    /// Draws the conclusions and writes everything.
    #[expect(
        clippy::too_many_arguments,
        reason = "one step of two callers, with all that they hold"
    )]
    async fn finish(
        &self,
        workspace: &WorkspaceId,
        stored: &StoredMonitor,
        mut judged: StoredWindow,
        state: State,
        mut recent: Vec<StoredWindow>,
        is_new_champion: bool,
        judged_to: Option<Time>,
    ) -> Result<Option<MonitorWindow>, MonitorError> {
        let as_of = judged.window.judged_at;
        let newest = if judged_to == Some(judged.window.to) {
            Vec::new()
        } else {
            // A window judged again is not the newest; alerts are drawn from the newest backward.
            let after = self
                .recent(
                    workspace,
                    &stored.monitor.name,
                    Time::MAX,
                    incident::HISTORY,
                )
                .await?;
            after
                .into_iter()
                .take_while(|later| later.window.from > judged.window.from)
                .collect()
        };
        recent.truncate(incident::HISTORY);
        let open = {
            let (of, name) = (workspace.clone(), stored.monitor.name.clone());
            self.0
                .db
                .read(move |tx| sql::open_alerts(tx, &of, &name))
                .await?
        };
        judged.window.verdict = verdict(&judged.window, &recent);
        let all: Vec<&MonitorWindow> = newest
            .iter()
            .map(|later| &later.window)
            .chain([&judged.window])
            .chain(recent.iter().map(|before| &before.window))
            .collect();
        let changes = changes(stored, &state, &all, &open, is_new_champion, as_of);
        let (of, stored, window) = (workspace.clone(), stored.clone(), judged.window.summary());
        let told = window.clone();
        let is_written = self
            .0
            .db
            .write(Lane::Control, move |tx| {
                if !sql::turn(tx, &of, &stored, judged_to, &state)? {
                    return Ok::<_, MonitorError>(false);
                }
                sql::put_window(tx, &of, &judged)?;
                for (change, alert) in &changes {
                    sql::put_alert(tx, &of, *change, alert, as_of)?;
                }
                sql::publish(tx, &of, "monitor.window-judged", &told, as_of)?;
                Ok(true)
            })
            .await?;
        Ok(is_written.then_some(window))
    }

    fn scan(
        &self,
        workspace: &WorkspaceId,
        stored: &StoredMonitor,
        from: Time,
        to: Time,
        columns: Option<Vec<String>>,
    ) -> Scan {
        let endpoint = stored.monitor.endpoint.clone();
        Scan {
            workspace: workspace.clone(),
            endpoint,
            from,
            to,
            served_as: Some(ServedAs::Served),
            columns,
        }
    }

    async fn predictions(
        &self,
        workspace: &WorkspaceId,
        stored: &StoredMonitor,
        from: Time,
        to: Time,
    ) -> Result<Vec<RecordBatch>, MonitorError> {
        let scan = self.scan(workspace, stored, from, to, None);
        self.0
            .events
            .predictions(&scan)
            .await
            .map_err(MonitorError::events(&stored.monitor.endpoint))
    }

    async fn reference(
        &self,
        workspace: &WorkspaceId,
        endpoint: &Name,
    ) -> Result<Option<EndpointReference>, MonitorError> {
        let reference = self.0.references.reference(workspace, endpoint).await;
        reference.map_err(MonitorError::port("read the reference", endpoint))
    }

    async fn recent(
        &self,
        workspace: &WorkspaceId,
        monitor: &Name,
        before: Time,
        limit: usize,
    ) -> Result<Vec<StoredWindow>, MonitorError> {
        let (of, monitor) = (workspace.clone(), monitor.clone());
        self.0
            .db
            .read(move |tx| sql::windows_before(tx, &of, &monitor, before, limit))
            .await
    }

    /// Checks a window's rows and, when they are few, adds those of the windows before it.
    async fn evidence(
        &self,
        workspace: &WorkspaceId,
        stored: &StoredMonitor,
        reference: Option<&EndpointReference>,
        (from, to): (Time, Time),
        batches: Vec<RecordBatch>,
        recent: &[StoredWindow],
    ) -> Result<Evidence, MonitorError> {
        let endpoint = &stored.monitor.endpoint;
        let Some(reference) = reference else {
            return Ok(Evidence {
                judged: batches.clone(),
                batches,
                checks: Vec::new(),
                broken: Vec::new(),
            });
        };
        let checks = self
            .0
            .checker
            .check(workspace, endpoint, reference.dataset, &batches)
            .await;
        let checks = checks
            .map_err(MonitorError::port("check the rows", endpoint))?
            .results;
        let (mut rows, mut earliest, mut broken) = (frame::rows(&batches) as u64, from, Vec::new());
        for before in recent {
            if rows >= ENOUGH_ROWS {
                break;
            }
            rows += before.window.rows;
            earliest = before.window.from;
            broken.extend(
                before
                    .window
                    .checks
                    .iter()
                    .filter(|check| !check.passed)
                    .filter_map(|check| check.column.clone()),
            );
        }
        let judged = if earliest < from {
            self.predictions(workspace, stored, earliest, to).await?
        } else {
            batches.clone()
        };
        Ok(Evidence {
            batches,
            checks,
            broken,
            judged,
        })
    }

    /// Judges the features on a thread of its own.
    async fn features(
        &self,
        workspace: &WorkspaceId,
        endpoint: &Name,
        reference: Option<&EndpointReference>,
        evidence: &Evidence,
    ) -> Result<Vec<crate::FeatureDrift>, MonitorError> {
        let Some(reference) = reference.cloned() else {
            return Ok(Vec::new());
        };
        let key = (workspace.clone(), endpoint.clone());
        let known = {
            let learned = self
                .0
                .learned
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            learned
                .get(&key)
                .filter(|learned| learned.is_of(&reference))
                .cloned()
        };
        let (judged, checks, broken) = (
            evidence.judged.clone(),
            evidence.checks.clone(),
            evidence.broken.clone(),
        );
        let work = move || {
            let learned = known.unwrap_or_else(|| Arc::new(Learned::new(&reference)));
            let features = judge::features(&learned, &judged, &checks, &broken);
            (learned, features)
        };
        let (learned, features) = tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| MonitorError::CutOff(endpoint.clone()))?;
        self.0
            .learned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, learned);
        Ok(features)
    }
}

/// The values of rows that this model version answered.
fn of_version(batches: &[RecordBatch], model_version: Option<i64>, values: Vec<f64>) -> Vec<f64> {
    let versions = frame::numbers(batches, "model_version");
    values
        .into_iter()
        .zip(versions)
        .filter(|(_, version)| model_version.is_some_and(|wanted| wanted as f64 == *version))
        .map(|(value, _)| value)
        .collect()
}

fn scores_of(batches: &[RecordBatch], model_version: Option<i64>) -> Vec<f64> {
    of_version(batches, model_version, frame::numbers(batches, "score"))
}

fn verdict(window: &MonitorWindow, recent: &[StoredWindow]) -> Verdict {
    let of_version: Vec<&MonitorWindow> = std::iter::once(window)
        .chain(
            recent
                .iter()
                .map(|before| &before.window)
                .filter(|before| before.model_version == window.model_version),
        )
        .collect();
    let drifted = |kind| !incident::persistent(kind, &of_version).is_empty();
    let is_drifted = window
        .features
        .iter()
        .chain(&window.prediction)
        .any(|drift| drift.drifted);
    if incident::failures(window).next().is_some() {
        Verdict::Failed
    } else if window.is_worse
        || (is_drifted && (drifted(AlertKind::DataDrift) || drifted(AlertKind::PredictionDrift)))
    {
        Verdict::Drift
    } else if is_drifted
        || window
            .checks
            .iter()
            .any(|check| !check.passed && check.severity == Severity::Warning)
    {
        Verdict::Warning
    } else if window.features.is_empty() && window.stretch.is_none() {
        Verdict::TooFew
    } else {
        Verdict::Ok
    }
}

/// What becomes of a monitor's alerts. `windows` is newest first.
fn changes(
    stored: &StoredMonitor,
    state: &State,
    windows: &[&MonitorWindow],
    open: &[Alert],
    is_new_champion: bool,
    as_of: Time,
) -> Vec<(Change, Alert)> {
    let of_champion: Vec<&MonitorWindow> = windows
        .iter()
        .copied()
        .filter(|window| {
            window.model_version.is_some() && window.model_version == state.model_version
        })
        .collect();
    AlertKind::ALL
        .into_iter()
        .flat_map(|kind| {
            let standing = open.iter().find(|alert| alert.kind == kind);
            let is_of_data = kind == AlertKind::Checks;
            if let (Some(alert), Some(champion), true, false) =
                (standing, state.model_version, is_new_champion, is_of_data)
            {
                return vec![incident::close_for_champion(alert, champion, as_of)];
            }
            let relevant = if is_of_data {
                windows
            } else {
                of_champion.as_slice()
            };
            incident::advance(&stored.monitor, kind, relevant, standing, as_of)
                .into_iter()
                .collect()
        })
        .collect()
}
