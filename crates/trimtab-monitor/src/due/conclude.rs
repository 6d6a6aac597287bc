//! The conclusions of a judged window: its verdict, what becomes of the alerts, and the one transaction that writes it all.

use trimtab_db::Lane;
use trimtab_types::{Time, WorkspaceId};

use crate::{
    Alert, AlertKind, MonitorError, MonitorWindow, Monitors, Severity, Verdict,
    incident::{self, Change},
    sql::{self, StoredMonitor, StoredWindow},
    state::State,
};

impl Monitors {
    /// Draws the conclusions and writes everything.
    pub(super) async fn finish(
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
            let is_of_data = matches!(kind, AlertKind::Checks | AlertKind::Labels);
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
