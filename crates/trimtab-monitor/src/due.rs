//! Judging what is due: a window that has ended, or one whose outcomes have come.
//!
//! A step reads what stands, judges outside of any transaction, and writes window, alerts, messages and the monitor's new
//! place in one transaction that is refused when the monitor has moved meanwhile. Killed at any point, it is done anew.

use arrow::record_batch::RecordBatch;
use trimtab_db::Lane;
use trimtab_types::{Duration, MonitorWindowId, Name, Time, WorkspaceId};

use crate::{
    Baseline, EndpointReference, MonitorError, MonitorWindow, Monitors, Performance, Rescore,
    Verdict, WindowCheck, frame, gradual, incident, labels,
    performance::{self, STRETCH, STRETCH_ROWS, Scored},
    scores,
    sql::{self, StoredMonitor, StoredWindow},
    state::State,
};

mod conclude;
mod reading;

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

/// What is known of what became of a window's rows.
struct Outcomes {
    /// Rows with an outcome, whoever answered them.
    rows: u64,
    /// Those that the window's champion answered.
    scored: Scored,
}

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
            .recent(
                workspace,
                &stored.monitor.name,
                from,
                reach(frame::rows(&batches) as u64),
            )
            .await?;
        let mut evidence = self
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
        let mut features = self
            .features(
                workspace,
                &stored.monitor.endpoint,
                reference.as_ref(),
                &evidence,
            )
            .await?;
        gradual::soften(
            &mut evidence.checks,
            &mut features,
            window_before(&recent, state.model_version),
        );
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
        let expected = Expected::of(reference.as_ref(), true);
        let mut fresh = StoredWindow {
            window,
            rescore_at: Some(to + width),
            scored: Scored::default(),
        };
        let known = self.outcomes(workspace, stored, &fresh.window, to).await?;
        outcomes(&mut fresh, known, &mut state, &expected, &recent);
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
        let span = (window.from, window.to);
        let rows = self.count(workspace, stored, span).await?;
        let known = self.outcomes(workspace, stored, window, at).await?;
        again.rescore_at = RESCORE_AFTER
            .iter()
            .map(|widths| {
                window.to + Duration::from_micros(width.as_micros().saturating_mul(*widths))
            })
            .find(|due| *due > at);
        let is_same = rows == window.rows
            && known.rows == window.labelled_rows
            && known.scored == again.scored;
        if is_same && !is_new_champion {
            // Nothing came since: the judgement stands.
            let (of, stored, due) = (workspace.clone(), stored.clone(), again.rescore_at);
            let write = move |tx: &mut trimtab_db::Tx<'_>| {
                if sql::turn(
                    tx,
                    &of,
                    &stored,
                    stored.monitor.last_judged_to,
                    &stored.state,
                )? {
                    sql::put_rescore(tx, &of, &stored.monitor.name, from, due)?;
                }
                Ok::<_, MonitorError>(())
            };
            self.0.db.write(Lane::Control, write).await?;
            return Ok(None);
        }
        let recent = self
            .recent(workspace, &stored.monitor.name, from, reach(rows))
            .await?;
        if rows != window.rows {
            if is_current {
                let batches = self
                    .predictions(workspace, stored, window.from, window.to)
                    .await?;
                let endpoint = &stored.monitor.endpoint;
                let mut evidence = self
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
                    .features(workspace, endpoint, reference.as_ref(), &evidence)
                    .await?;
                gradual::soften(
                    &mut evidence.checks,
                    &mut window.features,
                    window_before(&recent, state.model_version),
                );
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
        let expected = Expected::of(reference.as_ref(), is_current);
        outcomes(&mut again, known, &mut state, &expected, &recent);
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
}

/// What the outcomes of a window are held against.
struct Expected<'a> {
    label: Option<&'a str>,
    baseline: Option<&'a Baseline>,
}

impl<'a> Expected<'a> {
    /// The expectation of a champion says nothing of the windows of an earlier one.
    fn of(reference: Option<&'a EndpointReference>, is_current: bool) -> Self {
        Self {
            label: reference.and_then(|reference| reference.label.as_deref()),
            baseline: reference
                .filter(|_| is_current)
                .and_then(|reference| reference.baseline.as_ref()),
        }
    }
}

/// Fills in what a window's outcomes say.
fn outcomes(
    judged: &mut StoredWindow,
    outcomes: Outcomes,
    state: &mut State,
    expected: &Expected<'_>,
    recent: &[StoredWindow],
) {
    let window = &mut judged.window;
    window.labelled_rows = outcomes.rows;
    judged.scored = outcomes.scored;
    let is_current = window.model_version.is_some() && window.model_version == state.model_version;
    window.checks.retain(|check| !labels::is_of_labels(check));
    window
        .checks
        .extend(labels::check(&judged.scored, expected.label));
    let is_wrong = labels::are_wrong(window);
    let baseline = expected.baseline;
    if is_current && baseline.is_none() {
        if is_wrong {
            state.forget_performance(window.from);
        } else {
            state.learn_performance(window.from, &judged.scored);
        }
    }
    let learned = if is_current && baseline.is_none() {
        state.baseline()
    } else {
        None
    };
    let baseline = baseline.or(learned.as_ref());
    let mut by_metric = performance::of_window(&judged.scored, baseline).into_iter();
    let before = std::mem::replace(&mut window.performance, by_metric.next());
    window.other_performance = by_metric.collect();
    let stretch: Vec<&Scored> = std::iter::once(&judged.scored)
        .chain(
            recent
                .iter()
                .filter(|before| before.window.model_version == window.model_version)
                .filter(|before| !labels::are_wrong(&before.window))
                .map(|before| &before.scored),
        )
        .filter(|scored| scored.rows() > 0)
        .scan((0, 0), |(windows, rows), scored| {
            let is_wanted = *windows < STRETCH || *rows < STRETCH_ROWS;
            *windows += 1;
            *rows += scored.rows();
            is_wanted.then_some(scored)
        })
        .collect();
    let verdict = if judged.scored.rows() > 0 && !is_wrong {
        performance::of_stretch(&stretch, baseline)
    } else {
        None
    };
    let expected =
        |of: &Option<Performance>| of.as_ref().and_then(|performance| performance.baseline);
    let (before, stretch_before) = (expected(&before), expected(&window.stretch));
    let (stretch, is_worse) = verdict.map_or((None, false), |(stretch, is_worse)| {
        (Some(stretch), is_worse)
    });
    window.stretch = stretch;
    if is_current {
        window.is_worse = is_worse;
    } else {
        // What was expected of an earlier champion is known from then only.
        for (performance, baseline) in [
            (&mut window.performance, before),
            (&mut window.stretch, stretch_before),
        ] {
            if let Some(performance) = performance {
                performance.baseline = baseline;
            }
        }
    }
}

/// The window before one, when the same champion answered it.
fn window_before(recent: &[StoredWindow], model_version: Option<i64>) -> Option<&MonitorWindow> {
    let before = &recent.first()?.window;
    (before.model_version == model_version).then_some(before)
}

/// How many windows back a window of so many rows may look.
fn reach(rows: u64) -> usize {
    if rows < ENOUGH_ROWS {
        POOLED_WINDOWS
    } else {
        incident::HISTORY
    }
}

/// The values of rows that this model version answered.
fn of_version(batches: &[RecordBatch], model_version: Option<i64>, values: Vec<f64>) -> Vec<f64> {
    let versions = frame::numbers(batches, "model_version");
    values
        .into_iter()
        .zip(versions)
        .filter(|(_, version)| {
            model_version.is_some_and(|wanted| (wanted as f64 - version).abs() < 0.5)
        })
        .map(|(value, _)| value)
        .collect()
}

fn scores_of(batches: &[RecordBatch], model_version: Option<i64>) -> Vec<f64> {
    of_version(batches, model_version, frame::numbers(batches, "score"))
}
